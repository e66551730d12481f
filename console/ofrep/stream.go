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
	for {
		ok := true
		select {
		case <-wake:
			ok = s.event(h.hub.last())
			wake = nil
			gap.Reset(eventGap)
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
