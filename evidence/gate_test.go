package evidence_test

import (
	"math/rand/v2"

	"github.com/rampart-dev/rampart/evidence"
)

// spread deals the events of a tick out over the buckets in clumps: of size 1
// they are Poisson, larger ones overdispersed by that factor.
func spread(rng *rand.Rand, t evidence.Tick, clump float64) *evidence.Buckets {
	var b evidence.Buckets
	for left := t.X1; left > 0; left -= clump {
		b.On[rng.IntN(20)] += min(left, clump)
	}
	for left := t.X0; left > 0; left -= clump {
		b.Off[rng.IntN(20)] += min(left, clump)
	}
	return &b
}
