package gates

import (
	"hash/fnv"
	"time"

	"github.com/rampart-dev/rampart"
)

// A launch that has been well at one exposure for long is looked at less often. After
// a raise, and as soon as anything asks for a closer look, every tick is looked at.
const (
	// settling is how long after a raise every tick is looked at: most harm shows
	// within minutes of exposure.
	settling = time.Hour
	// calming is how long every tick is looked at after something stirred.
	calming = 15 * time.Minute
	// seldomTicks and seldom bound how far apart looks are: what a look may come
	// too late for is known then, and it is less than the two minutes after which
	// data has stopped.
	seldomTicks = 4
	seldom      = time.Minute
	// stirring is the share of its limit from which evidence asks for a closer look.
	// It begins at a twentieth, and falls for as long as there is no harm.
	stirring = 0.1
)

// Slowest returns the longest time between two looks at a launch whose ticks are so
// far apart: four ticks, but no more than a minute, and never less than one.
func Slowest(every time.Duration) time.Duration {
	if every <= 0 {
		return 0
	}
	return every * max(1, min(seldomTicks, seldom/every))
}

// Next returns the tick at which the launch is to be looked at next, after the one
// that was judged last: zero where nothing was. Ticks in between are not missed: they
// are counted with the next.
func (s *State) Next() time.Time {
	if s.Due == 0 {
		return time.Time{}
	}
	return time.UnixMilli(s.Due)
}

// Stir has every tick looked at for a while, because of something that gates do not
// see: a document that was lost, say.
func (s *State) Stir(at time.Time) { s.Stirred, s.Due = at.UnixMilli(), 0 }

// plan decides when to look next, once a tick was judged.
func (s *State) plan(look Look, v rampart.Verdict) {
	if s.stirs(look, v) {
		s.Stirred = look.tick()
	}
	next := look.At.Add(look.Every)
	settled := look.At.Sub(look.StepSince) >= settling
	calm := look.tick()-s.Stirred >= calming.Milliseconds()
	if n := int64(Slowest(look.Every) / look.Every); n > 1 && settled && calm {
		// Launches that became calm at the same time must not all be looked at together
		// for ever, so which of the ticks it is depends on the flag.
		for mine := share(look.Flag, n); tickNumber(next, look.Every)%n != mine; {
			next = next.Add(look.Every)
		}
	}
	s.Due = next.UnixMilli()
}

// tickNumber counts ticks since 1970, so that every worker counts alike.
func tickNumber(tick time.Time, every time.Duration) int64 {
	return tick.UnixMilli() / max(1, every.Milliseconds())
}

// share returns one of n numbers, from 0, for a flag.
func share(flag string, n int64) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(flag))
	return int64(h.Sum32()) % n
}

// stirs reports whether anything was seen at this tick that asks for a closer look: no
// answer, missing data, a bound that is broken although its time is not over, a probe
// that failed once, evidence that builds up, or a gate that has not been seen often.
func (s *State) stirs(look Look, v rampart.Verdict) bool {
	for _, g := range v.Gates {
		if g.Word == rampart.Breach || g.Word == rampart.NoData || g.Word == rampart.Blind || g.Share >= stirring {
			return true
		}
	}
	for _, spec := range look.Gates {
		if !look.asks(spec) {
			continue
		}
		g := s.gate(spec)
		if g.Out.Since != 0 || g.Run < enough || g.Probed != nil && g.Probed.Failures > 0 {
			return true
		}
	}
	return s.Evidence != nil && s.Evidence.ShareOfLimit() >= stirring
}

// paced is how long was to pass between the last look and this one.
func (s *State) paced(look Look) time.Duration {
	if s.Due > s.Tick && s.Tick > 0 {
		return max(look.Every, time.Duration(s.Due-s.Tick)*time.Millisecond)
	}
	return look.Every
}
