package acceptance_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

func TestOfManyWhoStartAFlagAtOnceOneDoes(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	s.read("checkout-v2")
	plan := s.aPlan("checkout-v2").WithDefaults()
	plan.Stages[0].Steps[0].Hold = rampart.Duration(3600 * seconds(1))
	s.allow("checkout-v2", ten)
	const people = 16
	var started []starter.Started
	var refused []error
	var mu sync.Mutex
	var all sync.WaitGroup
	ready := make(chan struct{})
	for range people {
		all.Go(func() {
			<-ready
			got, err := s.people.Start(t.Context(), starter.Launching{Plan: plan, By: "rita"})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				started = append(started, got)
			} else {
				refused = append(refused, err)
			}
		})
	}
	close(ready)
	all.Wait()

	require.Len(t, started, 1)
	require.Len(t, refused, people-1)
	for _, err := range refused {
		require.Equal(t, rampart.Refused, rampart.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "a launch of checkout-v2 is under way in "+s.env)
		require.Contains(t, rampart.HintOf(err), "rampart turn-back checkout-v2")
	}
	l := &launch{stack: s, plan: plan, run: started[0].Run}
	l.awaits(rampart.Watching, ten)
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %")
}
