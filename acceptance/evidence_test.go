package acceptance_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// What looks came to is told once, whoever took them, and can be read when the launch
// is over. While it goes on, each worker exports what its last look came to.
func TestEvidenceOfALaunchIsTold(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	first := s.work()
	service := s.serve("checkout-v2")
	s.read("checkout-v2")
	plan := s.comparing("checkout-v2")
	plan.Stages[0].Steps[0] = rampart.Step{Percent: fifty, Hold: rampart.Duration(time.Hour)}
	l := s.start(plan)
	counted := func(p rampart.Progress) bool { return gate(p.Verdict, "errors").OnN > 0 }
	l.awaitsThat("requests are counted", counted)
	units := fmt.Sprintf(`rampart_gate_units{arm="on",environment=%q,flag="checkout-v2",gate="errors"} `, s.env)
	eventually(t, "the first worker tells", func() (bool, any) { return first.exports(units) })

	first.kill()
	second := s.work()
	looks := l.memoryNow().Looks
	l.awaitsThat("somebody looks again", func(p rampart.Progress) bool { return p.Looks > looks+2 })
	eventually(t, "the second worker tells", func() (bool, any) { return second.exports(units) })

	service.onFails.Store(2)
	out := l.ends(rampart.TurnedBack)
	e, err := s.people.Evidence(t.Context(), "checkout-v2", l.run)
	require.NoError(t, err)
	require.EqualValues(t, out.Receipt.Looks, len(e.Points), "each look once: they are fewer than are thinned")
	for i, p := range e.Points[1:] {
		require.Greater(t, p.At, e.Points[i].At)
	}
	last := e.Points[len(e.Points)-1]
	require.Equal(t, out.Receipt.BreachAt, last.At)
	require.Equal(t, rampart.Breach, last.Word)
	require.InDelta(t, 1, last.Share, 0, "of the limit")
	code, says := s.rampart("evidence", "checkout-v2", "--plot")
	require.Zero(t, code, says)
	require.Contains(t, says, "errors")

	eventually(t, "the series of the launch are gone", func() (bool, any) {
		told, err := second.exports(units)
		return !told && err == nil, err
	})
}

func (w *worker) exports(series string) (bool, any) {
	_, body, err := get("http://" + w.address + "/metrics")
	return strings.Contains(body, "\n"+series), err
}
