package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/murmur3"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/bench/figure"
	"github.com/rampart-dev/rampart/client"
)

// deciding compares decisions with what the least of them would cost: one murmur3, by
// a well-known library, of the bytes that hash version 1 hashes (the flag's salt,
// then the key of the unit), and one atomic load.
var deciding = benchmark{
	names: []string{"decide_handle_over_hash", "decide_name_over_hash", "decide_allocs"},
	run:   decide,
}

// The scenario: among a thousand flags, one with a rule that does not match and a
// rollout to a quarter of the users.
const (
	scenarioFlags = 1000
	decided       = "checkout-v2"
	decidedShare  = rampart.Percent(2500)
	decidedKey    = "user-4711-0815"
	perTurn       = 50_000 // decisions, one to two milliseconds
)

func decide(ctx context.Context, b *bench) ([]figure.Figure, error) {
	c, err := openScenario(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	share, err := checkShare(c)
	if err != nil {
		return nil, err
	}
	b.say(share)
	ways := waysToDecide(c)
	taken := takeTurns(ways, b.samples(600, 100))
	hash, keyAlone := taken[0], taken[1]
	rows := []string{"\tns\tover salt and key\tover the key alone"}
	for i, w := range ways {
		rows = append(rows, fmt.Sprintf("%s\t%.1f\t%.2f\t%.2f", w.name, taken[i].Median(), taken[i].Over(hash).Median(), taken[i].Over(keyAlone).Median()))
	}
	b.table(rows...)
	return []figure.Figure{
		{Name: "decide_handle_over_hash", Value: taken[2].Over(hash).Median(), Most: 2},
		{Name: "decide_name_over_hash", Value: taken[3].Over(hash).Median(), Most: 2.5},
		{Name: "decide_allocs", Value: allocations(ways), Most: 0},
	}, nil
}

func openScenario(ctx context.Context) (*client.Client, error) {
	var flags []rampart.Flag
	for i := range scenarioFlags {
		f := rampart.Flag{
			Format: rampart.FlagFormat, Name: fmt.Sprintf("checkout-v%d", i), Version: 1, Exposure: decidedShare,
			Off: []byte("false"), On: []byte("true"), Unit: rampart.User, HashVersion: rampart.HashVersion,
			Include: []rampart.Rule{{Attribute: "region", In: []string{"eu-west-1"}}},
		}
		f.Salt = f.Name
		flags = append(flags, f)
	}
	feed, err := fixedFeed(flags)
	if err != nil {
		return nil, err
	}
	c, err := client.Open(ctx, client.Options{Environment: "bench", Feed: feed, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return c, c.WaitReady(ctx)
}

// checkShare asks about many users, and compares each answer with the definition of
// hash version 1, computed with the library's hash.
func checkShare(c *client.Client) (string, error) {
	const users = 200_000
	f, on := c.Flag(decided), 0
	s := rampart.Subject{Attributes: attributes}
	for i := range users {
		s.Key = fmt.Sprintf("user-%d", i)
		bucket := uint64(murmur3.StringSum32(decided+s.Key)) * rampart.Buckets >> 32
		is := f.Bool(&s, false)
		if is != (bucket < uint64(decidedShare)) || is != c.Bool(decided, &s, false) {
			return "", fmt.Errorf("%s is decided wrongly for %s, in bucket %d", decided, s.Key, bucket)
		}
		if is {
			on++
		}
	}
	share, want := float64(on)/users, decidedShare.Share()
	// Five standard deviations: a fair hash misses this once in a million salts.
	if math.Abs(share-want) > 5*math.Sqrt(want*(1-want)/users) {
		return "", fmt.Errorf("%s is on for %.2f %% of the users instead of %s", decided, 100*share, decidedShare)
	}
	return fmt.Sprintf("%.2f %% of %d users are on, each as hash version 1 says; %d flags", 100*share, users, scenarioFlags), nil
}

// A way is something to be done n times in a row.
type way struct {
	name string
	do   func(n int)
}

var (
	attributes = []rampart.Attr{{Name: "region", Value: "us-east-1"}}
	sink       atomic.Uint32 // keeps the compiler from leaving out the work
)

// waysToDecide are the two yardsticks, and then what is measured by them.
func waysToDecide(c *client.Client) []way {
	handle, subject := c.Flag(decided), &rampart.Subject{Key: decidedKey, Attributes: attributes}
	asked := func(ask func() bool) func(n int) {
		return func(n int) {
			on := uint32(0)
			for range n {
				if ask() {
					on++
				}
			}
			sink.Add(on)
		}
	}
	return []way{
		{"murmur3 of salt and key, and an atomic load", hashing(decided + decidedKey)},
		{"murmur3 of the key alone, and an atomic load", hashing(decidedKey)},
		{"by handle", func(n int) {
			on := uint32(0)
			for range n {
				if handle.Bool(subject, false) {
					on++
				}
			}
			sink.Add(on)
		}},
		{"by name", func(n int) {
			on := uint32(0)
			for range n {
				if c.Bool(decided, subject, false) {
					on++
				}
			}
			sink.Add(on)
		}},
		{"by handle, with details", asked(func() bool { return handle.Decide(subject).On })},
	}
}

func hashing(key string) func(n int) {
	var p atomic.Pointer[string]
	p.Store(&key)
	return func(n int) {
		sum := uint32(0)
		for range n {
			sum += murmur3.StringSum32(*p.Load())
		}
		sink.Add(sum)
	}
}

// takeTurns lets all ways have short turns, one after the other and each round in
// another order, so that whatever else the machine does is the same to all of them.
// It returns nanoseconds, by way and round.
func takeTurns(ways []way, rounds int) []figure.Samples {
	taken := make([]figure.Samples, len(ways))
	for i := range taken {
		ways[i].do(perTurn) // warms up
		taken[i] = make(figure.Samples, rounds)
	}
	for round := range rounds {
		for i := range ways {
			i = (i + round) % len(ways)
			began := time.Now()
			ways[i].do(perTurn)
			taken[i][round] = float64(time.Since(began).Nanoseconds()) / perTurn
		}
	}
	return taken
}

// allocations returns the most that any way allocates, per decision.
func allocations(ways []way) float64 {
	var each figure.Samples
	for _, w := range ways {
		each = append(each, testing.AllocsPerRun(100, func() { w.do(1000) })/1000)
	}
	return slices.Max(each)
}
