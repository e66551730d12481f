package workflows_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// traffic answers for the counters of a service: so many a second, shared out to the
// arms by the exposure of the flag, and by chance to the telemetry buckets. What differs
// between the arms is said by a test.
type traffic struct {
	r      *rig
	asking *sync.Mutex // gates, and what is counted beside them, ask at the same time
	chance *rand.Rand
	each   []counter                                       // the first that matches counts
	on     func(selector string, exposure float64) float64 // share of the on arm, instead of the exposure
}

// A counter counts so much a second, of selectors with this part.
type counter struct {
	part   string
	second float64
}

func (x traffic) count(q gates.CountQuery) []gates.Counted {
	x.asking.Lock()
	defer x.asking.Unlock()
	exposure := x.r.flag().Flag.Exposure.Share()
	all := make([]gates.Counted, len(q.Counters))
	for i, c := range q.Counters {
		n := 0.0
		for _, x := range x.each {
			if strings.Contains(c.Selector, x.part) {
				n = x.second * q.To.Sub(c.From).Seconds()
				break
			}
		}
		share := exposure
		if x.on != nil {
			share = x.on(c.Selector, exposure)
		}
		all[i].Arms = map[string]gates.ArmCount{"on": x.spread(n*share, q.To), "off": x.spread(n*(1-share), q.To)}
	}
	return all
}

// spread draws how many events each telemetry bucket has.
func (x traffic) spread(n float64, last time.Time) gates.ArmCount {
	a := gates.ArmCount{Last: last, Pace: 5 * time.Second, Buckets: map[string]float64{}}
	for b := range rampart.TelemetryBuckets {
		mean := n / rampart.TelemetryBuckets
		each := math.Round(max(0, mean+math.Sqrt(mean)*x.chance.NormFloat64()))
		a.Buckets[fmt.Sprint(b)] = each
		a.Sum += each
	}
	return a
}

func service(r *rig) traffic {
	return traffic{r: r, asking: new(sync.Mutex), chance: rand.New(rand.NewPCG(1, 2)), each: []counter{
		{`outcome="error"`, 2}, {"rampart_requests_total", 200}, {"rampart_exposed_units_total", 10}, {"checkout_completed", 1},
	}}
}

func TestUnitsThatAreLostInOneArmHoldALaunch(t *testing.T) {
	plan := fivePhases()
	comparing(&plan)
	r := newRig(t, plan)
	lost := true
	x := service(r)
	x.on = func(selector string, exposure float64) float64 {
		if lost && exposure == 0.05 && strings.Contains(selector, "exposed_units") {
			return exposure * 0.9
		}
		return exposure
	}
	r.count = x.count
	var held, after rampart.Progress
	r.at(5*day, func() { held = r.progress() })
	r.at(5*day+time.Hour, func() {
		lost = false
		r.ask(rampart.UpdateAcknowledge, rampart.Ask{By: "bo", Reason: "the new page lost them; mended"})
	})
	r.at(8*day, func() { after = r.progress() })
	r.at(9*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Held, held.State, r.story())
	require.Equal(t, rampart.Percent(500), held.Exposure)
	require.Contains(t, held.Mismatch, "new units on")
	require.Empty(t, after.Mismatch, "it was looked for anew")
	require.Equal(t, rampart.MaxPowerRamp, after.Asking, after.Note)
}

func TestAGoalThatIsReachedShips(t *testing.T) {
	plan := deciding()
	comparing(&plan)
	r := newRig(t, plan.WithDefaults())
	x := service(r)
	x.on = func(selector string, exposure float64) float64 {
		if strings.Contains(selector, "checkout_completed") {
			return exposure * 1.05 / (exposure*1.05 + 1 - exposure)
		}
		return exposure
	}
	r.count = x.count
	var asking rampart.Progress
	r.at(7*day, func() { r.approve(rampart.MaxPowerRamp, "ann") })
	r.at(15*day, func() { asking = r.progress() })
	r.at(16*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, rampart.Scalability, asking.Asking, asking.Note)
	require.NotNil(t, asking.Decision)
	require.Equal(t, rampart.Ship, asking.Decision.Word, asking.Decision.Reason)
	require.Contains(t, asking.Decision.Reason, "completed checkouts")
}

func TestWhatIsSeenOfHarmChoosesTheNextStep(t *testing.T) {
	r := newRig(t, recommending())
	r.count = service(r).count
	r.at(10*day, func() { r.SignalWorkflow(rampart.SignalKill, "enough") })
	_, err := r.walk()
	require.NoError(t, err)
	require.Equal(t, []float64{0, 1, 10, 0}, r.path(), "a day of so many requests bounds the harm")
}
