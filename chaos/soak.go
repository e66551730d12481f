package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rampart-dev/rampart/chaos/ledger"
	"github.com/rampart-dev/rampart/internal/devstack"
	"github.com/rampart-dev/rampart/starter"
)

const (
	// startPatience is how long the parts may take to answer for the first time.
	startPatience = 2 * time.Minute
	// calmPatience is how long the first launches, which nothing disturbs, may take.
	calmPatience = 3 * time.Minute
	// settlePatience is how long launches may take to end once nothing is broken any more.
	settlePatience = 6 * time.Minute
)

// A soak is one run of this program.
type soak struct {
	options
	dir    string
	at     addresses
	parts  []*part
	story  *story
	ledger *ledger.Ledger
	book   *ledger.Book
	tolls  *tolls
	people *starter.Starter

	// emptying is held while the store comes back empty, and shared by whoever kills a
	// flag until a workflow knows: a kill that only the lost store knew of is lost.
	emptying sync.RWMutex
	began    time.Time // of the breaking
	broke    time.Duration
	settled  time.Duration
	writes   atomic.Int64 // that were seen
	cries    atomic.Int64 // violations that were told
	unseen   int          // sights of versions that only readers have seen

	mu       sync.Mutex
	wishes   wishes
	samples  int
	lives    map[string]map[string]bool        // of readers, by part, that have spoken
	asked    map[string]map[string]announced   // by flag and life
	counted  map[*ledger.Walk]float64          // by evidence
	baseline map[*ledger.Walk]map[string]int64 // requests by life when the launch began
	ways     []wayBack
	idle     gap
	breaking bool // the calm is over
	stopping bool // no more launches
}

// announced is what a life of a service said of its requests.
type announced struct{ made, limit int64 }

// A gap is the longest time in which a launch did not go on.
type gap struct {
	length time.Duration
	flag   string
}

func newSoak(o options, dir string) (*soak, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &soak{
		options: o, dir: dir, wishes: wishes{}, tolls: newTolls(), lives: map[string]map[string]bool{},
		asked: map[string]map[string]announced{}, counted: map[*ledger.Walk]float64{}, baseline: map[*ledger.Walk]map[string]int64{},
	}
	var err error
	if s.story, err = newStory(s.path("story.log"), o.story); err != nil {
		return nil, err
	}
	s.book = &ledger.Book{Broken: s.cry}
	s.ledger = &ledger.Ledger{Book: s.book, Environment: environment}
	if s.at, err = newAddresses(); err != nil {
		return nil, err
	}
	return s, s.newParts()
}

// cry tells of a violation at once, with the story that led to it.
func (s *soak) cry(v ledger.Violation) {
	s.story.tell("BROKEN", "%s: %s: %s", v.Rule, v.Flag, v.What)
	fmt.Fprintf(os.Stderr, "BROKEN: %s: %s: %s\n", v.Rule, v.Flag, v.What)
	if s.cries.Add(1) <= 20 {
		s.story.about(os.Stderr, v.Flag, s.parts, 40)
	}
}

func (s *soak) path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

func (s *soak) close() { s.story.close() }

// run starts everything, lets people and chaos loose, and checks what is left.
func (s *soak) run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer func() {
		end()
		all.Wait()
		for _, p := range s.parts {
			if p.done != nil {
				<-p.done
			}
		}
	}()
	if err := s.start(ctx); err != nil {
		return err
	}
	defer func() { _ = s.people.Close() }()
	for _, watch := range []func(context.Context){s.readHistory, s.followFeed, s.readLeases} {
		all.Go(func() { watch(ctx) })
	}
	fmt.Printf("%d launches at once; seed %d; story in %s\n", s.flags, s.seed, s.path("story.log"))
	var slots sync.WaitGroup
	calm := make(chan struct{}, s.flags)
	for i := range s.flags {
		p := newPerson(s, i)
		slots.Go(func() { p.live(ctx, calm) })
	}
	if err := s.awaitCalm(ctx, calm); err != nil {
		return err
	}
	s.mu.Lock()
	s.breaking = true
	s.mu.Unlock()
	s.began = time.Now()
	s.breakThings(ctx, rand.New(rand.NewPCG(s.seed, 1))) // #nosec G404 -- chance, not a secret
	s.broke = time.Since(s.began)
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	fmt.Printf("%s; letting launches end\n", s.tolls.summary())
	s.settle(ctx, &slots)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.judge(ctx)
	s.settled = time.Since(s.began) - s.broke
	return nil
}

// start runs the parts in the order in which they need each other.
func (s *soak) start(ctx context.Context) error {
	if err := s.writeWishes(); err != nil {
		return err
	}
	for _, p := range s.parts {
		if p.kind == "worker" && s.people == nil {
			if err := s.setUp(ctx); err != nil {
				return err
			}
		}
		if err := p.keep(ctx); err != nil {
			return fmt.Errorf("start %s: %w", p.name, err)
		}
	}
	return s.awaitService(ctx)
}

// setUp makes the environment ready, once Temporal and Redis answer.
func (s *soak) setUp(ctx context.Context) (err error) {
	s.people, err = starter.Dial(starter.Options{Environment: environment, Temporal: s.at.temporal, Redis: "redis://" + s.at.redis})
	if err != nil {
		return err
	}
	return s.until(ctx, startPatience, "the environment is set up", func() error {
		_, err := s.people.Setup(ctx)
		return err
	})
}

// awaitService waits until workers answer, and every service has metrics.
func (s *soak) awaitService(ctx context.Context) error {
	for _, address := range s.at.workers {
		if err := s.until(ctx, startPatience, "a worker is ready", func() error { return devstack.Answers("http://" + address + "/readyz")(ctx) }); err != nil {
			return err
		}
	}
	for _, address := range append([]string{s.at.prometheus}, s.at.services...) {
		if err := s.until(ctx, startPatience, address+" answers", func() error { return devstack.Answers("http://" + address + "/metrics")(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// awaitCalm waits until each person has seen one launch to its end.
func (s *soak) awaitCalm(ctx context.Context, calm <-chan struct{}) error {
	over := time.NewTimer(calmPatience)
	defer over.Stop()
	for range s.flags {
		select {
		case <-calm:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-over.C:
			s.story.tell("chaos", "not every launch of the calm has ended")
			return nil
		}
	}
	return nil
}

// wish changes what services do for a flag.
func (s *soak) wish(flag string, w wish) {
	s.mu.Lock()
	s.wishes[flag] = w
	s.mu.Unlock()
	if err := s.writeWishes(); err != nil {
		s.story.tell("chaos", "wishes: %v", err)
	}
}

// writeWishes replaces the file in one step, because services may be reading it.
func (s *soak) writeWishes() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := json.Marshal(s.wishes)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.path("wishes.new"), b, 0o600); err != nil {
		return err
	}
	return os.Rename(s.path("wishes.new"), s.path("wishes.json"))
}

// over reports whether no more launches are to be started.
func (s *soak) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}
