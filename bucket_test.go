package rampart_test

import (
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/murmur3"
	"pgregory.net/rapid"

	"github.com/rampart-dev/rampart"
)

func TestBucketIsThePublishedHash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		salt, key := rapid.String().Draw(t, "salt"), rapid.String().Draw(t, "key")
		h := murmur3.StringSum32(salt + key)
		require.Equal(t, int(uint64(h)*10000>>32), rampart.BucketOf(salt, key))
	})
}

func TestBucketAtEveryAlignmentOfSaltAndKey(t *testing.T) {
	text := "the salt ends and the key begins anywhere in a block"
	for salt := range 9 {
		for key := range 13 {
			h := murmur3.StringSum32(text[:salt] + text[20:20+key])
			require.Equal(t, int(uint64(h)*10000>>32), rampart.BucketOf(text[:salt], text[20:20+key]), "salt %d, key %d", salt, key)
		}
	}
}

func TestSecondHashIsThePublishedOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.String().Draw(t, "key")
		h := murmur3.SeedStringSum32(0x74656c65, key)
		require.Equal(t, int(uint64(h)*20>>32), rampart.TelemetryBucket(key))
		require.Equal(t, uint64(h)<<32|uint64(murmur3.SeedStringSum32(0x756e6974, key)), rampart.UnitHash(key))
	})
}

// The kinds of ids that services have: running numbers, random ones, addresses.
var idKinds = map[string]func(int) string{
	"running numbers": func(i int) string { return fmt.Sprint(i) },
	"random ids": func(i int) string {
		return fmt.Sprintf("%08x-0000-4000-8000-%012x", murmur3.StringSum32(fmt.Sprint(i)), i*7919)
	},
	"addresses": func(i int) string { return fmt.Sprintf("user%06d@example.com", i) },
}

func TestBucketsAreUniform(t *testing.T) {
	const units, cells = 200_000, 100
	for kind, id := range idKinds {
		t.Run(kind, func(t *testing.T) {
			var decided, counted [cells]float64
			for i := range units {
				decided[rampart.BucketOf("checkout-v2", id(i))*cells/rampart.Buckets]++
				counted[rampart.TelemetryBucket(id(i))]++
			}
			require.Less(t, chiSquare(decided[:], units), 160.0) // p < 1e-4 at 99 degrees of freedom
			require.Less(t, chiSquare(counted[:rampart.TelemetryBuckets], units), 52.0)
		})
	}
}

func TestTelemetryBucketsTellNothingAboutArms(t *testing.T) {
	const units = 200_000
	for kind, id := range idKinds {
		t.Run(kind, func(t *testing.T) {
			var on [rampart.TelemetryBuckets]float64
			total := 0.0
			for i := range units {
				if rampart.BucketOf("checkout-v2", id(i)) < 1000 {
					on[rampart.TelemetryBucket(id(i))]++
					total++
				}
			}
			require.Less(t, chiSquare(on[:], total), 52.0)
		})
	}
}

func chiSquare(cells []float64, total float64) (x float64) {
	want := total / float64(len(cells))
	for _, n := range cells {
		x += (n - want) * (n - want) / want
	}
	return x
}

// Forty flags at 10 %: who is on in one must be on in another in one case of ten.
func TestFlagsAreIndependentOfEachOther(t *testing.T) {
	const flags, units = 40, 40_000
	for kind, id := range idKinds {
		t.Run(kind, func(t *testing.T) {
			on := make([][]uint64, flags)
			for f := range on {
				on[f] = make([]uint64, units/64+1)
				for i := range units {
					if rampart.BucketOf(fmt.Sprintf("checkout-v%d", f), id(i)) < 1000 {
						on[f][i/64] |= 1 << (i % 64)
					}
				}
			}
			for a := range on {
				for b := range a {
					share := float64(ones(on[a], on[b])) / float64(ones(on[a], on[a]))
					// Five standard errors, over 780 pairs.
					require.InDelta(t, 0.1, share, 5*math.Sqrt(0.09/4000), "%d and %d", a, b)
				}
			}
		})
	}
}

func ones(a, b []uint64) (n int) {
	for i := range a {
		for x := a[i] & b[i]; x != 0; x &= x - 1 {
			n++
		}
	}
	return n
}

func TestHashingAllocatesNothing(t *testing.T) {
	key := strings.Repeat("k", 37)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		sink += rampart.BucketOf("checkout-v2", key) + rampart.TelemetryBucket(key) + int(rampart.UnitHash(key))
	}))
}

var (
	sink int
	load atomic.Pointer[string]
)

const benchKey = "user-4711-0815"

// BenchmarkHash is the yardstick of deciding: one murmur3 of the unit's key, by a
// well-known library, and an atomic load.
func BenchmarkHash(b *testing.B) {
	key := benchKey
	load.Store(&key)
	for b.Loop() {
		sink += int(murmur3.StringSum32(*load.Load()))
	}
}

// BenchmarkBucket is the same by our own hash, salt included.
func BenchmarkBucket(b *testing.B) {
	key := benchKey
	load.Store(&key)
	for b.Loop() {
		sink += rampart.BucketOf("", *load.Load())
	}
}
