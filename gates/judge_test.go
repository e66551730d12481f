package gates_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

const minute = rampart.Duration(time.Minute)

func TestThreshold(t *testing.T) {
	tests := []struct {
		name  string
		gate  rampart.Gate
		walk  func(*walk) rampart.Verdict
		want  rampart.Word
		parts []string
	}{
		{
			"in bounds while the hold goes on",
			pool(50, 0), func(w *walk) rampart.Verdict { return w.ticks(5) },
			rampart.Holding, []string{"db-pool 12, at most 50"},
		},
		{
			"in bounds when the hold is over",
			pool(50, 0), func(w *walk) rampart.Verdict { w.look.HoldOver = true; return w.ticks(3) },
			rampart.Pass, []string{"db-pool 12, at most 50"},
		},
		{
			"a pass needs a sample in each of the last three ticks",
			pool(50, 0), func(w *walk) rampart.Verdict { w.look.HoldOver = true; return w.ticks(2) },
			rampart.Holding, []string{"2 of 3 ticks"},
		},
		{
			"ticks with an answer that lie far apart are not in a row",
			pool(50, 0), func(w *walk) rampart.Verdict {
				w.look.HoldOver = true
				w.ticks(3)
				w.look.At = w.look.At.Add(time.Hour)
				return w.tick()
			},
			rampart.Holding, []string{"1 of 3 ticks"},
		},
		{
			"out of bounds, and nothing is allowed",
			pool(10, 0), func(w *walk) rampart.Verdict { return w.tick() },
			rampart.Breach, []string{"db-pool 12 > 10"},
		},
		{
			"out of bounds for less than is allowed",
			pool(10, minute), func(w *walk) rampart.Verdict { w.look.HoldOver = true; return w.ticks(4) },
			rampart.Holding, []string{"db-pool 12 > 10 for 45s of 1m"},
		},
		{
			"out of bounds for as long as is allowed",
			pool(10, minute), func(w *walk) rampart.Verdict { return w.ticks(5) },
			rampart.Breach, []string{"db-pool 12 > 10 for 1m"},
		},
		{
			"back in bounds in between",
			pool(10, minute), func(w *walk) rampart.Verdict {
				w.ticks(4)
				w.world.values["pool"] = 9
				w.tick()
				w.world.values["pool"] = 12
				return w.ticks(4)
			},
			rampart.Holding, []string{"for 45s of 1m"},
		},
		{
			"time without an answer is not time out of bounds",
			pool(10, minute), func(w *walk) rampart.Verdict {
				w.ticks(2)
				w.world.fail = errOffline
				w.ticks(40)
				w.world.fail = nil
				return w.tick()
			},
			rampart.Holding, []string{"for 45s of 1m"},
		},
		{
			"below a minimum",
			rampart.Gate{Name: "stock", Threshold: &rampart.Threshold{Query: "pool", Min: ptr(100)}},
			func(w *walk) rampart.Verdict { return w.tick() },
			rampart.Breach, []string{"stock 12 < 100"},
		},
		{
			"an answer without a value",
			pool(50, 0), func(w *walk) rampart.Verdict { delete(w.world.values, "pool"); return w.tick() },
			rampart.NoData, []string{"db-pool: the query found no series"},
		},
		{
			"no answer",
			pool(50, 0), func(w *walk) rampart.Verdict { w.world.fail = errOffline; return w.tick() },
			rampart.Blind, []string{"db-pool: prometheus at localhost:9090 does not answer: connection refused"},
		},
		{
			"an absolute gate is asked when everybody is exposed",
			pool(10, 0), func(w *walk) rampart.Verdict { w.look.Exposure = rampart.Full; return w.tick() },
			rampart.Breach, []string{"db-pool 12 > 10"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWalk(t, tt.gate)
			w.world.values["pool"] = 12
			requireReason(t, tt.walk(w), tt.want, tt.parts...)
		})
	}
}

