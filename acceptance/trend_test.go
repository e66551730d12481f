package acceptance_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// A queue that is long is no trend; one that grows is. The launch goes on under the
// first and is turned back by the second.
func TestAQueueThatGrowsTurnsTheLaunchBack(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	r := s.read("checkout-v2")
	queue := s.gauge("queue_length")
	queue.Set(40)
	eventually(t, "the queue has a past", func() (bool, any) {
		v, err := s.query("queue_length offset 5s")
		return err == nil && v == 40, err
	})
	plan := s.aPlan("checkout-v2")
	plan.Gates = append(plan.Gates, rampart.Gate{Name: "queue", Trend: &rampart.Trend{
		Query: "queue_length", MaxRise: rampart.Full / 2, Over: seconds(5), For: seconds(2),
	}})
	plan.Stages[1].Steps[0].Hold = rampart.Duration(time.Hour)
	l := s.start(plan)
	l.approve(rampart.MaxPowerRamp)
	l.awaitsThat("the trend passed a step, and is watched in the next", func(p rampart.Progress) bool {
		return p.Exposure == fifty && p.State == rampart.Watching && gate(p.Verdict, "queue").Value != nil
	})

	queue.Set(90)

	out := l.ends(rampart.TurnedBack)
	require.Equal(t, rampart.CauseBreach, out.Cause)
	require.Equal(t, "queue", out.Receipt.Gate)
	require.Contains(t, out.Reason, "queue +125 % in 5s, at most 50 %")
	r.awaits("off", "checkout-v2", func(saw sight) bool { return saw.Exposure == 0 && !saw.Lowest })
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "expose 50 %", "turn-back 0 %")
}

// gauge has Prometheus scrape a gauge that the test sets.
func (s *stack) gauge(name string) prometheus.Gauge {
	s.t.Helper()
	registry := prometheus.NewRegistry()
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: "Set by a test."})
	registry.MustRegister(g)
	exporter := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s.t.Cleanup(exporter.Close)
	s.scrape(strings.TrimPrefix(exporter.URL, "http://"))
	return g
}
