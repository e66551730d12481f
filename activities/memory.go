package activities

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// Memory is what a watch must not forget: the evidence, and how much of the hold
// is over. It has no raw counters, and stays below 8 KiB for a dozen gates.
//
// It is kept in three places, because each can be lost: the heartbeat of the
// running activity, a key beside the flag store, and the workflow, which gets it
// with every result and hands it to the next watch. The latest tick wins.
type Memory struct {
	// Attempt counts the steps back. Each attempt has evidence of its own, so what is
	// left of an earlier one is never newer.
	Attempt int `json:"attempt,omitempty"`

	Tick     int64            `json:"tick"` // the last look, ms; nothing is judged twice
	Gates    gates.State      `json:"gates"`
	Step     string           `json:"step"` // the step that Held belongs to
	Held     rampart.Duration `json:"held"` // of the hold, with an answered look
	Answered int64            `json:"answered,omitempty"`

	// Acked counts the mismatches of the sample ratio that the gates were told somebody
	// has acknowledged.
	Acked int `json:"acked,omitempty"`

	Lasting    map[string]int64 `json:"lasting,omitempty"`    // since which tick, by cause: "blind", "no-data", "breach of GATE"
	WorseSince int64            `json:"worseSince,omitempty"` // the tick at which the verdict last became worse

	Looks   int64            `json:"looks,omitempty"`
	Blind   rampart.Duration `json:"blind,omitempty"` // altogether
	Verdict rampart.Verdict  `json:"verdict"`         // the last
}

// MaxMemoryBytes is what the JSON form of a Memory may take before it is made shorter.
// What the gates of a very long plan have seen is longer all the same, and is kept.
const MaxMemoryBytes = 8 << 10

// RecallInput names a launch, and the gate that ended it.
type RecallInput struct {
	Flag string `json:"flag"`
	Run  string `json:"run"`
	Gate string `json:"gate,omitempty"`
	Have Memory `json:"have"` // that the workflow has
}

// Recalled is what a launch knew at its end.
type Recalled struct {
	Memory Memory     `json:"memory"`
	Harm   gates.Harm `json:"harm"` // by that gate
}

// Recall returns the evidence of the last look, which the workflow has not been told
// of where its watch was cancelled, and what it says about harm.
func (a *Activities) Recall(ctx context.Context, in RecallInput) (Recalled, error) {
	var kept Memory
	_, blob, err := a.Store.Evidence(ctx, in.Flag, in.Run)
	if err != nil {
		return Recalled{}, err
	}
	if len(blob) > 0 {
		if err := json.Unmarshal(blob, &kept); err != nil {
			return Recalled{}, err
		}
	}
	out := Recalled{Memory: newest(in.Have, kept)}
	out.Harm = out.Memory.Gates.Harm(in.Gate)
	return out, nil
}

// newest returns the memory with the latest tick of the latest attempt.
func newest(all ...Memory) Memory {
	var best Memory
	for i, m := range all {
		if i == 0 || m.Attempt > best.Attempt || m.Attempt == best.Attempt && m.Tick > best.Tick {
			best = m
		}
	}
	return best
}

// take notes a look at the gates. Only answered time counts toward the hold, and
// at most two ticks of it: a watch that was away for an hour has not seen the hour.
// Where the clock of the hold stands still, as in a pause, counts is false.
func (m *Memory) take(v rampart.Verdict, tick, since time.Time, every time.Duration, counts bool) {
	before := m.Tick
	// Pass and undecided become holding, and back, with the end of a hold alone.
	if v.Word.WorseThan(m.Verdict.Word) && v.Word.WorseThan(rampart.Undecided) {
		m.WorseSince = tick.UnixMilli()
	}
	m.Tick, m.Verdict, m.Looks = tick.UnixMilli(), v, m.Looks+1
	m.lasts("blind", v.Word == rampart.Blind, tick)
	m.lasts("no-data", v.Word == rampart.NoData, tick)
	m.lasts(SampleRatio, mismatch(v), tick)
	for _, g := range v.Gates {
		m.lasts(breachOf(g.Gate), g.Word == rampart.Breach, tick)
	}
	if v.Word == rampart.Blind && before > 0 {
		m.Blind += rampart.Duration(min(tick.Sub(time.UnixMilli(before)), 2*every))
	}
	if v.Word == rampart.Blind || v.Word == rampart.NoData {
		m.Answered = 0
		return
	}
	if counts {
		m.Held += m.gain(tick, since, every)
	}
	m.Answered = tick.UnixMilli()
}

// gain returns how much of the hold an answered look at this tick is worth.
func (m *Memory) gain(tick, since time.Time, every time.Duration) rampart.Duration {
	from := since
	if last := time.UnixMilli(m.Answered); m.Answered > 0 && last.After(from) {
		from = last
	}
	if back := tick.Add(-every); m.Answered == 0 && m.Looks > 0 && back.After(from) {
		from = back // the look before was not answered
	}
	return rampart.Duration(max(0, min(tick.Sub(from), 2*every)))
}

// enter starts the clock of a step, unless it is running.
func (m *Memory) enter(step string) {
	if m.Step != step {
		m.Step, m.Held, m.Answered = step, 0, 0
	}
}

// acknowledge has the gates set a mismatch of the sample ratio aside, once for each
// time that somebody has acknowledged one. What they had not found again after a step
// back is settled with that.
func (m *Memory) acknowledge(times int, at time.Time) {
	if times <= m.Acked {
		return
	}
	m.Acked = times
	m.Gates.Acknowledge(at)
	delete(m.Lasting, SampleRatio) // another one is news
}

// lasts notes since when a cause has been there without a break.
func (m *Memory) lasts(cause string, is bool, tick time.Time) {
	switch {
	case !is:
		delete(m.Lasting, cause)
	case m.Lasting[cause] == 0:
		if m.Lasting == nil {
			m.Lasting = map[string]int64{}
		}
		m.Lasting[cause] = tick.UnixMilli()
	}
}

func breachOf(gate string) string { return "breach of " + gate }

// marshal returns the JSON form. Where that is too long, as for a plan with very many
// gates, it leaves out what each gate said that is no breach: the verdict itself and
// the evidence stay.
func (m *Memory) marshal() ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil || len(b) <= MaxMemoryBytes {
		return b, err
	}
	m.Verdict.Gates = slices.DeleteFunc(slices.Clone(m.Verdict.Gates), func(g rampart.GateVerdict) bool { return g.Word != rampart.Breach })
	return json.Marshal(m)
}
