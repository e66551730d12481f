package activities

import (
	"hash/fnv"
	"time"
)

// paced is how long was to pass between the last look and the next one.
func (in WatchInput) paced(m *Memory) time.Duration {
	if due := m.Gates.Next(); !due.IsZero() && m.Tick > 0 {
		return max(in.Every.D(), due.Sub(time.UnixMilli(m.Tick)))
	}
	return in.Every.D()
}

// next returns the tick of the next look. It is the one that the gates ask for, and
// an earlier one where people wait for the answer, where the hold is over before, or
// where the lease would have less than three quarters left.
func (in WatchInput) next(m *Memory, now time.Time) time.Time {
	every := in.Every.D()
	soonest := now.Truncate(every).Add(every)
	if in.Mode == Raise || in.Mode == Advance || m.Tick == 0 {
		return soonest
	}
	last := time.UnixMilli(m.Tick)
	next := last.Add(in.paced(m))
	if left := (in.Hold - m.Held).D(); (in.Mode == Hold || in.Mode == Shadow) && left > 0 {
		next = earlier(next, last.Add((left + every - 1).Truncate(every)))
	}
	if in.Lease > 0 {
		next = earlier(next, last.Add((in.Lease.D() / 4).Truncate(every)))
	}
	if next.Before(soonest) {
		return soonest
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// spreadTick bounds the time that looks are spread over, where ticks lie far apart:
// answers that are shared are not kept for long.
const spreadTick = 30 * time.Second

// offset is how long after its tick a flag is looked at. Launches share their ticks,
// so that they can share queries; were all of them looked at in the same instant, each
// would wait for the others, and a turning back for all of them.
func (a *Activities) offset(flag string, every time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(flag))
	const parts = 1 << 12
	return time.Duration(a.Spread * float64(min(every, spreadTick)) / parts * float64(h.Sum32()>>(32-12)))
}
