package deciding

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/murmur3"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// The scenario: among a thousand flags, one with a rule that does not match and a
// rollout to a quarter of the users.
const (
	Flags     = 1000
	Flag      = "checkout-v2"
	Share     = rampart.Percent(2500)
	Key       = "user-4711-0815"
	Attribute = "region"
	Wanted    = "eu-west-1" // of the rule
	Given     = "us-east-1" // by whoever is asked about

	// Launched is how many of the flags have a launch; what is decided of them by the
	// context of a request is counted.
	Launched      = 4
	firstLaunched = 2 // the one that is asked about
)

// FlagName returns the name of a flag of the scenario.
func FlagName(i int) string { return fmt.Sprintf("checkout-v%d", i) }

// Attributes are those of everybody who is asked about. They must not be changed.
var Attributes = []rampart.Attr{{Name: Attribute, Value: Given}}

// Open returns a client that has the scenario.
func Open(ctx context.Context) (*client.Client, error) {
	var flags []rampart.Flag
	for i := range Flags {
		f := rampart.Flag{
			Format: 1, Name: FlagName(i), Version: 1, Exposure: Share,
			Off: []byte("false"), On: []byte("true"), Unit: rampart.User, HashVersion: rampart.HashVersion,
			Include: []rampart.Rule{{Attribute: Attribute, In: []string{Wanted}}},
		}
		f.Salt = f.Name
		if i >= firstLaunched && i < firstLaunched+Launched {
			f.Launch, f.Phase = rampart.LaunchID("bench", f.Name), rampart.Debug
		}
		flags = append(flags, f)
	}
	feed, err := fixedFeed(flags)
	if err != nil {
		return nil, err
	}
	c, err := client.Open(ctx, client.Options{
		Environment: "bench", Feed: feed, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		return nil, err
	}
	return c, c.WaitReady(ctx)
}

// Check asks about many users, and compares each answer with the definition of hash
// version 1, computed with a library's hash. It says what it found.
func Check(c *client.Client) (string, error) {
	const users = 200_000
	f, on := c.Flag(Flag), 0
	s := rampart.Subject{Attributes: Attributes}
	for i := range users {
		s.Key = fmt.Sprintf("user-%d", i)
		bucket := uint64(murmur3.StringSum32(Flag+s.Key)) * rampart.Buckets >> 32
		is := f.Bool(&s, false)
		if is != (bucket < uint64(Share)) || is != c.Bool(Flag, &s, false) {
			return "", fmt.Errorf("%s is decided wrongly for %s, in bucket %d", Flag, s.Key, bucket)
		}
		if is {
			on++
		}
	}
	if err := CheckShare(on, users); err != nil {
		return "", err
	}
	return fmt.Sprintf("%.2f %% of %d users are on, each as hash version 1 says; %d flags", 100*float64(on)/users, users, Flags), nil
}

// CheckShare returns an error where the share of users who are on is none that a fair
// hash would come to but once in a million salts.
func CheckShare(on, users int) error {
	share, want := float64(on)/float64(users), Share.Share()
	if math.Abs(share-want) > 5*math.Sqrt(want*(1-want)/float64(users)) {
		return fmt.Errorf("%s is on for %.2f %% of the users instead of %s", Flag, 100*share, Share)
	}
	return nil
}

// Yardsticks are one murmur3, by a well-known library, and one atomic load: of the
// bytes that hash version 1 hashes (the flag's salt, then the key of the unit), and of
// the key alone.
func Yardsticks() (saltAndKey, keyAlone Way) {
	return Way{"murmur3 of salt and key, and an atomic load", hashing(Flag + Key)},
		Way{"murmur3 of the key alone, and an atomic load", hashing(Key)}
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

// Ours are the ways in which Rampart is asked.
type Ours struct {
	Handle, Name, Details Way
	// Empty is a request that decides nothing, and Counted one that decides Launched
	// flags and counts each of them when it ends.
	Empty, Counted Way
}

// WaysOf returns them. Handle and Name are loops of their own: a call by a function's
// value would be a tenth of what is measured.
func WaysOf(c *client.Client) Ours {
	handle, subject := c.Flag(Flag), &rampart.Subject{Key: Key, Attributes: Attributes}
	var launched []*client.Flag
	for i := range Launched {
		launched = append(launched, c.Flag(FlagName(firstLaunched+i)))
	}
	return Ours{
		Handle: Way{"by handle", func(n int) {
			on := uint32(0)
			for range n {
				if handle.Bool(subject, false) {
					on++
				}
			}
			sink.Add(on)
		}},
		Name: Way{"by name", func(n int) {
			on := uint32(0)
			for range n {
				if c.Bool(Flag, subject, false) {
					on++
				}
			}
			sink.Add(on)
		}},
		Details: Asking("by handle, with details", func() bool { return handle.Decide(subject).On }),
		Empty:   requests(c, *subject, nil),
		Counted: requests(c, *subject, launched),
	}
}

// requests decide flags by context, each once, and end.
func requests(c *client.Client, s rampart.Subject, flags []*client.Flag) Way {
	name := fmt.Sprintf("a request that decides and counts %d", len(flags))
	return Asking(name, func() bool {
		ctx, request := c.Begin(context.Background(), s)
		on := false
		for _, f := range flags {
			on = f.BoolContext(ctx, false) != on
		}
		request.End(false)
		return on
	})
}