func TestTrend(t *testing.T) {
	rising := rampart.Gate{Name: "memory", Trend: &rampart.Trend{Query: "rss", MaxRise: 1000, Over: 10 * minute}}
	w := newWalk(t, rising)
	w.world.values["rss"] = 220
	at := noon.Add(15*time.Second - gates.DefaultScrapeLag)
	before := func(v float64) {
		w.world.values["rss@"+at.Add(-10*time.Minute).Format(time.TimeOnly)] = v
		at = at.Add(w.look.Every)
	}

	before(210)
	requireReason(t, w.tick(), rampart.Holding, "memory +4.762 % in 10m, at most 10 %")
	before(110)
	requireReason(t, w.tick(), rampart.Breach, "memory +100 % in 10m, at most 10 %")
	before(0)
	requireReason(t, w.tick(), rampart.NoData, "the query was 0 at the beginning")
}

func TestTheVerdictOfALaunchIsTheWorstOfItsGates(t *testing.T) {
	good, bad := pool(50, 0), named(pool(10, 0), "bad")
	lost := rampart.Gate{Name: "lost", Threshold: &rampart.Threshold{Query: "nothing", Max: ptr(1)}}
	blind := rampart.Gate{Name: "blind", Threshold: &rampart.Threshold{Query: "offline", Max: ptr(1)}}
	tests := []struct {
		name  string
		gates []rampart.Gate
		over  bool
		word  rampart.Word
		gate  string
	}{
		{"no gates at all", nil, true, rampart.NotApplicable, ""},
		{"all in bounds", []rampart.Gate{good, named(good, "other")}, true, rampart.Pass, "db-pool"},
		{"one is missing", []rampart.Gate{good, lost}, true, rampart.NoData, "lost"},
		{"one is blind", []rampart.Gate{lost, blind, good}, true, rampart.Blind, "blind"},
		{"one is broken", []rampart.Gate{lost, blind, bad}, true, rampart.Breach, "bad"},
		{"a breach that only notifies lets the hold end", []rampart.Gate{good, onBreach(bad, rampart.ActNotify)}, true, rampart.Pass, "db-pool"},
		{"a breach that only notifies lets the hold go on", []rampart.Gate{onBreach(bad, rampart.ActNotify), good}, false, rampart.Holding, "bad"},
		{"a gate that only notifies does not hold up", []rampart.Gate{onBreach(lost, rampart.ActNotify), good}, true, rampart.Pass, "lost"},
		{"a breach that holds is a breach", []rampart.Gate{good, onBreach(bad, rampart.ActHold)}, true, rampart.Breach, "bad"},
		{
			"the graver of two breaches is named", []rampart.Gate{
				onBreach(named(bad, "pauses"), rampart.ActHold), onBreach(named(bad, "steps"), rampart.ActStepBack), named(bad, "turns"),
			},
			true, rampart.Breach, "turns",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWalk(t, tt.gates...)
			w.world.values["pool"] = 12
			w.world.failFor["offline"] = errOffline
			w.look.HoldOver = tt.over
			v := w.ticks(3)
			require.Equal(t, tt.word, v.Word, v.Reason)
			require.Equal(t, tt.gate, v.Gate)
			require.Len(t, v.Gates, len(tt.gates))
			require.Equal(t, w.look.At.UnixMilli(), v.At)
		})
	}
}

func TestABreachTellsItsAction(t *testing.T) {
	w := newWalk(t, onBreach(pool(10, 0), rampart.ActHold), named(pool(10, 0), "other"))
	w.world.values["pool"] = 12
	v := w.tick()
	require.Equal(t, rampart.ActHold, v.Gates[0].Action)
	require.Equal(t, rampart.ActTurnBack, v.Gates[1].Action)
}

