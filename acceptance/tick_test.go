package acceptance_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// Each approval, pause and resume ends one watch and begins another. The evidence
// must have counted every request once all the same.
func TestApprovingPausingAndResumingLoseNoEvidence(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work("--scrape-interval", "5s") // how far back it looks, should this machine be slow
	s.serve("checkout-v2")
	s.read("checkout-v2")
	plan := s.comparing("checkout-v2")
	plan.Stages[0].Steps[0] = rampart.Step{Percent: 3000, Hold: seconds(5)}
	plan.Stages[1].Steps[0].Hold = rampart.Duration(time.Hour)
	l := s.start(plan)
	l.awaitsThat("requests are counted", func(p rampart.Progress) bool { return gate(p.Verdict, "errors").OnN > 0 })
	l.pauseAndResume(3)
	l.requireAllCounted()

	l.asks(rampart.MaxPowerRamp)
	l.pauseAndResume(2)
	l.approve(rampart.MaxPowerRamp)
	l.awaits(rampart.Watching, fifty)
	l.requireAllCounted()

	l.pauseAndResume(3)
	l.awaitsLooks(3)
	l.requireAllCounted()
	_, err := s.people.TurnBack(t.Context(), "checkout-v2", rampart.Ask{By: "bo", Reason: "seen enough"})
	require.NoError(t, err)
	out := l.ends(rampart.TurnedBack)
	require.Positive(t, out.Receipt.Requests)
	l.requirePath("create 0 %", "acquire 0 %", "expose 30 %", "expose 50 %", "turn-back 0 %")
}

// pauseAndResume does so some times, with a look or none in between.
func (l *launch) pauseAndResume(times int) {
	l.t.Helper()
	for i := range times {
		_, err := l.people.Pause(l.t.Context(), l.plan.Flag, rampart.Ask{By: "bo", Reason: fmt.Sprintf("the %d. time", i)})
		require.NoError(l.t, err)
		l.awaitsLooks(int64(i % 2))
		_, err = l.people.Resume(l.t.Context(), l.plan.Flag, rampart.Ask{By: "bo"})
		require.NoError(l.t, err)
		l.awaitsLooks(int64(i % 2))
	}
}

// awaitsLooks waits until the gates have been looked at so many times more.
func (l *launch) awaitsLooks(n int64) {
	l.t.Helper()
	before, err := l.memory()
	require.NoError(l.t, err)
	eventually(l.t, fmt.Sprintf("%d looks more", n), func() (bool, any) {
		m, err := l.memory()
		return err == nil && m.Looks >= before.Looks+n, err
	})
}

// requireAllCounted compares what the evidence has counted with what the service
// says that it has counted by the same instant.
func (l *launch) requireAllCounted() {
	l.t.Helper()
	m := l.memoryNow()
	counted := gate(&m.Verdict, "errors")
	at := time.UnixMilli(m.Tick).Add(-gates.DefaultScrapeLag)
	for arm, n := range map[string]float64{"on": counted.OnN, "off": counted.OffN} {
		total, err := l.queryAt(fmt.Sprintf(`sum(max_over_time(rampart_requests_total{flag=%q,arm=%q}[15m]))`, l.plan.Flag, arm), at)
		require.NoError(l.t, err)
		require.Positive(l.t, n)
		require.InDelta(l.t, total, n, 0, "requests of the arm %s, after %d looks", arm, m.Looks)
	}
}
