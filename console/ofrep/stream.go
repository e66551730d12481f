package ofrep

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/rampart-dev/rampart/console/access"
)

const (
	heartbeat    = 15 * time.Second       // shorter than proxies wait for a sign of life
	writeTimeout = 10 * time.Second       // a reader slower than that is cut
	eventGap     = 200 * time.Millisecond // between two events, so that a burst of changes is one or two
)

// reminders are how long after an event, and after that, it is sent again; a client asks
// up to half as much later, so that they do not all ask at once. A client asks but once
// after an event: where its question is lost, is one too many, or comes to a console that
// is cut off, it would keep what was killed until something else changes.
var reminders = [...]time.Duration{5 * time.Second, time.Minute}

// stream sends events until one of the two has enough.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, grant *access.Grant) {
	l, err := h.hub.join(grant, access.Network(h.Proxies.From(r)), h.Streams)
	if err != nil {
		h.refuse(w, err)
		return
	}
	defer h.hub.leave(l)
	s := &sender{w: w, to: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would collect events before it hands them on
	if r.Method == http.MethodHead || !s.begin() {
		return
	}
	h.metrics.ended(h.send(s, r, l))
}

// send returns why it ended.
func (h *Handler) send(s *sender, r *http.Request, l *listener) string {
	// What has changed between the bulk answer and this moment woke nobody. Of a client
	// that comes back to this very console it is known what it has heard last.
	if id, revision := h.hub.last(); r.Header.Get("Last-Event-ID") != id && !s.event(id, revision) {
		return endGone
	}
	var expired <-chan time.Time
	if !l.grant.Expires.IsZero() {
		t := time.NewTimer(l.grant.Expires.Sub(h.Now()))
		defer t.Stop()
		expired = t.C
	}
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	gap := time.NewTimer(0)
	defer gap.Stop()
	<-gap.C
	wake := l.wake
	var remind <-chan time.Time
	reminded := 0
	for {
		ok := true
		select {
		case <-wake:
			ok = s.event(h.hub.last())
			wake = nil
			gap.Reset(eventGap)
			reminded = 0
			remind = later(reminders[0])
		case <-remind:
			ok = s.event(h.hub.last())
			remind = nil
			if reminded++; reminded < len(reminders) {
				remind = later(reminders[reminded])
			}
		case <-gap.C:
			wake = l.wake
		case <-alive.C:
			ok = s.write(":\n\n")
		case <-l.grant.Ended():
			return endToken
		case <-expired:
			return endToken
		case <-h.hub.stopped:
			return endStopped
		case <-r.Context().Done():
			return endGone
		}
		if !ok {
			return endSlow
		}
	}
}

// later is up to half as much later again.
func later(d time.Duration) <-chan time.Time {
	return time.After(d + rand.N(d/2)) // #nosec G404 -- nobody gains from guessing it
}

// A sender writes to a client and waits for it only so long.
type sender struct {
	w  http.ResponseWriter
	to *http.ResponseController
}

// begin frees the connection from the deadlines of a usual request, and says when to
// come back, which differs so that not everybody does at once after a restart.
func (s *sender) begin() bool {
	_ = s.to.SetReadDeadline(time.Time{})
	return s.write(fmt.Sprintf("retry: %d\n\n", 1000+rand.N(2000))) // #nosec G404 -- nobody gains from guessing it
}

func (s *sender) event(id string, revision int64) bool {
	return s.write(fmt.Sprintf("id: %s\nevent: message\ndata: {\"type\":\"refetchEvaluation\",\"etag\":\"%d\"}\n\n", id, revision))
}

func (s *sender) write(text string) bool {
	_ = s.to.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return false
	}
	return s.to.Flush() == nil
}
