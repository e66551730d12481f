package acceptance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/temporaltest"
)

// Harm does not wait until every part is there. It begins while one of them is away,
// and the launch must be turned back once that one is back.
func TestHarmThatBeginsWhileAPartIsAwayIsTurnedBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		gone func(s *stack, first *worker)
		back func(s *stack)
		path []string
	}{
		{
			name: "all workers",
			gone: func(_ *stack, first *worker) { first.kill() },
			back: func(s *stack) { s.work() },
			path: []string{"create 0 %", "acquire 0 %", "expose 50 %", "turn-back 0 %"},
		},
		{
			name: "Temporal",
			gone: func(s *stack, _ *worker) { s.temporal.Kill() },
			back: func(s *stack) { s.temporal.Restart() },
			path: []string{"create 0 %", "acquire 0 %", "expose 50 %", "turn-back 0 %"},
		},
		{
			name: "Prometheus",
			gone: func(s *stack, _ *worker) { s.prometheus.Kill() },
			back: func(s *stack) { s.prometheus.Restart() },
			path: []string{"create 0 %", "acquire 0 %", "expose 50 %", "turn-back 0 %"},
		},
		{
			name: "Redis, which hangs",
			gone: func(s *stack, _ *worker) { s.redis.Freeze() },
			back: func(s *stack) { s.redis.Thaw() },
			path: []string{"create 0 %", "acquire 0 %", "expose 50 %", "turn-back 0 %"},
		},
		{
			name: "Redis, which comes back empty",
			gone: func(s *stack, _ *worker) { s.redis.Kill() },
			back: func(s *stack) { s.redis.Restart() },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStackOn(t, temporaltest.Start(t))
			first := s.work()
			service := s.serve("checkout-v2")
			r := s.read("checkout-v2")
			plan := s.comparing("checkout-v2")
			plan.Stages[0].Steps[0] = rampart.Step{Percent: fifty, Hold: rampart.Duration(time.Hour)}
			l := s.start(plan)
			l.awaitsThat("requests are counted", func(p rampart.Progress) bool { return gate(p.Verdict, "errors").OnN > 0 })

			c.gone(s, first)
			service.onFails.Store(2)
			service.awaitsFailures(100)
			c.back(s)

			out := l.ends(rampart.TurnedBack)
			require.Equal(t, rampart.CauseBreach, out.Cause)
			require.Positive(t, out.Receipt.Affected)
			r.awaits("off", "checkout-v2", func(saw sight) bool { return saw.Exposure == 0 && !saw.Lowest })
			if c.path != nil {
				l.requirePath(c.path...)
			}
		})
	}
}

// awaitsFailures waits until so many requests more of the on arm have failed.
func (v *service) awaitsFailures(n int64) {
	v.t.Helper()
	before := v.onFailed.Load()
	eventually(v.t, "requests fail", func() (bool, any) {
		failed := v.onFailed.Load()
		return failed >= before+n, failed
	})
}
