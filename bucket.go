package rampart

import "math/bits"

// Buckets is the number of buckets of the hash versions known so far: one for each
// basis point of exposure.
const Buckets = 10000

// TelemetryBuckets is the number of buckets that counters are labelled with.
const TelemetryBuckets = 20

// The seeds of the second hash. They differ from zero, the seed of the bucketing,
// so that telemetry buckets tell nothing about arms.
const (
	telemetrySeed = 0x74656c65 // "tele"
	identitySeed  = 0x756e6974 // "unit"
)

// BucketOf returns the bucket of a unit by hash version 1, from 0 to Buckets-1:
//
//	h = murmur3_x86_32(salt || key, seed 0)    bucket = (uint64(h) * 10000) >> 32
//
// A unit is on where its bucket is below the exposure in basis points. So whoever
// is in at 5 % is in at 50 %, and the top of the range is the holdout.
func BucketOf(salt, key string) int {
	s := saltWith(salt)
	return s.bucket(key)
}

// TelemetryBucket returns the bucket that a unit's counters are labelled with, from
// 0 to TelemetryBuckets-1. It is independent of the bucket that decides:
//
//	h = murmur3_x86_32(key, seed 0x74656c65)    bucket = (uint64(h) * 20) >> 32
func TelemetryBucket(key string) int {
	s := salted{h: telemetrySeed}
	return int(uint64(s.sum(key)) * TelemetryBuckets >> 32)
}

// UnitHash returns the eight bytes that stand for a unit wherever units are counted.
// Its upper half is the hash of the telemetry bucket, its lower half is
// murmur3_x86_32(key, seed 0x756e6974).
func UnitHash(key string) uint64 {
	upper, lower, rest := uint32(telemetrySeed), uint32(identitySeed), key
	for ; len(rest) >= 4; rest = rest[4:] { // both hashes scramble the same blocks
		k := scramble(load4(rest))
		upper, lower = mixScrambled(upper, k), mixScrambled(lower, k)
	}
	k := scramble(loadRest(rest)) ^ uint32(len(key))
	return uint64(finish(upper^k))<<32 | uint64(finish(lower^k))
}

// salted is murmur3_x86_32 after it has read a salt. Copying it and going on with a
// key costs no more than hashing the key alone, and nothing is concatenated.
type salted struct {
	h     uint32 // state after the whole blocks of the salt
	n     uint32 // length of the salt
	rest  uint32 // its last zero to three bytes, which share a block with the key
	shift uint32 // eight times their number
}

func saltWith(salt string) salted {
	var s salted
	s.n = uint32(len(salt))
	for len(salt) >= 4 {
		s.h = mixBlock(s.h, load4(salt))
		salt = salt[4:]
	}
	s.rest, s.shift = loadRest(salt), uint32(len(salt))*8
	return s
}

func (s *salted) bucket(key string) int {
	return int(uint64(s.sum(key)) * Buckets >> 32)
}

// sum goes on with key. The low half of acc collects the next block; bytes that do
// not fit wait in the high half. The rest of a key is read as the end of its last
// four bytes, which is one load instead of a choice among three.
func (s *salted) sum(key string) uint32 {
	h, acc, shift := s.h, uint64(s.rest), s.shift&31
	i := 0
	for ; i+4 <= len(key); i += 4 {
		acc |= uint64(load4(key[i:i+4])) << shift
		h = mixBlock(h, uint32(acc))
		acc >>= 32
	}
	bits := 8 * uint32(len(key)-i)
	if len(key) >= 4 {
		acc |= uint64(load4(key[len(key)-4:])) >> (32 - bits) << shift
	} else {
		acc |= uint64(loadRest(key)) << shift
	}
	if shift+bits >= 32 {
		h = mixBlock(h, uint32(acc))
		acc >>= 32
	}
	h ^= scramble(uint32(acc)) // of nothing, it is zero
	return finish(h ^ (s.n + uint32(len(key))))
}

// load4 reads four bytes, little endian; the compiler makes one load of it.
func load4(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// loadRest reads up to three bytes.
func loadRest(s string) uint32 {
	switch len(s) {
	case 1:
		return uint32(s[0])
	case 2:
		return uint32(s[0]) | uint32(s[1])<<8
	case 3:
		return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16
	}
	return 0
}

func mixBlock(h, k uint32) uint32 { return mixScrambled(h, scramble(k)) }

func mixScrambled(h, k uint32) uint32 {
	return bits.RotateLeft32(h^k, 13)*5 + 0xe6546b64
}

func scramble(k uint32) uint32 {
	return bits.RotateLeft32(k*0xcc9e2d51, 15) * 0x1b873593
}

func finish(h uint32) uint32 {
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
