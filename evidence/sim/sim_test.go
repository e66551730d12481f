package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/evidence/sim"
)

func BenchmarkWalk(b *testing.B) {
	for _, w := range sim.Worlds() {
		b.Run(w.Name, func(b *testing.B) {
			p := sim.Standard()
			for i := range b.N {
				_, err := sim.Walk(p, w, sim.Harm{}, 1, uint64(i))
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*p.Ticks()*len(p.Gates)), "ns/gatetick")
		})
	}
}

var _ = time.Second
