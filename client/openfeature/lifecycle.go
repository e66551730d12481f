package openfeature

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/rampart-dev/rampart/client"
)

// A life lasts from initialising to shutting down, or to initialising again.
type life struct {
	context.Context
	end     context.CancelFunc
	watched chan struct{} // closed when nobody watches the client in it any more
}

// Init implements [openfeature.StateHandler].
func (p *Provider) Init(about openfeature.EvaluationContext) error {
	return p.InitWithContext(context.Background(), about)
}

// InitWithContext implements [openfeature.ContextAwareStateHandler]. It waits until flags
// are known, of the store or of the bootstrap file, but no longer than the context and
// Options.InitWithin allow.
//
// An error of code PROVIDER_NOT_READY says that none are known yet; the provider goes
// on trying, and says READY when they come. One of code PROVIDER_FATAL says that they
// never will.
func (p *Provider) InitWithContext(ctx context.Context, _ openfeature.EvaluationContext) error {
	p.mu.Lock()
	ended := p.ended
	p.mu.Unlock()
	p.starting.Lock()
	defer p.starting.Unlock()
	l, err := p.begin(ended)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.options.InitWithin, fmt.Errorf("none came within %s", p.options.InitWithin))
	defer cancel()
	defer context.AfterFunc(l, cancel)()

	flags, err := p.open(ctx, l)
	if err != nil {
		close(l.watched)
		return err
	}
	err = flags.WaitReady(ctx)
	told := client.Current // by the SDK, when this returns
	switch {
	case l.Err() != nil:
		err = errShutDown
	case err != nil:
		told = client.Starting
		err = fmt.Errorf("%w: %w", notReady("flags are not known: "+flags.Status().Failure), err)
	}
	p.watch(l, flags, told)
	return err
}

// Shutdown implements [openfeature.StateHandler].
func (p *Provider) Shutdown() { _ = p.ShutdownWithContext(context.Background()) }

// ShutdownWithContext implements [openfeature.ContextAwareStateHandler]. It closes the
// client if it is the provider's own; evaluations then get their defaults. A provider of
// somebody else's client goes on answering from it, and only has no more events.
func (p *Provider) ShutdownWithContext(ctx context.Context) error {
	p.mu.Lock()
	p.ended++
	last, flags := p.life, p.client.Load()
	p.life = nil
	if p.owned != nil {
		p.client.Store(nil)
		p.described.Clear()
	}
	p.mu.Unlock()
	if last == nil {
		return nil
	}
	last.end()
	closed := make(chan error, 1)
	go func() {
		<-last.watched
		if p.owned == nil || flags == nil {
			closed <- nil
			return
		}
		closed <- flags.Close()
	}()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("shut down: %w", context.Cause(ctx))
	}
}

// begin begins a life in place of the last, unless the provider was shut down since it
// was asked to.
func (p *Provider) begin(ended int) (*life, error) {
	ctx, end := context.WithCancel(context.Background())
	l := &life{Context: ctx, end: end, watched: make(chan struct{})}
	p.mu.Lock()
	last := p.life
	if p.ended != ended {
		p.mu.Unlock()
		end()
		return nil, errShutDown
	}
	p.life = l
	p.mu.Unlock()
	if last != nil {
		last.end()
		<-last.watched
	}
	return l, nil
}

// open returns the client, and opens it if it is the provider's own and not open yet.
func (p *Provider) open(ctx context.Context, l *life) (*client.Client, error) {
	if flags := p.client.Load(); flags != nil {
		return flags, nil
	}
	if p.owned == nil {
		return nil, &openfeature.ProviderInitError{ErrorCode: openfeature.ProviderFatalCode, Message: "the provider has no client"}
	}
	flags, err := client.Open(ctx, *p.owned)
	if err != nil {
		fatal := &openfeature.ProviderInitError{ErrorCode: openfeature.ProviderFatalCode, Message: err.Error()}
		return nil, fmt.Errorf("%w: %w", fatal, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.Err() != nil { // nobody else will close it
		return nil, errors.Join(errShutDown, flags.Close())
	}
	p.client.Store(flags)
	return flags, nil
}

var errShutDown = notReady("the provider was shut down while it was initialised")

func notReady(message string) error {
	return &openfeature.ProviderInitError{ErrorCode: openfeature.ProviderNotReadyCode, Message: message}
}

// settle is how long the first event of a life waits. The SDK notes how initialising
// ended after it has returned, and would take what came before for out of date: a
// provider that began STALE would be READY.
const settle = 100 * time.Millisecond
