package evidence_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/evidence"
)

// TestALineDoesNotWaitForARestart breaks a line at every tick between two restarts:
// harm is found as soon at any of them.
func TestALineDoesNotWaitForARestart(t *testing.T) {
	for after := range 40 { // ten minutes of ticks
		l := newLine(t, evidence.LineConfig{Bad: 0.01, Schedule: dayPlan})
		at := int64(0)
		fold := func(bad float64) {
			at += 15_000
			_, err := l.Fold(evidence.Tick{At: at, X0: bad, N0: 1000}, early)
			require.NoError(t, err)
		}
		for range 200 + after {
			fold(5)
		}
		ticks := 0
		for l.LogE() < math.Log(60) {
			fold(30)
			ticks++
			require.LessOrEqual(t, ticks, 4, "broken %d ticks after a restart", after)
		}
	}
}
