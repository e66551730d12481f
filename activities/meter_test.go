package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

func TestTheSeriesOfALaunchEndSomeTimeAfterIt(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := activities.NewMeter(registry)
	series := func() (n int) {
		all, err := registry.Gather()
		require.NoError(t, err)
		for _, family := range all {
			n += len(family.GetMetric())
		}
		return n
	}
	v := rampart.Verdict{Word: rampart.Holding}
	now := time.Now()
	m.Looked("production", "lasting", v, now, time.Minute)
	before := series()
	for i := range 50 {
		m.Looked("production", fmt.Sprintf("brief-%d", i), v, now, time.Minute)
	}
	require.Greater(t, series(), before+100)
	for range 4 {
		now = now.Add(time.Hour)
		m.Looked("production", "lasting", v, now, time.Minute)
	}
	require.Equal(t, before, series())
}
