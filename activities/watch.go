package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/gates"
)

// A Mode says what a watch is to find out.
type Mode string

// The modes of a watch.
const (
	Hold    Mode = "hold"    // until the hold is over and the gates pass
	Guard   Mode = "guard"   // until harm is found: while people are asked, and while paused
	Advance Mode = "advance" // once: may the hold be ended now?
	Shadow  Mode = "shadow"  // until the gates have learnt for long enough, while nobody is exposed
	Raise   Mode = "raise"   // until nothing speaks against exposing more, after a wait for people
)

// WatchInput says what to watch. It is the same on every attempt.
type WatchInput struct {
	Flag         string              `json:"flag"`
	Run          string              `json:"run"`     // of the launch: the key of its evidence
	Version      int64               `json:"version"` // of the flag that this watch guards
	Mode         Mode                `json:"mode"`
	Gates        []rampart.Gate      `json:"gates"`
	Phase        rampart.Phase       `json:"phase"`
	PhaseIndex   int                 `json:"phaseIndex"` // among the plan's stages
	Phases       int                 `json:"phases"`
	Schedule     gates.Schedule      `json:"schedule"`
	Step         string              `json:"step"`
	Exposure     rampart.Percent     `json:"exposure"`
	Exposing     bool                `json:"exposing"`         // somebody is on, be it by rule
	Shadow       rampart.Percent     `json:"shadow,omitempty"` // share of units in the on arm that are served off
	Since        time.Time           `json:"since"`            // the step began
	Resumed      time.Time           `json:"resumed,omitzero"` // somebody ended a pause or a hold; what was before does not count
	FirstExposed time.Time           `json:"firstExposed"`
	NotBefore    time.Time           `json:"notBefore,omitzero"` // the pen was taken, of a flag that was exposed before
	Hold         rampart.Duration    `json:"hold"`
	Every        rampart.Duration    `json:"every"`
	Alpha        rampart.Percent     `json:"alpha"`
	Lease        rampart.Duration    `json:"lease"`
	LeaseWarn    rampart.Duration    `json:"leaseWarn,omitempty"` // how long the lease may go without being renewed
	Digest       string              `json:"digest,omitempty"`    // of the document that the launch wrote
	Blind        rampart.BlindPolicy `json:"blind"`
	Accept       bool                `json:"accept,omitempty"`      // an advance past undecided
	Acked        int                 `json:"acked,omitempty"`       // mismatches of the sample ratio that people have acknowledged
	SampleRatio  bool                `json:"sampleRatio,omitempty"` // is asked after
	Most         rampart.Duration    `json:"most,omitempty"`        // how long the hold may last while undecided; 0: twice itself
	Goals        []rampart.Goal      `json:"goals,omitempty"`       // that are counted in this step
	NonInferior  bool                `json:"nonInferior,omitempty"` // not to be worse is enough
	CapAt        time.Time           `json:"capAt,omitzero"`        // by when the information of the goals is planned
	Decide       bool                `json:"decide,omitempty"`      // what the ramp comes to, once the hold is over
	Ladder       []rampart.Percent   `json:"ladder,omitempty"`      // the steps that one is to be recommended of
	Told         map[string]int64    `json:"told,omitempty"`        // causes that the workflow knows of, and since when they last
	Memory       Memory              `json:"memory"`
}

// news reports whether the workflow has yet to be told of a cause that lasts.
func (in WatchInput) news(cause string, m *Memory) bool {
	return m.Lasting[cause] != 0 && in.Told[cause] != m.Lasting[cause]
}

// counts returns since when time counts toward the hold.
func (in WatchInput) counts() time.Time {
	if in.Resumed.After(in.Since) {
		return in.Resumed
	}
	return in.Since
}

// rings reports whether people are to be notified of a cause that has come again. Each
// time ends a watch, so a metric that swings around its bound rings once in a while only.
func (in WatchInput) rings(cause string, m *Memory) bool {
	told, before := in.Told[cause]
	return in.news(cause, m) && (!before || time.UnixMilli(m.Tick).Sub(time.UnixMilli(told)) >= ringsAgain)
}

// A Finding is why a watch ended.
type Finding string

// The findings of a watch.
const (
	FoundPass     Finding = "pass"
	FoundBreach   Finding = "breach"      // turn back, or step back
	FoundHold     Finding = "hold"        // a breach that holds, or undecided beyond its limit
	FoundBlind    Finding = "blind"       // beyond its limit
	FoundNoData   Finding = "no-data"     // for long enough to tell people
	FoundNotice   Finding = "notice"      // a breach that only notifies
	FoundKill     Finding = "kill"        // in the register
	FoundLoss     Finding = "loss"        // the store has another document than the launch wrote
	FoundLeaseEnd Finding = "lease-ended" // readers are at the baseline already
	FoundLate     Finding = "late"        // the lease was past its soft end when this watch came; it is renewed now
	FoundRefusal  Finding = "refusal"     // of an advance
)

