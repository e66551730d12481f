package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pace is the mean time between two things that are broken.
const pace = 3 * time.Second

// A deed is one way to break a part.
type deed struct {
	name   string // as it is counted
	kind   string // of the parts that it is done to
	weight int
	do     func(*soak, context.Context, *part, *rand.Rand)
}

// deeds are weighted so that some two thirds are kills.
var deeds = []deed{
	{"kill -9", "worker", 20, killed},
	{"kill -9", "service", 18, killed},
	{"kill -9", "redis", 12, killed},
	{"kill -9", "prometheus", 10, killed},
	{"kill -9", "temporal", 9, killed},
	{"stop", "worker", 6, stopped(10 * time.Second)},
	{"long stop", "worker", 2, stopped(25 * time.Second)}, // longer than an attempt may take
	{"stop", "service", 5, stopped(6 * time.Second)},
	{"stop", "redis", 4, stopped(5 * time.Second)},
	{"stop", "prometheus", 3, stopped(8 * time.Second)},
	{"stop", "temporal", 2, stopped(6 * time.Second)},
	{"cut connections", "redis", 6, cut},
	{"emptied", "redis", 3, emptied},
	{"all killed", "worker", 3, allKilled},
}

// breakThings does one deed after the other for as long as the soak is to last.
func (s *soak) breakThings(ctx context.Context, chance *rand.Rand) {
	end := time.Now().Add(s.length)
	var under sync.WaitGroup
	for pause(ctx, time.Duration(float64(pace)*(0.5+chance.Float64()))) && time.Now().Before(end) {
		d := choose(chance)
		p := s.victim(d.kind, chance)
		private := rand.New(rand.NewPCG(chance.Uint64(), 2)) // #nosec G404 -- chance, not a secret
		if !p.claim() {
			continue // it is being broken already
		}
		under.Go(func() {
			defer p.release()
			d.do(s, ctx, p, private)
		})
		s.tolls.count(p.name, d.name)
	}
	under.Wait()
}

func choose(chance *rand.Rand) deed {
	total := 0
	for _, d := range deeds {
		total += d.weight
	}
	n := chance.IntN(total)
	for _, d := range deeds {
		if n -= d.weight; n < 0 {
			return d
		}
	}
	return deeds[0]
}

func (s *soak) victim(kind string, chance *rand.Rand) *part {
	var alike []*part
	for _, p := range s.parts {
		if p.kind == kind {
			alike = append(alike, p)
		}
	}
	return alike[chance.IntN(len(alike))]
}

func killed(s *soak, ctx context.Context, p *part, chance *rand.Rand) {
	rest := time.Duration(chance.Int64N(int64(2500 * time.Millisecond)))
	s.story.tell(p.name, "kill -9, for %s", rest.Round(time.Millisecond))
	p.kill(rest, nil)
	pause(ctx, rest+time.Second)
}

func stopped(most time.Duration) func(*soak, context.Context, *part, *rand.Rand) {
	return func(s *soak, ctx context.Context, p *part, chance *rand.Rand) {
		length := most/10 + time.Duration(chance.Int64N(int64(most*9/10)))
		s.story.tell(p.name, "stopped in mid-breath, for %s", length.Round(time.Millisecond))
		p.signal(syscall.SIGSTOP)
		pause(ctx, length)
		p.signal(syscall.SIGCONT)
		s.story.tell(p.name, "goes on")
	}
}

// allKilled leaves nobody to guard what is exposed.
func allKilled(s *soak, ctx context.Context, p *part, chance *rand.Rand) {
	rest := 3*time.Second + time.Duration(chance.Int64N(int64(17*time.Second)))
	for _, other := range s.parts {
		if other.kind != p.kind {
			continue
		}
		if other != p && !other.claim() {
			continue
		}
		s.story.tell(other.name, "kill -9 with all its kind, for %s", rest.Round(time.Millisecond))
		other.kill(rest, nil)
		if other != p {
			defer other.release()
			s.tolls.count(other.name, "all killed")
		}
	}
	pause(ctx, rest+time.Second)
}

// emptied kills Redis, which comes back with nothing.
func emptied(s *soak, ctx context.Context, p *part, _ *rand.Rand) {
	s.emptying.Lock()
	defer s.emptying.Unlock()
	s.story.tell(p.name, "kill -9, and comes back empty")
	done := make(chan struct{})
	p.kill(100*time.Millisecond, func() {
		defer close(done)
		// Whoever hears of the last writes from the feed, hears of them by now.
		pause(ctx, 300*time.Millisecond)
		s.ledger.Emptied(now())
		if err := os.RemoveAll(s.path("redis")); err != nil {
			s.story.tell(p.name, "cannot be emptied: %v", err)
		}
		if err := os.MkdirAll(s.path("redis"), 0o700); err != nil {
			s.story.tell(p.name, "cannot be emptied: %v", err)
		}
	})
	select {
	case <-done:
	case <-ctx.Done():
	}
	pause(ctx, 2*time.Second)
}

// cut ends every connection to Redis, or those of the change feed only.
func cut(s *soak, _ context.Context, p *part, chance *rand.Rand) {
	kind := []string{"normal", "pubsub"}[chance.IntN(2)]
	conn, err := net.DialTimeout("tcp", s.at.redis, time.Second)
	if err != nil {
		s.story.tell(p.name, "connections cannot be cut: %v", err)
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	_, _ = io.WriteString(conn, "CLIENT KILL TYPE "+kind+" SKIPME yes\r\n")
	answer, err := bufio.NewReader(conn).ReadString('\n')
	s.story.tell(p.name, "%s connections cut: %.20q %v", kind, answer, err)
}

// tolls counts what was done to which part.
type tolls struct {
	mu    sync.Mutex
	deeds map[string]map[string]int // by part and name
}

func newTolls() *tolls { return &tolls{deeds: map[string]map[string]int{}} }

func (t *tolls) count(part, deed string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.deeds[part] == nil {
		t.deeds[part] = map[string]int{}
	}
	t.deeds[part][deed]++
}

// of returns how often a deed was done to a part.
func (t *tolls) of(part, deed string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.deeds[part][deed]
}

// sums returns how often parts were killed, stopped, and cut off.
func (t *tolls) sums() (kills, stops, cuts int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, done := range t.deeds {
		kills += done["kill -9"] + done["all killed"] + done["emptied"]
		stops += done["stop"] + done["long stop"]
		cuts += done["cut connections"]
	}
	return kills, stops, cuts
}

func (t *tolls) summary() string {
	kills, stops, cuts := t.sums()
	return fmt.Sprintf("%d kills, %d stops, %d cuts of all connections", kills, stops, cuts)
}
