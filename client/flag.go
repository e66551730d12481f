package client

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"

	"github.com/rampart-dev/rampart"
)

// A Flag is the handle of one flag. Resolve it once, with a name that stands in the
// code, and ask it for every request: the answer takes nanoseconds, allocates
// nothing, waits for nothing and never panics.
//
// Each type of value has two methods. The one without Context asks about a subject
// and counts nothing. The one with Context asks about the subject of the request
// that the context belongs to, and ties the request's outcome to the answer.
//
// The caller's default is served where the flag is unknown or removed, has a value
// of another type, or where the subject lacks what the flag buckets by.
type Flag struct {
	live      atomic.Pointer[live] // nil: nothing is known of it
	name      string
	client    *Client
	logged    atomic.Uint32 // the reasons that have been logged, by bit
	registers registers     // guarded by Client.mu
}

// live is what requests see of a flag.
type live struct {
	rampart.Compiled
	flag   *Flag
	counts *counts  // nil while no launch answers for the flag
	seen   *answers // nil as counts are
}

// Flag returns the handle of a flag, whether or not the flag exists yet.
func (c *Client) Flag(name string) *Flag {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.publishNames()
	return c.flagNamed(name)
}

// Name returns the name of the flag.
func (f *Flag) Name() string { return f.name }

// Document returns the flag's document, if it is known. Its slices must not be changed.
func (f *Flag) Document() (doc *rampart.Flag, ok bool) {
	l := f.live.Load()
	if l == nil {
		return nil, false
	}
	return l.Flag(), true
}

// Holdout returns the units that are off by bucket now, and whether they always were,
// if the flag is known.
func (f *Flag) Holdout() (h rampart.Holdout, ok bool) {
	doc, ok := f.Document()
	if !ok {
		return h, false
	}
	return doc.Holdout(), true
}

// On reports whether the flag is on for the subject, of whatever type its values are.
func (f *Flag) On(s *rampart.Subject) bool {
	l := f.live.Load()
	if l == nil {
		f.defaulted(f.client.unknownReason())
		return false
	}
	on, _, why := l.Ask(s)
	if why.Default() {
		f.defaulted(why)
	}
	return on
}

// Bool returns the flag's value for the subject.
func (f *Flag) Bool(s *rampart.Subject, def bool) bool {
	l := f.live.Load()
	if l == nil {
		f.defaulted(f.client.unknownReason())
		return def
	}
	on, _, why := l.Ask(s)
	v := l.Value(on)
	if b, ok := v.Bool(); ok && !why.Default() {
		return b
	}
	return defaulted(f, v, why, def)
}

// String returns the flag's value for the subject.
func (f *Flag) String(s *rampart.Subject, def string) string {
	v, why := f.value(s)
	return read(f, v, why, (*rampart.Value).Text, def)
}

// Int returns the flag's value for the subject.
func (f *Flag) Int(s *rampart.Subject, def int64) int64 {
	v, why := f.value(s)
	return read(f, v, why, (*rampart.Value).Int, def)
}

// Float returns the flag's value for the subject.
func (f *Flag) Float(s *rampart.Subject, def float64) float64 {
	v, why := f.value(s)
	return read(f, v, why, (*rampart.Value).Float, def)
}

// JSON returns the flag's value for the subject. It must not be changed.
func (f *Flag) JSON(s *rampart.Subject, def json.RawMessage) json.RawMessage {
	v, why := f.value(s)
	return read(f, v, why, (*rampart.Value).JSON, def)
}

// Decide returns the answer for the subject with its details.
func (f *Flag) Decide(s *rampart.Subject) rampart.Decision {
	l := f.live.Load()
	if l == nil {
		return f.client.undecided(f.name)
	}
	return l.Decide(s)
}

// Value returns the flag's value for on or for off, and false where it is not known.
func (f *Flag) Value(on bool) (v *rampart.Value, ok bool) {
	if l := f.live.Load(); l != nil {
		return l.Value(on), true
	}
	return nil, false
}

// OnContext is On for the subject of the request.
func (f *Flag) OnContext(ctx context.Context) bool {
	_, a := f.ask(ctx)
	if a.why.Default() {
		f.defaulted(a.why)
	}
	return a.on
}