// SampleRatio is the cause of a hold that a person ends by acknowledging it.
const SampleRatio = "sample-ratio"

// Watched is the result of a watch.
type Watched struct {
	Found  Finding       `json:"found"`
	Reason string        `json:"reason,omitempty"`
	Gate   string        `json:"gate,omitempty"`
	Cause  string        `json:"cause,omitempty"` // that lasts, for WatchInput.Told
	Kill   *rampart.Kill `json:"kill,omitempty"`
	At     int64         `json:"at"` // ms, by the worker's clock
	Memory Memory        `json:"memory"`

	StepBack  bool        `json:"stepBack,omitempty"`  // what the breached gate asks for
	Withdrawn *Withdrawal `json:"withdrawn,omitempty"` // the flag is turned back already
}

const (
	noDataPatience = 15 * time.Minute // until people are told that data is missing
	ringsAgain     = time.Hour        // until people are notified again of what had gone meanwhile
	minLookDelay   = 50 * time.Millisecond
	// storePatience bounds each of the four calls to the store. An attempt has fifteen
	// seconds: where the store hangs, and the metrics too, as they do for a worker that
	// is cut off, it must still get to say so.
	storePatience = 1500 * time.Millisecond
)

// Watch looks at the gates once an attempt. While there is nothing to decide it
// fails benignly with the time of the next look, and the message of that failure,
// which Temporal UI shows as the pending activity's, says how things stand.
func (a *Activities) Watch(ctx context.Context, in WatchInput) (Watched, error) {
	m, recalled := a.recall(ctx, in)
	m.acknowledge(in.Acked, a.Now())
	stood := a.guard(ctx, in, &m)
	found, answering := stood.found, stood.answering && recalled // else a breach may be there of which nobody has heard
	missed := found.Found == FoundLoss || found.Found == FoundLeaseEnd
	if b := unheard(in, &m); found.Found == "" || missed && b.Found == FoundBreach {
		found = b // what is lost, or has lapsed, need not be written again, only to be turned back
	}
	if (found.Found == FoundLoss && stood.withdrawn || found.Found == FoundLeaseEnd) && !recalled { // a breach may be known to the store alone
		return Watched{}, a.again(in, m, a.clock(ctx))
	}
	if found.Found == FoundLoss {
		m.Gates.Stir(a.Now())
	}
	if found.Found != "" {
		found.At, found.Memory = a.Now().UnixMilli(), m
		found.Withdrawn = a.withdraw(ctx, in, stood.flag, found)
		return found, nil
	}
	clock := a.clock(ctx)
	tick := clock.now().Truncate(in.Every.D())
	if tick.UnixMilli() <= m.Tick {
		return a.reread(ctx, in, m, answering, clock)
	}
	if in.Mode != Raise { // which asks for one step at the exposure of another
		m.enter(in.Step)
	}
	pace := in.paced(&m)
	verdict, err := a.look(ctx, in, &m, tick)
	if err != nil {
		return Watched{}, err
	}
	since := min(tick.Sub(time.UnixMilli(m.Tick)), 2*pace) // a watch that was away was not blind meanwhile
	m.take(verdict, tick, in.counts(), pace, in.Mode == Hold || in.Mode == Advance || in.Mode == Shadow)
	now := clock.now()
	a.Meter.looked(a.Store.Environment(), in.Flag, verdict, now, since)
	a.Meter.weighed(a.Store.Environment(), in.Flag, &m, now, in.paced(&m))
	a.Meter.came(now.Sub(tick) - a.offset(in.Flag, in.Every.D()))
	found = decide(in, &m, tick, answering)
	found.At = a.Now().UnixMilli()
	kept, err := a.remember(ctx, in, &m, found)
	if err != nil {
		return Watched{}, err
	}
	if found.Found == "" {
		return Watched{}, a.again(in, m, clock)
	}
	if kept { // else whoever comes next would take the baseline for a loss
		found.Withdrawn = a.withdraw(ctx, in, stood.flag, found)
	}
	found.Memory = m
	return found, nil
}

// reread answers, from a tick that was judged already, whoever asks whether to go on:
// people wait for it. The evidence stays as it is.
func (a *Activities) reread(ctx context.Context, in WatchInput, m Memory, answering bool, clock clock) (Watched, error) {
	if in.Mode != Raise && (in.Mode != Advance || m.Step != in.Step) || m.Tick == 0 {
		return Watched{}, a.again(in, m, clock)
	}
	tick := time.UnixMilli(m.Tick)
	verdict, err := a.look(ctx, in, &m, tick)
	if err != nil {
		return Watched{}, err
	}
	then := m
	then.Verdict = verdict
	found := decide(in, &then, tick, answering)
	if found.Found == "" {
		return Watched{}, a.again(in, m, clock)
	}
	m.Verdict.Decision, m.Verdict.Recommended = verdict.Decision, verdict.Recommended // which were not asked for then
	found.At, found.Memory = a.Now().UnixMilli(), m
	return found, nil
}

