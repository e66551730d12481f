package openfeature

import (
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/rampart-dev/rampart/client"
)

// EventChannel implements [openfeature.EventHandler]. What happens while nobody reads
// it is told together afterwards.
//
// The SDK itself tells how initialising ended. After that, the provider is STALE when
// nobody knows any more whether its flags are current, READY when they are, and in
// ERROR when its client was closed by somebody else; it goes on answering throughout.
// PROVIDER_CONFIGURATION_CHANGED names the flags whose answers may differ from before,
// whether by their own documents, by kills, by leases or by segments.
func (p *Provider) EventChannel() <-chan openfeature.Event { return p.events }

// watch makes events of what the client sees, for as long as the life lasts. It returns
// once nothing can be missed.
func (p *Provider) watch(l *life, flags *client.Client, told client.State) {
	begun := make(chan struct{})
	go func() {
		defer close(l.watched)
		first := true
		for change := range flags.Changes(l) {
			if first {
				first = false
				close(begun)
				if !pause(l, settle) {
					return
				}
				change.State = flags.Status().State
			}
			if !p.tell(l, change, &told) {
				return
			}
		}
		if l.Err() == nil {
			p.emit(l, openfeature.ProviderError, openfeature.ProviderEventDetails{
				Message: "the client was closed; its last state is served", ErrorCode: openfeature.GeneralCode,
			})
		}
	}()
	select {
	case <-begun:
	case <-l.watched:
	}
}

// tell emits what a change means and reports whether the life lasts.
func (p *Provider) tell(l *life, change client.Change, told *client.State) bool {
	if change.State != *told {
		*told = change.State
		if is, message := eventOf(change.State); !p.emit(l, is, openfeature.ProviderEventDetails{Message: message}) {
			return false
		}
	}
	if len(change.Flags) == 0 {
		return true
	}
	return p.emit(l, openfeature.ProviderConfigChange, openfeature.ProviderEventDetails{
		Message: "flags have changed", FlagChanges: change.Flags,
	})
}

// eventOf returns the event of a state that the client has come to. It never comes
// back to STARTING.
func eventOf(s client.State) (is openfeature.EventType, message string) {
	if s == client.Stale {
		return openfeature.ProviderStale, "the flag store is out of reach; the last state is served"
	}
	return openfeature.ProviderReady, "flags are current"
}

func (p *Provider) emit(l *life, is openfeature.EventType, details openfeature.ProviderEventDetails) bool {
	select {
	case p.events <- openfeature.Event{ProviderName: ProviderName, EventType: is, ProviderEventDetails: details}:
		return true
	case <-l.Done():
		return false
	}
}

func pause(l *life, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.Done():
		return false
	}
}
