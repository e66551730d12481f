package client

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rampart-dev/rampart"
)

// A Request is one piece of work for one subject: an HTTP request, a call, a
// message. It remembers which flags were decided, so that its outcome can be tied
// to them when it ends. Only flags with a launch are remembered, and at most
// maxSeen of them.
//
// Its methods may be called from many goroutines, also on a nil Request, which
// stands for a context that belongs to none.
//
// A request is never used again for another one: contexts outlive the work that
// they were made for, and would then answer for somebody else.
type Request struct {
	parent  context.Context
	client  *Client
	subject rampart.Subject
	began   time.Time
	trace   string   // of the caller, if it is kept
	carried *carried // what a trusted caller has decided; nil: nothing

	common   atomic.Pointer[Observation] // what observers are told besides decisions
	sampling atomic.Uint32               // whether they are: unasked, sampledOut or sampledIn

	shown atomic.Uint32 // of first, so many are set for good and may be read without the lock
	mu    sync.Mutex    // guards what is below
	ended bool
	first [4]seen // most requests decide no more
	more  []seen
}

// maxSeen bounds what one request remembers. A thousand launches at once are more
// than a service decides for one of its requests.
const maxSeen = 1000

// seen is a flag that was decided. The first decision counts, because it is what
// the work was begun with.
type seen struct {
	live *live
	unit string
	answer
}

// An answer is what is served, and why.
type answer struct {
	on  bool
	arm rampart.Arm
	why rampart.Reason
}

// Begin ties a context to a subject. What the methods of [Flag] with Context decide
// is counted when the request ends.
//
//	ctx, request := flags.Begin(ctx, rampart.Subject{Key: order.Customer})
//	err := process(ctx, order)
//	request.End(err != nil)
func (c *Client) Begin(ctx context.Context, s rampart.Subject) (context.Context, *Request) {
	r := &Request{parent: ctx, client: c, subject: s, began: time.Now()}
	return (*begun)(r), r
}

// begun is a request as the context that belongs to it, so that both are one piece of
// memory.
type begun Request

func (b *begun) Deadline() (time.Time, bool) { return b.parent.Deadline() }
func (b *begun) Done() <-chan struct{}       { return b.parent.Done() }
func (b *begun) Err() error                  { return b.parent.Err() }

func (b *begun) Value(key any) any {
	if _, ok := key.(requestKey); ok {
		return (*Request)(b)
	}
	return b.parent.Value(key)
}

type requestKey struct{}

// FromContext returns the request that the context belongs to, or nil.
func FromContext(ctx context.Context) *Request {
	if b, ok := ctx.(*begun); ok {
		return (*Request)(b)
	}
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

// Decisions yields what was first decided of each flag with a launch, in the order in
// which they were asked. It may be called at any time, also after the end.
func (r *Request) Decisions() iter.Seq[rampart.Decision] {
	return func(yield func(rampart.Decision) bool) {
		for i := 0; ; i++ {
			s, ok := r.at(i)
			if !ok || !yield(s.live.detailed(s.answer, &r.subject)) {
				return
			}
		}
	}
}

// End counts the request once on each flag that was decided for it.
func (r *Request) End(failed bool) {
	if r != nil {
		r.end(failed, time.Since(r.began))
	}
}

// EndUntimed is End for work whose duration says nothing about how fast it is, such as
// a stream that lives as long as somebody listens.
func (r *Request) EndUntimed(failed bool) {
	if r != nil {
		r.end(failed, -1)
	}
}

// end leaves the duration out where it is negative.
func (r *Request) end(failed bool, took time.Duration) {
	r.mu.Lock()
	was := r.ended
	r.ended = true // from here on nothing is added
	r.mu.Unlock()
	if was {
		return
	}
	o := outcome{request: r, failed: failed, took: took, stripe: stripeIndex()}
	for i := range r.first[:r.shown.Load()] {
		o.count(&r.first[i])
	}
	for i := range r.more {
		o.count(&r.more[i])
	}
}

// ask decides a flag for the request of the context. It returns nil for a flag that is
// not known.
func (f *Flag) ask(ctx context.Context) (*live, answer) {
	l := f.live.Load()
	if l == nil {
		return nil, answer{why: f.client.unknownReason()}
	}
	r := FromContext(ctx)
	a := r.answer(l)
	if r != nil && l.counts != nil && r.note(l, a, &r.subject) && len(f.client.options.Signals.Observers) > 0 {
		r.observe(ctx, l, a)
	}
	return l, a
}

// answer decides without remembering.
func (r *Request) answer(l *live) (a answer) {
	a.on, a.arm, a.why = l.Ask(r.Subject())
	if r != nil && r.carried != nil {
		return r.carried.join(l, a)
	}
	return a
}

// note remembers a flag. After the end there is nothing to be counted: work that
// outlives its request is not part of what its user got.
func (r *Request) note(l *live, a answer, s *rampart.Subject) bool {
	if r.shows(l.flag) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int(r.shown.Load()) + len(r.more)
	if r.ended || n >= maxSeen || r.has(l.flag) {
		return false
	}
	one := seen{live: l, unit: l.UnitOf(s), answer: a}
	if n < len(r.first) {
		r.first[n] = one
		r.shown.Add(1)
	} else {
		r.more = append(r.more, one)
	}
	return true
}

// shows reports whether the flag is among the first that were decided.
func (r *Request) shows(f *Flag) bool {
	for i := range r.first[:r.shown.Load()] {
		if r.first[i].live.flag == f {
			return true
		}
	}
	return false
}

// has reports whether the flag was decided. The caller holds r.mu.
func (r *Request) has(f *Flag) bool {
	if r.shows(f) {
		return true
	}
	for i := range r.more {
		if r.more[i].live.flag == f {
			return true
		}
	}
	return false
}

// at returns what was decided as the i-th.
func (r *Request) at(i int) (s seen, ok bool) {
	if r == nil {
		return s, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i < int(r.shown.Load()) {
		return r.first[i], true
	}
	if i -= len(r.first); i >= 0 && i < len(r.more) {
		return r.more[i], true
	}
	return s, false
}