// unheard finds a breach that was judged, but of which the workflow was not told: the
// attempt died after it had kept the evidence, or its watch was cancelled. A bound may
// have been kept again since, and it is a breach all the same.
func unheard(in WatchInput, m *Memory) Watched {
	in.Mode = Guard
	return breached(in, m)
}

// recall returns the latest of the three memories of this launch, and whether the store
// could be asked for its own.
func (a *Activities) recall(ctx context.Context, in WatchInput) (latest Memory, answered bool) {
	all := []Memory{in.Memory}
	var beat Memory
	if activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &beat) == nil {
		all = append(all, beat)
	}
	asking, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	_, blob, err := a.Store.Evidence(asking, in.Flag, in.Run)
	if err == nil && len(blob) > 0 {
		var kept Memory
		if json.Unmarshal(blob, &kept) == nil {
			all = append(all, kept)
		}
	}
	return newest(all...), err == nil
}

// look judges the gates at one tick. What cannot be judged at all, as evidence of
// another version, is no answer: people are told of it like of metrics that are away.
func (a *Activities) look(ctx context.Context, in WatchInput, m *Memory, tick time.Time) (rampart.Verdict, error) {
	over := in.Mode == Advance || in.Mode == Hold && m.Held+m.gain(tick, in.counts(), in.paced(m)) >= in.Hold
	v, err := a.Judge.Judge(ctx, gates.Look{
		Flag: in.Flag, Environment: a.Store.Environment(), Alpha: in.Alpha, Gates: in.Gates,
		Phase: in.Phase, PhaseIndex: in.PhaseIndex, Phases: in.Phases, Schedule: in.Schedule,
		Exposure: in.Exposure, Exposing: in.Exposing,
		At: tick, Every: in.Every.D(), FirstExposed: in.FirstExposed, NotBefore: in.NotBefore, StepSince: in.Since, HoldOver: over,
		SampleRatio: in.SampleRatio, Goals: in.Goals, NonInferior: in.NonInferior, CapAt: in.CapAt, Decide: in.Decide && (over || in.Mode == Guard || in.Mode == Raise),
		Recommend: len(in.Ladder) > 0, Ladder: in.Ladder,
	}, &m.Gates)
	if err != nil && ctx.Err() != nil {
		return v, fmt.Errorf("judge %s: %w", in.Flag, err)
	}
	if err != nil {
		m.Gates.Stir(tick)
		v = rampart.Verdict{Word: rampart.Blind, Reason: "the gates cannot be judged: " + err.Error()}
	}
	v.At = tick.UnixMilli()
	return v, nil
}

// remember keeps the memory where the next attempt, and the next watch, will find it.
// A finding takes it along by itself. It reports whether the store has it.
func (a *Activities) remember(ctx context.Context, in WatchInput, m *Memory, found Watched) (kept bool, err error) {
	point := m.point(in)
	blob, err := m.marshal()
	if err != nil { // a finding is told all the same
		activity.GetLogger(ctx).Error("the evidence cannot be kept", "flag", in.Flag, "error", err)
		return false, nil
	}
	keeping, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	err = a.Store.PutLook(keeping, in.Flag, in.Run, blob, point)
	if errors.Is(err, flagstore.ErrStale) { // another attempt judged this tick first: its evidence stands
		return false, temporal.NewApplicationErrorWithOptions("this tick was judged by an earlier attempt", TypeHolding,
			temporal.ApplicationErrorOptions{NextRetryDelay: minLookDelay, Category: temporal.ApplicationErrorCategoryBenign})
	}
	if err != nil {
		activity.GetLogger(ctx).Warn("the evidence is kept in the heartbeat only", "flag", in.Flag, "error", err)
	}
	if found.Found == "" {
		a.Carrier.beat(ctx, *m)
	} else if err != nil {
		activity.RecordHeartbeat(ctx, *m) // should this attempt die before it tells
	}
	return err == nil, nil
}

// again is the benign failure that brings the watch back at the next tick.
func (a *Activities) again(in WatchInput, m Memory, clock clock) error {
	now := clock.now()
	next := in.next(&m, now).Add(a.offset(in.Flag, in.Every.D()))
	return temporal.NewApplicationErrorWithOptions(standing(in, m)+clock.note(m, in.Every.D()), TypeHolding, temporal.ApplicationErrorOptions{
		NextRetryDelay: max(next.Sub(now), minLookDelay),
		Category:       temporal.ApplicationErrorCategoryBenign,
	})
}
