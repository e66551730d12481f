package client

import (
	"context"
	"iter"
	"slices"
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

	first [8]atomic.Pointer[seen] // taken from the front; most requests decide no more
	mu    sync.Mutex              // guards what is below
	more  []*seen
	ended bool // nothing is added to more
}

// maxSeen bounds what one request remembers. A thousand launches at once are more
// than a service decides for one of its requests.
const maxSeen = 1000

// seen is a flag that was decided. The first decision counts, because it is what
// the work was begun with. It never changes.
type seen struct {
	answer
	live   *live
	flag   *Flag
	shared bool   // by all requests that were answered alike, each for its own unit
	unit   string // that it was decided for, where it is not shared
}

// answers are those of a flag to requests about their own subject, by reason and arm.
type answers [int(rampart.ReasonCarried) + 1][arms]atomic.Pointer[seen]

func (k *answers) of(a answer) *atomic.Pointer[seen] { return &k[a.why][a.arm] }

// over stands behind the last flag that a request has decided when it ended.
var over = new(seen)

// An answer is what is served, and why.
type answer struct {
	on  bool
	arm rampart.Arm
	why rampart.Reason
}

// unitOf returns the unit that it was decided for in the request.
func (s *seen) unitOf(r *Request) string {
	if s.shared {
		return s.live.UnitOf(&r.subject)
	}
	return s.unit
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
	return requestOf(ctx)
}

func requestOf(ctx context.Context) *Request {
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
		for s := range r.all() {
			if !yield(s.live.detailed(s.answer, &r.subject)) {
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
	if r.close() && r.first[0].Load() != over {
		o := outcome{request: r, failed: failed, took: took}
		o.count()
	}
}

// close sees to it that nothing is added, and reports whether it was the first to.
func (r *Request) close() bool {
	for i := range r.first {
		was := r.first[i].Load()
		if was == nil { // to look before is cheaper than to fail
			if r.first[i].CompareAndSwap(nil, over) {
				return true
			}
			was = r.first[i].Load()
		}
		if was == over {
			return false
		}
	}
	return r.closeMore()
}

func (r *Request) closeMore() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.ended
	r.ended = true
	return !was
}

// ask decides a flag for the request of the context. It returns nil for a flag that is
// not known.
func (f *Flag) ask(ctx context.Context) (*live, answer) {
	l := f.live.Load()
	if l == nil {
		return nil, answer{why: f.client.unknownReason()}
	}
	var r *Request
	if b, ok := ctx.(*begun); ok { // as FromContext does, without its call
		r = (*Request)(b)
	} else {
		r = requestOf(ctx)
	}
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

// note remembers a flag, and reports whether it was new. After the end there is nothing
// to be counted: work that outlives its request is not part of what its user got.
func (r *Request) note(l *live, a answer, s *rampart.Subject) bool {
	for i := range r.first {
		was := r.first[i].Load()
		if was == nil {
			one := l.seen.of(a).Load()
			if one == nil || one.answer != a || s != &r.subject {
				one = r.seen(l, a, s)
			}
			if r.first[i].CompareAndSwap(nil, one) {
				return true
			}
			was = r.first[i].Load()
		}
		if was.flag == l.flag || was == over {
			return false
		}
	}
	return r.noteMore(l, a, s)
}

func (r *Request) noteMore(l *live, a answer, s *rampart.Subject) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || len(r.first)+len(r.more) >= maxSeen || slices.ContainsFunc(r.more, func(s *seen) bool { return s.flag == l.flag }) {
		return false
	}
	r.more = append(r.more, r.seen(l, a, s))
	return true
}

// seen is what is remembered. Of answers for the request's own subject there are so few
// that each is made once, unless several requests make it at once.
func (r *Request) seen(l *live, a answer, s *rampart.Subject) *seen {
	if s != &r.subject {
		return &seen{answer: a, live: l, flag: l.flag, unit: l.UnitOf(s)}
	}
	one := &seen{answer: a, live: l, flag: l.flag, shared: true}
	l.seen.of(a).Store(one)
	return one
}

// all yields what was decided, in the order in which it was asked.
func (r *Request) all() iter.Seq[*seen] {
	return func(yield func(*seen) bool) {
		if r == nil {
			return
		}
		for i := range r.first {
			if s := r.first[i].Load(); s == nil || s == over || !yield(s) {
				return
			}
		}
		r.mu.Lock()
		more := r.more // only ever appended to
		r.mu.Unlock()
		for _, s := range more {
			if !yield(s) {
				return
			}
		}
	}
}