func TestATickIsJudgedOnce(t *testing.T) {
	w := newWalk(t, pool(10, minute), errorsGate())
	w.world.values["pool"] = 12
	w.world.requests(1000, 20, 9000, 45)
	w.ticks(3)
	first := w.judgeNow()
	before, err := json.Marshal(w.state)
	require.NoError(t, err)
	asked := len(w.world.asked)

	for range 3 {
		require.Equal(t, first, w.judgeNow())
	}
	w.look.At = w.look.At.Add(-w.look.Every) // an attempt that was overtaken
	w.judgeNow()

	after, err := json.Marshal(w.state)
	require.NoError(t, err)
	require.JSONEq(t, string(before), string(after))
	require.Len(t, w.world.asked, asked, "nothing is asked for a tick that was judged")
}

func TestAGateThatAStageChangesStartsAfresh(t *testing.T) {
	w := newWalk(t, pool(10, minute))
	w.world.values["pool"] = 12
	w.ticks(4)
	w.look.Gates = []rampart.Gate{pool(11, minute)}
	requireReason(t, w.tick(), rampart.Holding, "db-pool 12 > 11 for 0s of 1m")
}

func TestALookThatMakesNoSenseIsAnError(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*gates.Look)
		kind  rampart.Kind
	}{
		{"no flag", func(l *gates.Look) { l.Flag = "" }, rampart.Invalid},
		{"no tick", func(l *gates.Look) { l.At = time.Time{} }, rampart.Invalid},
		{"no time between ticks", func(l *gates.Look) { l.Every = 0 }, rampart.Invalid},
		{"more than everybody", func(l *gates.Look) { l.Exposure = 10001 }, rampart.Invalid},
		{"an error budget of everything", func(l *gates.Look) { l.Alpha = rampart.Full }, rampart.Invalid},
		{"weights above the budget", func(l *gates.Look) {
			g := errorsGate()
			g.Weight = 0.95
			l.Gates = []rampart.Gate{g}
		}, rampart.Invalid},
		{"a selector that is PromQL", func(l *gates.Look) {
			l.Gates = []rampart.Gate{{Name: "x", Count: &rampart.Count{Events: "rate(x[5m])"}}}
		}, rampart.Invalid},
		{"a kind that is not known", func(l *gates.Look) { l.Gates = []rampart.Gate{{Name: "x"}} }, rampart.Refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWalk(t)
			tt.spoil(&w.look)
			_, err := w.judge.Judge(context.Background(), w.look, &w.state)
			require.Error(t, err)
			require.Equal(t, tt.kind, rampart.KindOf(err), err)
		})
	}
}

func TestEvidenceOfAnotherVersionIsRefused(t *testing.T) {
	w := newWalk(t)
	w.state.Version = 99
	_, err := w.judge.Judge(context.Background(), w.look, &w.state)
	require.Equal(t, rampart.Refused, rampart.KindOf(err))
}

func TestWithoutASourceGatesAreBlind(t *testing.T) {
	w := newWalk(t, pool(50, 0), errorsGate())
	w.judge = gates.New(gates.Options{})
	requireReason(t, w.tick(), rampart.Blind, "no source of metrics is configured")
}

// hanging is a source that does not answer while anybody waits.
type hanging struct{}

func (hanging) Value(ctx context.Context, _ string, _ time.Time) (float64, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func (hanging) Count(ctx context.Context, q gates.CountQuery) []gates.Counted {
	<-ctx.Done()
	answers := make([]gates.Counted, len(q.Counters))
	for i := range answers {
		answers[i].Err = ctx.Err()
	}
	return answers
}

func TestASourceThatHangsIsBlindBeforeTheCallerGivesUp(t *testing.T) {
	w := newWalk(t, pool(50, 0), errorsGate())
	w.judge = gates.New(gates.Options{Source: hanging{}})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	v, err := w.judge.Judge(ctx, w.look, &w.state)
	require.NoError(t, err)
	requireReason(t, v, rampart.Blind, "db-pool: no answer in time")
}

func TestALookThatIsGivenUpSpendsNoTick(t *testing.T) {
	w := newWalk(t, pool(50, 0))
	w.judge = gates.New(gates.Options{Source: hanging{}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.judge.Judge(ctx, w.look, &w.state)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, w.state.Tick)
}
