package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/ledger"
)

// settle waits until every launch has ended. Nothing is broken any more, so what has
// not ended then was lost.
func (s *soak) settle(ctx context.Context, slots *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() {
		slots.Wait()
		close(ended)
	}()
	timer := time.NewTimer(settlePatience)
	defer timer.Stop()
	select {
	case <-ended:
	case <-ctx.Done():
	case <-timer.C:
	}
}

// judge checks what can be told only when all is over.
func (s *soak) judge(ctx context.Context) {
	walks := s.ledger.Walks()
	flags := map[string]bool{}
	for _, w := range walks {
		flags[w.Flag] = true
		s.book.Check(w.Outcome != nil, ledger.Fits, w.Flag, "launch %d has not ended within %s after the last kill", w.Number, settlePatience)
	}
	for _, flag := range slices.Sorted(maps.Keys(flags)) {
		err := s.until(ctx, endPatience, flag+" is one", func() error { return s.agree(ctx, flag) })
		s.book.Check(err == nil, ledger.Whole, flag, "%v", err)
	}
	s.unseen = s.ledger.Settle()
	for _, w := range walks {
		s.checkCounts(w)
		if w.Run != "" {
			s.readWorkflow(ctx, w)
		}
	}
}

// agree reports what does not agree about a flag.
func (s *soak) agree(ctx context.Context, flag string) error {
	e, err := s.people.Store.Get(ctx, flag)
	if err != nil {
		return err
	}
	intent, err := s.people.Intent(ctx, flag)
	switch {
	case err != nil:
		return err
	case intent.Launch != "" || e.Owner != rampart.FlagID(environment, flag):
		return fmt.Errorf("the flag's workflow says that %q answers for it, and %q holds the pen", intent.Launch, e.Owner)
	case intent.Flag.Version != e.Flag.Version || intent.Flag.Exposure != e.Flag.Exposure:
		return fmt.Errorf("the flag's workflow has %s in version %d, the store %s in version %d",
			intent.Flag.Exposure, intent.Flag.Version, e.Flag.Exposure, e.Flag.Version)
	}
	return s.allServe(flag, e.Flag)
}

// allServe reports which reader does not serve a flag as the store has it.
func (s *soak) allServe(flag string, doc rampart.Flag) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, lives := range s.lives {
		if len(lives) != 1 {
			return fmt.Errorf("%d lives of %s are heard", len(lives), name)
		}
		for life := range lives {
			if got, _ := s.ledger.Last(life, flag); got.Version != doc.Version || got.Served != doc.Exposure {
				return fmt.Errorf("%s serves %s in version %d, the store has %s in version %d", life, got.Served, got.Version, doc.Exposure, doc.Version)
			}
		}
	}
	if len(s.lives) != services {
		return fmt.Errorf("%d of %d services are heard", len(s.lives), services)
	}
	return nil
}
