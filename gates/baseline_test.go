package gates_test

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/promtest"
)

func dbTime() rampart.Gate {
	return rampart.Gate{Name: "db-time", Baseline: &rampart.Baseline{Query: "db_time"}, OnBreach: &rampart.Policy{Action: rampart.ActHold}}
}

// A tide is a source of one value that follows the hours of the week, with some noise
// that is the same whenever it is asked for the same instant.
type tide struct {
	mu     sync.Mutex
	noise  float64
	weeks  int       // how far back its past reaches
	from   time.Time // since when it is higher
	higher float64
	fail   func(at time.Time) error
	asked  int
}

func (s *tide) Value(_ context.Context, _ string, at time.Time) (float64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.fail != nil {
		if err := s.fail(at); err != nil {
			return 0, err
		}
	}
	if at.Before(noon.AddDate(0, 0, -7*s.weeks).Add(-2 * time.Hour)) {
		return 0, &gates.NoData{Reason: "the query found no series"}
	}
	rng := rand.New(rand.NewPCG(uint64(at.UnixMilli()), 5))
	v := 100 + 10*math.Sin(2*math.Pi*float64(at.Unix()%86400)/86400) + s.noise*rng.NormFloat64()
	if !s.from.IsZero() && !at.Before(s.from) {
		v += s.higher
	}
	return v, nil
}

func (s *tide) Count(context.Context, gates.CountQuery) []gates.Counted { return nil }

func onTide(t *testing.T, s *tide, g rampart.Gate) *walk {
	w := newWalk(t, g)
	w.judge = gates.New(gates.Options{Source: s})
	return w
}

func TestBaseline(t *testing.T) {
	lower := dbTime()
	lower.Baseline.Worse = rampart.WorseLower
	tests := []struct {
		name  string
		gate  rampart.Gate
		tide  *tide
		over  bool
		want  rampart.Word
		parts []string
	}{
		{"as ever", dbTime(), &tide{noise: 2, weeks: 4}, false, rampart.Holding, []string{"db-time ", ", usually ", " at this hour of the week"}},
		{"as ever when the hold is over", dbTime(), &tide{noise: 2, weeks: 4}, true, rampart.Pass, []string{"db-time "}},
		{"a lasting rise", dbTime(), &tide{noise: 2, weeks: 4, from: noon, higher: 10}, false, rampart.Breach, []string{"db-time ", "it has changed"}},
		{"a fall is no harm where higher is worse", dbTime(), &tide{noise: 2, weeks: 4, from: noon, higher: -10}, false, rampart.Holding, nil},
		{"a fall where lower is worse", lower, &tide{noise: 2, weeks: 4, from: noon, higher: -10}, false, rampart.Breach, []string{"it has changed"}},
		{"two weeks are enough", dbTime(), &tide{noise: 2, weeks: 2}, true, rampart.Pass, nil},
		{"one week is no data", dbTime(), &tide{noise: 2, weeks: 1}, true, rampart.NoData,
			[]string{"db-time: its past has 4 of the 8 values that are needed, of the same hour of at least two earlier weeks"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := onTide(t, tt.tide, tt.gate)
			w.look.HoldOver = tt.over
			v := w.ticks(40)
			requireReason(t, v, tt.want, tt.parts...)
			require.Equal(t, rampart.ActHold, v.Gates[0].Action)
		})
	}
}

func TestThePastIsAskedForOnceAnHour(t *testing.T) {
	s := &tide{noise: 2, weeks: 4}
	w := onTide(t, s, dbTime())
	w.ticks(3 * 240) // three hours
	require.LessOrEqual(t, s.asked, 3*240+4*32)
	require.GreaterOrEqual(t, s.asked, 3*240+3*32)

	young := &tide{noise: 2, weeks: 0}
	w = onTide(t, young, dbTime())
	w.ticks(240)
	require.LessOrEqual(t, young.asked, 240+7*32, "of what has no past it is asked again every ten minutes")
	require.Less(t, w.size(), 500)
}

func TestAProviderThatForgetsThePastIsBlindOnlyAtFirst(t *testing.T) {
	offline := func(at time.Time) error {
		if at.Before(noon.AddDate(0, 0, -1)) {
			return errOffline
		}
		return nil
	}
	s := &tide{noise: 2, weeks: 4, fail: offline}
	w := onTide(t, s, dbTime())
	requireReason(t, w.tick(), rampart.Blind, "db-time: prometheus at localhost:9090 does not answer")
	s.fail = nil
	requireReason(t, w.tick(), rampart.Holding, "usually")
	s.fail = offline
	requireReason(t, w.ticks(240), rampart.Holding, "usually")
	requireReason(t, w.ticks(240), rampart.Blind, "does not answer")
	s.fail = func(time.Time) error { return errOffline }
	requireReason(t, w.tick(), rampart.Blind, "does not answer")
}

func TestAChangeThatIsOverLetsTheLaunchGoOn(t *testing.T) {
	s := &tide{noise: 2, weeks: 4, from: noon, higher: 20}
	w := onTide(t, s, dbTime())
	requireReason(t, w.ticks(100), rampart.Breach, "it has changed")
	s.higher = 0
	ticks := 0
	for w.tick().Word == rampart.Breach {
		ticks++
		require.Less(t, ticks, 120)
	}
}

// TestABaselineOnRealMetrics compares a gauge with the same hour of two weeks before,
// from a Prometheus that has them.
func TestABaselineOnRealMetrics(t *testing.T) {
	t.Parallel()
	srv := promtest.StartConfig(t, promtest.Config{Args: []string{"--storage.tsdb.retention.time=60d"}})
	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL(), ScrapeInterval: 5 * time.Second})
	require.NoError(t, err)
	const ticks = 40
	now := time.Now().Truncate(15 * time.Second).Add(-ticks * 15 * time.Second)
	rng := rand.New(rand.NewPCG(1, 1))
	put := func(service string, from time.Time, lasts time.Duration, level float64) {
		var samples []promtest.Sample
		for at := from; at.Before(from.Add(lasts)); at = at.Add(15 * time.Second) {
			samples = append(samples, promtest.Sample{At: at, Value: level + rng.NormFloat64()})
		}
		srv.Write("db_time", map[string]string{"service": service}, samples...)
	}
	for week := 2; week > 0; week-- { // Prometheus wants it in the order of time, to the hour
		for part := -6; part < 6; part++ {
			then := now.AddDate(0, 0, -7*week).Add(time.Duration(part) * 15 * time.Minute)
			put("steady", then, 15*time.Minute, 50)
			put("risen", then, 15*time.Minute, 50)
			if week == 1 {
				put("young", then, 15*time.Minute, 50)
			}
		}
	}
	for service, level := range map[string]float64{"steady": 50, "risen": 60, "young": 50} {
		put(service, now, (ticks+1)*15*time.Second, level)
	}
	tests := []struct {
		name, part string
		want       rampart.Word
	}{
		{"steady", "usually ", rampart.Pass},
		{"risen", "it has changed", rampart.Breach},
		{"young", "its past has 4 of the 8 values", rampart.NoData},
		{"nowhere", "the query found no series", rampart.NoData},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := dbTime()
			g.Baseline.Query = `db_time{service="` + tt.name + `"}`
			w := newWalk(t, g)
			w.judge = gates.New(gates.Options{Source: source})
			w.look.At, w.look.HoldOver = now, true
			requireReason(t, w.ticks(ticks), tt.want, tt.part)
		})
	}
}
