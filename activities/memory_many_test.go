package activities_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// A plan may have a hundred gates, and what they have seen is longer than that of a dozen.
func TestNothingIsForgottenOfVeryManyGates(t *testing.T) {
	r := newRig(t).ramping(time.Hour)
	r.plan.Gates = nil
	for i := range 100 {
		r.plan.Gates = append(r.plan.Gates, rampart.Gate{Name: fmt.Sprintf("errors-of-service-%d", i), Ratio: &rampart.Ratio{
			Events: fmt.Sprintf(`requests_total{service="%d",outcome="error"}`, i), Of: fmt.Sprintf(`requests_total{service="%d"}`, i),
		}})
	}
	r.plan = r.plan.WithDefaults()
	r.Judge = gates.New(gates.Options{Source: shop{rand.New(rand.NewPCG(1, 2))}})
	for range 3 {
		require.Empty(t, r.look().Found)
	}
	r.heart = nil // another watch has none
	require.EqualValues(t, 3, r.kept().Looks)
	require.Equal(t, r.now.UnixMilli(), r.kept().Gates.Tick)
}
