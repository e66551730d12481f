package evidence_test

import (
	"testing"

	"github.com/rampart-dev/rampart/evidence"
)

// BenchmarkOverdispersedTick folds one tick with telemetry buckets into a gate whose counts are
// overdispersed, so that every form of it is worked out.
func BenchmarkOverdispersedTick(b *testing.B) {
	l, err := evidence.NewLaunch(evidence.Budget{}, evidence.GateSpec{Name: "errors", Phi: 3, Ratio: evidence.Config{Schedule: dayPlan}})
	if err != nil {
		b.Fatal(err)
	}
	g, tick := l.Gate("errors"), newUsers(1, 3).tick(0, 1)
	for b.Loop() {
		tick.At += interval
		if _, err := g.Fold(tick, early); err != nil {
			b.Fatal(err)
		}
	}
}