// BoolContext is Bool for the subject of the request.
func (f *Flag) BoolContext(ctx context.Context, def bool) bool {
	l, a := f.ask(ctx)
	if l == nil {
		return defaulted(f, nil, a.why, def)
	}
	v := l.Value(a.on)
	if b, ok := v.Bool(); ok && !a.why.Default() {
		return b
	}
	return defaulted(f, v, a.why, def)
}

// StringContext is String for the subject of the request.
func (f *Flag) StringContext(ctx context.Context, def string) string {
	v, why := f.valueFor(ctx)
	return read(f, v, why, (*rampart.Value).Text, def)
}

// IntContext is Int for the subject of the request.
func (f *Flag) IntContext(ctx context.Context, def int64) int64 {
	v, why := f.valueFor(ctx)
	return read(f, v, why, (*rampart.Value).Int, def)
}

// FloatContext is Float for the subject of the request.
func (f *Flag) FloatContext(ctx context.Context, def float64) float64 {
	v, why := f.valueFor(ctx)
	return read(f, v, why, (*rampart.Value).Float, def)
}

// JSONContext is JSON for the subject of the request.
func (f *Flag) JSONContext(ctx context.Context, def json.RawMessage) json.RawMessage {
	v, why := f.valueFor(ctx)
	return read(f, v, why, (*rampart.Value).JSON, def)
}

// DecideContext is Decide for the subject of the request, which it counts like the
// other methods.
func (f *Flag) DecideContext(ctx context.Context) rampart.Decision {
	l, a := f.ask(ctx)
	if l == nil {
		return f.client.undecided(f.name)
	}
	return l.detailed(a, FromContext(ctx).Subject())
}

// detailed is the answer with its details.
func (l *live) detailed(a answer, s *rampart.Subject) rampart.Decision {
	d := l.Decide(s)
	if a != (answer{d.On, d.Arm, d.Reason}) {
		d.Bucket = -1 // it is not what was decided by
	}
	d.On, d.Arm, d.Reason = a.on, a.arm, a.why
	return d
}

// value returns nil where the caller's default is to be served.
func (f *Flag) value(s *rampart.Subject) (*rampart.Value, rampart.Reason) {
	l := f.live.Load()
	if l == nil {
		return nil, f.client.unknownReason()
	}
	on, _, why := l.Ask(s)
	if why.Default() {
		return nil, why
	}
	return l.Value(on), why
}

// valueFor is value for the subject of the request.
func (f *Flag) valueFor(ctx context.Context) (*rampart.Value, rampart.Reason) {
	l, a := f.ask(ctx)
	if l == nil || a.why.Default() {
		return nil, a.why
	}
	return l.Value(a.on), a.why
}

func read[T any](f *Flag, v *rampart.Value, why rampart.Reason, as func(*rampart.Value) (T, bool), def T) T {
	if v != nil {
		if x, ok := as(v); ok {
			return x
		}
	}
	return defaulted(f, v, why, def)
}

// defaulted serves the default. Where the flag has a value all the same, it is of
// another type; one that was killed before its document was ever seen has none.
func defaulted[T any](f *Flag, v *rampart.Value, why rampart.Reason, def T) T {
	if v != nil && !why.Default() {
		if _, known := v.JSON(); known {
			why = rampart.ReasonWrongType
		}
	}
	f.defaulted(why)
	return def
}

// defaulted counts that the caller's default was served, and logs it once a reason.
func (f *Flag) defaulted(why rampart.Reason) {
	f.client.metrics.defaulted(why)
	if bit := uint32(1) << why; why != rampart.ReasonDefault && f.logged.Load()&bit == 0 && f.logged.Or(bit)&bit == 0 {
		f.client.logDefault(f.name, why)
	}
}

func (c *Client) logDefault(flag string, why rampart.Reason) {
	c.log.Warn("flag serves its caller's default", slog.String("flag", flag), slog.String("reason", why.String()))
}

// unknownReason tells a flag that nobody has written from one that has not come yet.
func (c *Client) unknownReason() rampart.Reason {
	if c.known.Load() {
		return rampart.ReasonUnknownFlag
	}
	return rampart.ReasonDefault
}

func (c *Client) undecided(flag string) rampart.Decision {
	return rampart.Decision{Flag: flag, Reason: c.unknownReason(), Bucket: -1}
}
