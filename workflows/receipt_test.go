package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func TestReceiptTellsHarmInSecondsAndRequests(t *testing.T) {
	plan := fivePhases()
	comparing(&plan)
	r := newRig(t, plan)
	harm := r.began.Add(4*day + 30*time.Minute)
	x := service(r)
	x.on = func(selector string, exposure float64) float64 {
		if strings.Contains(selector, `outcome="error"`) && r.Now().After(harm) {
			return min(1, 10*exposure)
		}
		return exposure
	}
	r.count = x.count
	out, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.CauseBreach, out.Cause, "%+v", r.story())

	got := out.Receipt
	require.WithinDuration(t, harm, time.UnixMilli(got.HarmSince), time.Hour, "to the tick")
	require.Equal(t, max(got.OffAt, got.Everywhere)-got.HarmSince, got.HarmToOff)
	require.Positive(t, got.HarmToOff)
	require.Positive(t, got.Affected)
	require.Regexp(t, `^checkout-v2 turned-back in debug: failures .+: evidence reached its limit\. Harm began about \d\d:\d\d:\d\d\. `+
		`Off in the store \d\d:\d\d:\d\d, [0-9dhms. ]+ after harm began; 0 of 0 readers confirmed\. At least [0-9,]+ of [0-9,]+ requests affected\.( [0-9,]+ users were on when a process first saw them\.)?$`, got.Text)
}
