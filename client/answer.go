package client

import (
	"context"

	"github.com/rampart-dev/rampart"
)

// An Answer is what a flag serves to one subject. The decision, the value and the
// document are of one and the same state of the flag, whatever comes meanwhile. It is
// for adapters, such as the OpenFeature provider; a service asks a [Flag].
type Answer struct {
	rampart.Decision
	flag  *Flag          // nil: nobody has written it, and there is no handle
	live  *live          // nil: nothing is known of it
	value *rampart.Value // nil: the caller's default is to be served
}

// Answer decides a flag by name for a subject and counts the answer as the methods of
// [Flag] with Context do. A nil subject is the request's.
//
// It is tied to the request of the context where the subject is the request's too, which
// is told by its key; a request without a key is of whomever it is asked for. The subject
// is not kept.
func (c *Client) Answer(ctx context.Context, flag string, s *rampart.Subject) Answer {
	f := c.find(flag)
	if f == nil {
		return Answer{Decision: c.undecided(flag)}
	}
	a := Answer{flag: f, live: f.live.Load()}
	if a.live == nil {
		a.Decision = c.undecided(flag)
		f.defaulted(a.Reason)
		return a
	}
	r := FromContext(ctx)
	if s == nil {
		s = r.Subject()
	}
	a.Decision, a.value = a.live.evaluate(s)
	if r.serves(s) {
		a.tie(ctx, r, s)
	}
	if a.value == nil {
		f.defaulted(a.Reason)
	}
	return a
}

// tie makes the answer one of the request: what its caller has decided is kept to, and
// it is counted and told as the request's other answers are.
func (a *Answer) tie(ctx context.Context, r *Request, s *rampart.Subject) {
	l, is := a.live, answer{on: a.On, arm: a.Arm, why: a.Reason}
	if r.carried != nil && r.subject.Key == s.Key {
		if joined := r.carried.join(l, is); joined != is {
			is = joined
			a.On, a.Arm, a.Reason, a.Bucket = is.on, is.arm, is.why, -1
			a.value = l.Value(is.on)
		}
	}
	if l.counts != nil && r.note(l, is, s) && len(r.client.options.Signals.Observers) > 0 {
		r.observe(ctx, l, is)
	}
}

// serves reports whether the request is work for the subject.
func (r *Request) serves(s *rampart.Subject) bool {
	return r != nil && s != nil && (r.subject.Key == "" || r.subject.Key == s.Key)
}

// Handle returns the flag, or nil where neither the flag nor a handle of it exists.
func (a *Answer) Handle() *Flag { return a.flag }

// Environment returns the environment that the flag is of, or nothing where there is
// no handle.
func (a *Answer) Environment() string {
	if a.flag == nil {
		return ""
	}
	return a.flag.client.options.Environment
}

// Document returns the flag's document, if it is known. Its slices must not be changed.
func (a *Answer) Document() (doc *rampart.Flag, ok bool) {
	if a.live == nil {
		return nil, false
	}
	return a.live.Flag(), true
}

// Served reports whether the flag has a value for the subject. One that was killed
// before its document was ever seen has none, though its reason is no error.
func (a *Answer) Served() bool { return a.value != nil }

// Read returns the value that is served, read as one of the types that a value can be
// read as: (*rampart.Value).Bool, Text, Int, Float or JSON. Where it is of another type,
// none is served, and the answer's reason becomes WRONG_TYPE.
func Read[T any](a *Answer, as func(*rampart.Value) (T, bool)) (v T, ok bool) {
	if a.value == nil {
		return v, false
	}
	if v, ok = as(a.value); ok {
		return v, true
	}
	a.Reason, a.value = rampart.ReasonWrongType, nil
	a.flag.defaulted(a.Reason)
	return v, false
}
