package main

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPolicyTurnsBackAtTheCheckThatFailsOnceTooOften(t *testing.T) {
	good, bad := minute{on: 0.5 * serviceBase, off: serviceBase}, minute{on: 3 * serviceBase, off: serviceBase}
	incident := minute{on: 3 * serviceBase, off: 3 * serviceBase}
	for _, c := range []struct {
		name string
		is   policy
		sees []minute
		want int
	}{
		{"at the first, and not at one that is at the bound", policy{bound: 3, every: minutesEvery, fails: 1}, []minute{good, bad}, -1},
		{"at the first above the bound", policy{bound: 2, every: minutesEvery, fails: 1}, []minute{good, bad, bad}, 1},
		{"failed checks are not forgotten", policy{bound: 2, every: minutesEvery, fails: 2}, []minute{bad, good, bad}, 2},
		{"unless they are to be in a row", policy{bound: 2, every: minutesEvery, fails: 2, inRow: true}, []minute{bad, good, bad, bad}, 3},
		{"what is between two checks is not seen", policy{bound: 2, every: 2 * minutesEvery, fails: 1}, []minute{bad, good, good, bad}, 3},
		{"a fixed bound takes an incident for harm", policy{bound: 2, every: minutesEvery, fails: 1}, []minute{incident}, 0},
		{"a comparison does not", policy{compares: true, bound: 2, every: minutesEvery, fails: 1}, []minute{incident, bad}, 1},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.is.turnsBack(c.sees)) })
	}
}

func TestHarmlessDayHasTheRatesItShould(t *testing.T) {
	const days = 20
	for _, w := range weathers {
		t.Run(w.name, func(t *testing.T) {
			w.incidents = 0
			chance := rand.New(rand.NewPCG(1, 1))
			var on, off float64
			for range days {
				day := w.day(chance, 500)
				require.Len(t, day, 8640)
				for _, m := range day {
					on, off = on+m.on/float64(len(day)*days), off+m.off/float64(len(day)*days)
				}
			}
			// The on arm has 20 days of 10,800 failures; five standard errors of their mean are
			// 1.1 %, and more where the quiet hours count as much as the busy ones.
			require.InEpsilon(t, serviceBase, on, 0.02)
			require.InEpsilon(t, serviceBase, off, 0.02)
		})
	}
}

func TestPublishedPolicyIsAmongThoseThatAreCompared(t *testing.T) {
	require.Contains(t, policies(), published)
}
