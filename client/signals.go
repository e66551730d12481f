package client

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
)

// Signals say what is told of single requests, beside the counts. Nothing is without an
// observer, except that errors and slow requests have exemplars.
//
// Keys leave the process only as hashes, and of the attributes only those that are
// listed.
type Signals struct {
	// Observers are told what is decided of each flag with a launch, once a request, while
	// the request runs: they must neither block nor keep what they get for long. One that
	// panics is logged and holds up nothing.
	Observers []func(context.Context, Observation)

	// Sampling names the operations flag that says of which share of the requests
	// observers are told; default "telemetry-sampling". Its value is a number from 0 to 1,
	// true or false. The request's id decides, so one that crosses services is told of by
	// all of them or by none.
	Sampling string
	// Share is the share while there is no such flag, or none that can be read; default
	// 10 %, negative: none.
	Share rampart.Percent

	// Salt is a secret that keys and sessions are hashed with, so that nobody finds out
	// whose they are by trying. Services of an environment whose events are to be joined
	// by subject have the same, and environments have different ones. Default: a random
	// one, with which a process can be joined with itself only.
	Salt []byte
	// Attributes are the names of those that observers are told of, as they are.
	Attributes []string
	// Session names the attribute that is the session, which is told as a hash.
	Session string

	// Slow is from which duration on a request is slow enough for an exemplar; default
	// 1 s, negative: none is.
	Slow time.Duration
	// Trace returns the id of the trace that the context is in, or nothing where that is
	// not kept. Default: that of the traceparent header, if the caller keeps its trace.
	Trace func(context.Context) string
}

const (
	defaultSampling = "telemetry-sampling"
	defaultShare    = rampart.Percent(1000)
	defaultSlow     = time.Second
)

// An Observation is what was decided of a flag for a request.
type Observation struct {
	rampart.Decision
	Environment string
	Request     string         // the id of the request
	Subject     string         // the hash of the subject's key; "" where there is none
	Session     string         // the hash of the session; "" where there is none
	Attributes  []rampart.Attr // of the subject, as far as they are listed; must not be changed
}

func (s Signals) withDefaults() Signals {
	if s.Sampling == "" {
		s.Sampling = defaultSampling
	}
	if s.Share == 0 {
		s.Share = defaultShare
	}
	if s.Slow == 0 {
		s.Slow = defaultSlow
	}
	if len(s.Salt) == 0 {
		s.Salt = make([]byte, sha256.Size)
		_, _ = rand.Read(s.Salt) // it never fails
	}
	return s
}

// observe tells the observers of a request that is in the sample.
func (r *Request) observe(ctx context.Context, l *live, a answer) {
	if !r.sampled() {
		return
	}
	o := *r.observation()
	o.Decision = l.detailed(a, &r.subject)
	for _, observer := range r.client.options.Signals.Observers {
		r.client.tellObserver(ctx, observer, o)
	}
}

func (c *Client) tellObserver(ctx context.Context, observer func(context.Context, Observation), o Observation) {
	defer func() {
		if p := recover(); p != nil && c.unknown.first("a panic of an observer") {
			c.log.Error("an observer of decisions panicked; it is told no less of the next", "panic", p)
		}
	}()
	observer(ctx, o)
}

// observation returns what all observations of the request have in common.
func (r *Request) observation() *Observation {
	if o := r.common.Load(); o != nil {
		return o
	}
	o, signals := &Observation{Environment: r.client.options.Environment, Request: r.subject.Request}, &r.client.options.Signals
	o.Subject = r.client.hashed("subject", r.subject.Key)
	for _, a := range r.subject.Attributes {
		if slices.Contains(signals.Attributes, a.Name) {
			o.Attributes = append(o.Attributes, a)
		}
	}
	if signals.Session != "" {
		session, _ := r.subject.Attribute(signals.Session)
		o.Session = r.client.hashed("session", session)
	}
	r.common.Store(o)
	return o
}

// hashed returns half of HMAC-SHA-256 over what it is, the environment and the key. So
// one key is another in the next environment, though the salt be the same.
func (c *Client) hashed(what, key string) string {
	if key == "" {
		return ""
	}
	h := hmac.New(sha256.New, c.options.Signals.Salt)
	_, _ = h.Write([]byte(strings.Join([]string{what, c.options.Environment, key}, "\x00")))
	return hex.EncodeToString(h.Sum(nil)[:sha256.Size/2])
}

// Whether a request is in the sample.
const (
	unasked uint32 = iota
	sampledOut
	sampledIn
)

// sampled asks the flag once a request, so that what is told of a request is whole.
func (r *Request) sampled() bool {
	s := r.sampling.Load()
	if s == unasked {
		s = sampledOut
		if r.client.share(&r.subject).covers(r.client.options.Signals.Sampling, r.subject.Request) {
			s = sampledIn
		}
		r.sampling.Store(s)
	}
	return s == sampledIn
}

// A share is that of the requests which are told of, in basis points.
type share rampart.Percent

// covers goes by the bucket of the request, whose salt is the name of the flag. Work
// without an id is in no journey, and would be told whole or never.
func (s share) covers(name, request string) bool {
	return int64(s) >= rampart.Buckets || request != "" && rampart.BucketOf(name, request) < int(s)
}

// share is what the operations flag says at this moment.
func (c *Client) share(s *rampart.Subject) share {
	if l := c.sampling.live.Load(); l != nil {
		on, _, why := l.Ask(s)
		if why.Default() {
			return share(c.options.Signals.Share)
		}
		v := l.Value(on)
		if b, ok := v.Bool(); ok {
			return map[bool]share{true: rampart.Buckets}[b]
		}
		if x, ok := v.Float(); ok && x >= 0 && x <= 1 {
			return share(x*rampart.Buckets + 0.5)
		}
		if c.unknown.first("the share of " + c.sampling.name) {
			c.log.Warn("telemetry is sampled by default: the flag is no number from 0 to 1", "flag", c.sampling.name)
		}
	}
	return share(c.options.Signals.Share)
}
