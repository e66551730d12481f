package client

import (
	"context"
	"sync"

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
func (c *Client) Answer(ctx context.Context, flag string, s *rampart.Subject) (a Answer) {
	if a.find(c, flag) {
		r := FromContext(ctx)
		if s == nil {
			s = r.Subject()
		}
		a.decide(ctx, r, s)
	}
	return a
}

// AnswerAbout is [Client.Answer] about an evaluation context of OpenFeature, of which it
// reads what the flag looks at. What that does not say is taken from the request that the
// context belongs to. Of somebody else than the request's user, only the request is taken:
// flags that bucket by request give the same answer throughout.
func (c *Client) AnswerAbout(ctx context.Context, flag string, properties map[string]any) (a Answer) {
	if !a.find(c, flag) {
		return a
	}
	r, s := FromContext(ctx), subjects.Get().(*rampart.Subject)
	a.live.Fill(s, properties)
	if mine := r.Subject(); mine != nil {
		complete(s, mine)
	}
	a.decide(ctx, r, s)
	release(s)
	return a
}

// find looks the flag up, and answers for one of which nothing is known.
func (a *Answer) find(c *Client, flag string) (known bool) {
	if a.flag = c.find(flag); a.flag == nil {
		a.Decision = c.undecided(flag)
		return false
	}
	if a.live = a.flag.live.Load(); a.live == nil {
		a.Decision = c.undecided(flag)
		a.flag.defaulted(a.Reason)
		return false
	}
	return true
}

func (a *Answer) decide(ctx context.Context, r *Request, s *rampart.Subject) {
	a.Decision, a.value = a.live.evaluate(s)
	if r.serves(s) {
		a.tie(ctx, r, s)
	}
	if a.value == nil {
		a.flag.defaulted(a.Reason)
	}
}

// SubjectAbout returns whom an evaluation context of OpenFeature is about, completed as
// [Client.AnswerAbout] says.
func SubjectAbout(ctx context.Context, properties map[string]any) (s rampart.Subject) {
	s.Fill(properties)
	if mine := FromContext(ctx).Subject(); mine != nil {
		complete(&s, mine)
	}
	return s
}

// subjects are used again, because an answer needs one only while it is decided.
var subjects = sync.Pool{New: func() any { return new(rampart.Subject) }}

// release keeps the room for attributes and nothing of what was in it.
func release(s *rampart.Subject) {
	clear(s.Attributes)
	*s = rampart.Subject{Attributes: s.Attributes[:0]}
	subjects.Put(s)
}

// complete takes from the request's subject what is not said.
func complete(s, mine *rampart.Subject) {
	if s.Request == "" {
		s.Request = mine.Request
	}
	if s.Key == "" {
		s.Key = mine.Key
	}
	if s.Key == mine.Key || mine.Key == "" {
		s.Attributes = append(s.Attributes, mine.Attributes...)
	}
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
