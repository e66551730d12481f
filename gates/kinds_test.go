package gates_test

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// TestTheStateOfGatesOfAllKindsIsSmall weighs the dozen gates of a busy service, all
// of whose counters have telemetry buckets.
func TestTheStateOfGatesOfAllKindsIsSmall(t *testing.T) {
	stock := orders()
	stock.Name, stock.Mean.Detect = "stock", 100
	searches := errorsGate()
	searches.Name, searches.Ratio.Worse = "searches", rampart.WorseLower
	crashes := rampart.Gate{Name: "crashes", Count: &rampart.Count{Events: "requests_total"}}
	fine := overall()
	fine.Name, fine.Objective.Good = "fine", 9990
	queue := dbTime()
	queue.Name, queue.Baseline.Query = "queue", "queue_length"
	specs := []rampart.Gate{
		errorsGate(), overall(), orders(), dbTime(), searches, crashes, stock, fine, queue,
		latencyGate(), pool(50, minute), named(pool(60, 0), "connections"),
	}
	w := newWalk(t, specs...)
	w.world.values["pool"], w.world.values["db_time"], w.world.values["queue_length"] = 12, 9.8765, 1234
	w.look.Exposure, w.look.Schedule = 5000, gates.Schedule{Phases: 4, Restarts: 1340}
	rng := rand.New(rand.NewPCG(6, 6))
	spread := func(mean float64) gates.ArmCount {
		arm := gates.ArmCount{Buckets: map[string]float64{}}
		for i := range 20 {
			n := float64(rng.IntN(int(2*mean + 1)))
			arm.Buckets[strconv.Itoa(i)], arm.Sum = n, arm.Sum+n
		}
		return arm
	}
	var v rampart.Verdict
	for range 400 {
		w.world.histogram(latencies(1000, 400, 100, 50, float64(rng.IntN(20))), latencies(1000, 400, 100, 50, float64(rng.IntN(20))))
		for selector, mean := range map[string]float64{
			"requests_total": 5000, `requests_total{outcome="error"}`: 3, unitsSeen: 20, orderValue: 12_345,
		} {
			w.world.grow[selector] = map[string]gates.ArmCount{"on": spread(mean), "off": spread(mean)}
		}
		v = w.tick()
	}
	blob, err := json.Marshal(v)
	require.NoError(t, err)
	state, err := json.Marshal(w.state)
	require.NoError(t, err)
	var packed bytes.Buffer
	deflate, err := flate.NewWriter(&packed, flate.DefaultCompression)
	require.NoError(t, err)
	_, err = deflate.Write(append(state, blob...))
	require.NoError(t, err)
	require.NoError(t, deflate.Close())
	t.Logf("%d bytes of state, %d of the verdict; %d packed", len(state), len(blob), packed.Len())
	require.Less(t, len(state), 10<<10)
	require.Less(t, packed.Len()*5/4, 8<<10, "as a heartbeat carries it, in base 85")
}
