package access

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A Rate is how often somebody may ask. The zero Rate is as often as they like.
type Rate struct {
	PerSecond int
	Burst     int // at once, after a pause
}

func (r Rate) limiter() *rate.Limiter {
	if r.PerSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(r.PerSecond), max(1, r.Burst))
}

// Take counts one question. It returns how long to wait before the next try where
// there were too many; 0: it may be answered.
func (g *Grant) Take(now time.Time) (wait time.Duration) { return take(g.rate, now) }

func take(l *rate.Limiter, now time.Time) time.Duration {
	r := l.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// Pace returns how long the nth of those who hold the token should wait before it asks,
// where all of them are told to ask at once: half of what the token may ask is left to
// others.
func (g *Grant) Pace(n int) time.Duration {
	r := g.limit
	if after := n - r.Burst/2; r.PerSecond > 0 && after > 0 {
		return time.Duration(after) * 2 * time.Second / time.Duration(r.PerSecond)
	}
	return 0
}

// Addresses limits each address on its own. It remembers a bounded number of them,
// for at most two turns: whoever has been silent for so long has its burst again
// anyway.
type Addresses struct {
	rate Rate

	mu         sync.Mutex
	young, old map[netip.Prefix]*rate.Limiter
	turned     time.Time // when young began
}

const (
	mostAddresses = 50_000
	addressTurn   = time.Minute
)

// NewAddresses returns a limit for each address.
func NewAddresses(r Rate) *Addresses {
	return &Addresses{rate: r, young: map[netip.Prefix]*rate.Limiter{}}
}

// Take is [Grant.Take] for an address.
func (a *Addresses) Take(from netip.Addr, now time.Time) time.Duration {
	if a.rate.PerSecond <= 0 {
		return 0
	}
	return take(a.of(Network(from), now), now)
}

func (a *Addresses) of(n netip.Prefix, now time.Time) *rate.Limiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.turned) > addressTurn || len(a.young) >= mostAddresses {
		a.young, a.old, a.turned = map[netip.Prefix]*rate.Limiter{}, a.young, now
	}
	l := a.young[n]
	if l == nil {
		if l = a.old[n]; l == nil {
			l = a.rate.limiter()
		}
		a.young[n] = l
	}
	return l
}

// Network returns what one customer of a provider usually has: a single address, or
// 64 bits of IPv6, within which everybody can choose addresses as they like.
func Network(from netip.Addr) netip.Prefix {
	from = from.Unmap()
	bits := from.BitLen()
	if from.Is6() {
		bits = 64
	}
	p, _ := from.WithZone("").Prefix(bits)
	return p
}
