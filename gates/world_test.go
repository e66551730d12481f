package gates_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

var (
	noon       = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	errOffline = errors.New("prometheus at localhost:9090 does not answer: connection refused")
)

// A world is a source whose answers a test makes up. Its counters grow by the same
// amount at every tick.
type world struct {
	mu      sync.Mutex
	values  map[string]float64
	grow    map[string]map[string]gates.ArmCount            // by selector and arm, per tick
	cohorts map[string]map[string]map[string]gates.ArmCount // by selector, cohort and arm, per tick
	silent  map[string]time.Time                            // since when an arm has had no samples
	fail    error
	failFor map[string]error // by query
	ails    string           // what is wrong with the data of silent arms
	asked   []gates.Counter
}

func (w *world) Value(_ context.Context, query string, at time.Time) (float64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return 0, w.fail
	}
	if err := w.failFor[query]; err != nil {
		return 0, err
	}
	if v, ok := w.values[query+"@"+at.Format(time.TimeOnly)]; ok {
		return v, nil
	}
	v, ok := w.values[query]
	if !ok {
		return 0, &gates.NoData{Reason: "the query found no series"}
	}
	return v, nil
}

func (w *world) Count(_ context.Context, q gates.CountQuery) []gates.Counted {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, q.Counters...)
	answers := make([]gates.Counted, len(q.Counters))
	for i, c := range q.Counters {
		if w.fail != nil {
			answers[i].Err = w.fail
			continue
		}
		ticks := float64(q.To.Sub(c.From)) / float64(q.Every)
		arms := map[string]gates.ArmCount{}
		for arm, n := range w.grow[c.Selector] {
			n.Last, n.Pace = q.To, q.Every
			if since, ok := w.silent[arm]; ok && since.Before(q.To) {
				n = gates.ArmCount{Last: since, Pace: q.Every}
				answers[i].Ails = w.ails
			}
			n.Sum = math.Round(n.Sum * ticks)
			n.Edges, n.Buckets = scaled(n.Edges, ticks), scaled(n.Buckets, ticks)
			arms[arm] = n
		}
		answers[i].Arms = arms
		for cohort, grow := range w.cohorts[c.Selector] {
			if answers[i].Cohorts == nil {
				answers[i].Cohorts = map[string]map[string]gates.ArmCount{}
			}
			answers[i].Cohorts[cohort] = map[string]gates.ArmCount{}
			for arm, n := range grow {
				n.Sum = math.Round(n.Sum * ticks)
				answers[i].Cohorts[cohort][arm] = n
			}
		}
	}
	return answers
}

func scaled(m map[string]float64, by float64) map[string]float64 {
	m = maps.Clone(m)
	for k := range m {
		m[k] *= by
	}
	return m
}

// requests makes the arms have so many requests and errors at every tick.
func (w *world) requests(on, onErrors, off, offErrors float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.grow = map[string]map[string]gates.ArmCount{
		"requests_total":                  {"on": {Sum: on}, "off": {Sum: off}},
		`requests_total{outcome="error"}`: {"on": {Sum: onErrors}, "off": {Sum: offErrors}},
	}
}

// buckets spreads the events of an arm over telemetry buckets.
func (w *world) buckets(selector, arm string, by map[string]float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.grow[selector][arm]
	n.Buckets = by
	w.grow[selector][arm] = n
}

// A walk looks at the gates of one launch, tick by tick.
type walk struct {
	t     *testing.T
	world *world
	judge *gates.Judge
	look  gates.Look
	state gates.State
}

// newWalk is at 10 % since noon, looked at every 15 seconds.
func newWalk(t *testing.T, specs ...rampart.Gate) *walk {
	w := &world{values: map[string]float64{}, silent: map[string]time.Time{}, failFor: map[string]error{}}
	return &walk{
		t: t, world: w, judge: gates.New(gates.Options{Source: w}),
		look: gates.Look{
			Flag: "checkout-v2", Environment: "production", Gates: specs,
			Phase: rampart.Debug, PhaseIndex: 1, Phases: 5,
			Exposure: 1000, Exposing: true,
			At: noon, Every: 15 * time.Second, FirstExposed: noon, StepSince: noon,
		},
	}
}

// tick moves on to the next tick and judges it.
func (w *walk) tick() rampart.Verdict {
	w.t.Helper()
	w.look.At = w.look.At.Add(w.look.Every)
	return w.judgeNow()
}

// ticks judges several ticks and returns the last verdict.
func (w *walk) ticks(n int) rampart.Verdict {
	w.t.Helper()
	var v rampart.Verdict
	for range n {
		v = w.tick()
	}
	return v
}

// judgeNow judges the present tick, with a state that has been stored meanwhile.
func (w *walk) judgeNow() rampart.Verdict {
	w.t.Helper()
	blob, err := json.Marshal(w.state)
	require.NoError(w.t, err)
	w.state = gates.State{}
	require.NoError(w.t, json.Unmarshal(blob, &w.state))
	v, err := w.judge.Judge(context.Background(), w.look, &w.state)
	require.NoError(w.t, err)
	_, err = json.Marshal(v)
	require.NoError(w.t, err)
	return v
}

func (w *walk) size() int {
	blob, err := json.Marshal(w.state)
	require.NoError(w.t, err)
	return len(blob)
}

func ptr(v float64) *float64 { return &v }

func errorsGate() rampart.Gate {
	return rampart.Gate{Name: "errors", Ratio: &rampart.Ratio{
		Events: `requests_total{outcome="error"}`, Of: "requests_total",
	}}
}

func pool(limit float64, lasting rampart.Duration) rampart.Gate {
	return rampart.Gate{Name: "db-pool", Threshold: &rampart.Threshold{Query: "pool", Max: &limit, For: lasting}}
}

func onBreach(g rampart.Gate, a rampart.Action) rampart.Gate {
	g.OnBreach = &rampart.Policy{Action: a}
	return g
}

func named(g rampart.Gate, name string) rampart.Gate {
	g.Name = name
	return g
}

func requireReason(t *testing.T, v rampart.Verdict, word rampart.Word, parts ...string) {
	t.Helper()
	require.Equal(t, word, v.Word, "%s", v.Reason)
	for _, p := range parts {
		require.True(t, strings.Contains(v.Reason, p), "%q is not in %q", p, v.Reason)
	}
}
