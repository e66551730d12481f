package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSameLuckDecidesWhatIsServedAndWhatWouldHaveBeen(t *testing.T) {
	const harmless, harmful = 2 * serviceBase, 0.5 * serviceBase // of which requests fail five times as often, and anyway
	for _, c := range []struct {
		name     string
		user     int // 0 was on when the harm began, 1 was not
		on       bool
		luck     float64
		failed   bool
		bad, was int // told: of the on arm, and as if it were still on
	}{
		{"who is on meets the harm", 0, true, harmless, true, 1, 1},
		{"who was turned back does not, and would have", 0, false, harmless, false, 0, 1},
		{"who was turned back meets what fails anyway, but not of the on arm", 0, false, harmful, true, 0, 1},
		{"who never was on has nothing to do with it", 1, false, harmless, false, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newService([]string{"checkout-v2"}, 1).harmed[0]
			h.members, h.ratio = []bool{true, false}, 5
			require.Equal(t, c.failed, h.answer(c.user, c.on, c.luck, time.Now()))
			require.Len(t, h.told.Bad, c.bad)
			require.Len(t, h.told.AsIf, c.was)
		})
	}
}

func TestOthersAreChargedWhatWasServedUntilTheirCheck(t *testing.T) {
	since := time.UnixMicro(0)
	at := func(seconds int) int64 { return since.Add(time.Duration(seconds) * time.Second).UnixMicro() }
	l := harmedLaunch{since: since, told: told{Bad: []int64{at(90)}, AsIf: []int64{at(90), at(101), at(109), at(700)}}}
	require.EqualValues(t, 3, l.served(5), "110 s after the step began")
	require.EqualValues(t, 20, l.later(5))
	require.Zero(t, l.served(0), "what turns back before harm serves none")
	require.EqualValues(t, 4, l.served(-1), "what never does serves all")
	require.Equal(t, harmWatched.Seconds(), l.later(-1))
}
