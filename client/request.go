package client

import (
	"context"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
)

// A Request is one piece of work for one subject: an HTTP request, a call, a
// message. It remembers which flags were decided, so that its outcome can be tied
// to them when it ends. Only flags with a launch are remembered.
//
// Its methods may be called from many goroutines, also on a nil Request, which
// stands for a context that belongs to none.
type Request struct {
	client  *Client
	subject rampart.Subject
	began   time.Time

	mu    sync.Mutex
	ended bool
	seen  []seen
	room  [4]seen // of seen, before it grows
}

// seen is a flag that was decided. The first decision counts, because it is what
// the work was begun with.
type seen struct {
	flag   *Flag
	counts *counts
	unit   string
	arm    rampart.Arm
}

// Begin ties a context to a subject. What the methods of [Flag] with Context decide
// is counted when the request ends.
//
//	ctx, request := flags.Begin(ctx, rampart.Subject{Key: order.Customer})
//	err := process(ctx, order)
//	request.End(err != nil)
func (c *Client) Begin(ctx context.Context, s rampart.Subject) (context.Context, *Request) {
	r := &Request{client: c, subject: s, began: time.Now()}
	r.seen = r.room[:0]
	return context.WithValue(ctx, requestKey{}, r), r
}

type requestKey struct{}

// FromContext returns the request that the context belongs to, or nil.
func FromContext(ctx context.Context) *Request {
	r, _ := ctx.Value(requestKey{}).(*Request)
	return r
}

// Subject returns the subject of the request. It must not be changed.
func (r *Request) Subject() *rampart.Subject {
	if r == nil {
		return nil
	}
	return &r.subject
}

// End counts the request once on each flag that was decided for it.
func (r *Request) End(failed bool) { r.end(failed, time.Since(r.began)) }

// end leaves the duration out where it is negative.
func (r *Request) end(failed bool, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	r.ended = true
	for i := range r.seen {
		s := &r.seen[i]
		s.counts.request(s.arm, s.unit, failed, took)
	}
}

// ask decides a flag for the request. It returns nil for a flag that is not known.
func (r *Request) ask(f *Flag) (l *live, on bool, why rampart.Reason) {
	if l = f.live.Load(); l == nil {
		return nil, false, f.client.unknownReason()
	}
	var arm rampart.Arm
	on, arm, why = l.Ask(r.Subject())
	if r != nil && l.counts != nil {
		r.note(f, l, arm)
	}
	return l, on, why
}

// value returns nil where the caller's default is to be served.
func (r *Request) value(f *Flag) (*rampart.Value, rampart.Reason) {
	l, on, why := r.ask(f)
	if l == nil || why.Default() {
		return nil, why
	}
	return l.Value(on), why
}

// note remembers a flag. After the end there is nothing to be counted: work that
// outlives its request is not part of what its user got.
func (r *Request) note(f *Flag, l *live, arm rampart.Arm) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || r.has(f) {
		return
	}
	r.seen = append(r.seen, seen{flag: f, counts: l.counts, unit: l.UnitOf(&r.subject), arm: arm})
}

func (r *Request) has(f *Flag) bool {
	for i := range r.seen {
		if r.seen[i].flag == f {
			return true
		}
	}
	return false
}
