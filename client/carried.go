package client

import (
	"context"
	"iter"

	"github.com/rampart-dev/rampart"
)

// Incoming is what came with work over a network, besides what it is about.
type Incoming struct {
	Baggage     []string // the values of the baggage header
	Traceparent string   // the traceparent header
	// Trusted says that the caller is a service which may speak for the subject. Only
	// then is its baggage believed: a user who wrote it would choose the own arm.
	Trusted bool
}

// Receive is [Client.Begin] for work that came over a network.
//
// What the subject lacks is filled from the baggage of a trusted caller: the key, where
// the caller carries keys, and the id of the request. A subject without a Request
// gets else the trace id of traceparent, or a random one, so that flags by request work.
// Tracing is believed of everybody, so who writes the header can choose the arm of a flag
// by request: an edge that must not let users do so gives the subject a Request.
//
// What a trusted caller has decided in the same request for the same subject is
// followed, unless this replica knows a newer version of the flag, or the flag is held
// off: by a kill, by the end of a lease, or because this reader is too old for it. So
// services that learn of a change at different moments still agree about one request,
// and no flag goes backwards.
func (c *Client) Receive(ctx context.Context, s rampart.Subject, in Incoming) (context.Context, *Request) {
	id, kept := parseTraceparent(in.Traceparent)
	var from *carried
	if in.Trusted && len(in.Baggage) > 0 {
		from = parseBaggage(in.Baggage)
	}
	s, from = from.fill(s)
	if s.Request == "" {
		if s.Request = id; id == "" {
			s.Request = newRequestID()
		}
	}
	ctx, r := c.Begin(ctx, s)
	r.carried = from
	if kept {
		r.trace = id
	}
	return ctx, r
}

// carried is what a trusted caller has told of a request.
type carried struct {
	key, request string
	answers      []carriedAnswer
}

type carriedAnswer struct {
	flag    string
	version int64
	on      bool
	arm     rampart.Arm
}

// fill completes the subject. What was decided for somebody else, or in another request,
// is not carried on.
func (c *carried) fill(s rampart.Subject) (rampart.Subject, *carried) {
	if c == nil {
		return s, nil
	}
	same := (s.Key == "" || c.key == "" || s.Key == c.key) && (s.Request == "" || c.request == "" || s.Request == c.request)
	if s.Key == "" {
		s.Key = c.key
	}
	if s.Request == "" {
		s.Request = c.request
	}
	if !same || len(c.answers) == 0 {
		return s, nil
	}
	return s, c
}

// of returns nil where the caller has not decided the flag.
func (c *carried) of(flag string) *carriedAnswer {
	if c == nil {
		return nil
	}
	for i := range c.answers {
		if c.answers[i].flag == flag {
			return &c.answers[i]
		}
	}
	return nil
}

// What becomes of a decision that was carried here.
const (
	agreed    = iota // it is what is decided here
	followed         // it is served instead of what is decided here
	overruled        // what is decided here is newer, or off for good
)

var joinNames = [...]string{agreed: "agreed", followed: "followed", overruled: "overruled"}

// join gives what is served where the caller has decided, too.
func (c *carried) join(l *live, mine answer) answer {
	theirs := c.of(l.Flag().Name)
	if theirs == nil {
		return mine
	}
	served, result := mine, agreed
	switch {
	case theirs.on == mine.on && theirs.arm == mine.arm && !mine.why.Default():
	case theirs.version < l.Flag().Version || !yields(mine.why):
		result = overruled
	default:
		served, result = answer{on: theirs.on, arm: theirs.arm, why: rampart.ReasonCarried}, followed
	}
	l.flag.client.metrics.carried[result].Add(1)
	return served
}

// yields reports whether a decision for this reason is only about whom the flag is on
// for. One that holds the flag off for everybody yields to nobody.
func yields(why rampart.Reason) bool {
	switch why {
	case rampart.ReasonNoUnit, rampart.ReasonIncluded, rampart.ReasonNotEligible, rampart.ReasonOff, rampart.ReasonSplit, rampart.ReasonFull:
		return true
	}
	return false
}

// carries yields what is to be carried on: the answers of this request about its own
// subject, and of those before it about flags that were not decided here; at most
// maxCarried of them.
func (r *Request) carries() iter.Seq[carriedAnswer] {
	return func(yield func(carriedAnswer) bool) {
		decided := map[string]bool{}
		for s := range r.all() {
			if len(decided) == maxCarried {
				break
			}
			if !s.shared && s.unit != s.live.UnitOf(&r.subject) {
				continue // a request of nobody's decided it for somebody, whom it will not name
			}
			flag := s.live.Flag()
			decided[flag.Name] = true
			a := carriedAnswer{flag: flag.Name, version: flag.Version, on: s.on, arm: s.arm}
			if s.why == rampart.ReasonCarried {
				a.version = r.carried.of(flag.Name).version
			}
			if !s.why.Default() && !yield(a) {
				return
			}
		}
		if r.carried == nil {
			return
		}
		for _, a := range r.carried.answers {
			if len(decided) < maxCarried && !decided[a.flag] {
				decided[a.flag] = true
				if !yield(a) {
					return
				}
			}
		}
	}
}

// word is how the answer is written.
func (a carriedAnswer) word() string {
	switch {
	case a.arm == rampart.ArmNone && a.on:
		return "in"
	case a.arm == rampart.ArmNone:
		return "out"
	case a.arm == rampart.ArmOn && !a.on:
		return "shadow"
	}
	return a.arm.String()
}

var carriedWords = map[string]carriedAnswer{
	"on":     {on: true, arm: rampart.ArmOn},
	"off":    {arm: rampart.ArmOff},
	"in":     {on: true},
	"out":    {},
	"shadow": {arm: rampart.ArmOn},
}
