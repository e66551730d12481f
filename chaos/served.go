package main

import (
	"context"
	"strconv"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/ledger"
	"github.com/rampart-dev/rampart/client"
)

// rungs are the exposures that plans are made of; one of them only where amended.
var rungs = []rampart.Percent{1000, 2500, amended, 5000, 7500, 9000, rampart.Full}

const amended = rampart.Percent(4000)

const (
	users        = 1000
	usuallyFails = 10 // every so many, of either arm
	badlyFails   = 2  // every so many of a bad on arm
)

// A served flag is one that a service asks for.
type served struct {
	flag   *client.Flag
	wish   wish
	probes []rampart.Subject // one who is on at each rung, and at none below
	last   ledger.Sight
	made   int64
	limit  int64
	count  map[bool]int64 // requests by arm
}

func newServed(name string, flag *client.Flag) *served {
	f := &served{flag: flag, count: map[bool]int64{}}
	low := 0
	for _, rung := range rungs {
		f.probes = append(f.probes, probe(name, low, int(rung)))
		low = int(rung)
	}
	return f
}

// probe finds a user whose bucket is within bounds. The salt of these flags is their name.
func probe(salt string, low, high int) rampart.Subject {
	for i := 0; ; i++ {
		user := "probe-" + strconv.Itoa(i)
		if b := rampart.BucketOf(salt, user); b >= low && b < high {
			return rampart.Subject{Key: user}
		}
	}
}

// look returns what is served now; false: nothing is known of the flag. A change
// between two questions is no fault, so all are asked until two answers agree.
func (f *served) look() (ledger.Sight, bool) {
	s, known := f.glance()
	for known {
		again, _ := f.glance()
		if again.Same(s) {
			break
		}
		s = again
	}
	s.At = time.Now().UnixMilli()
	return s, known
}

func (f *served) glance() (ledger.Sight, bool) {
	doc, known := f.flag.Document()
	if !known {
		return ledger.Sight{}, false
	}
	s := ledger.Sight{Flag: f.flag.Name(), Version: doc.Version, Nested: true}
	below := true
	for i := range f.probes {
		d := f.flag.Decide(&f.probes[i])
		if d.On {
			s.Served, s.Nested = rungs[i], s.Nested && below
		}
		below, s.Reason = d.On, d.Reason.String()
	}
	return s, true
}

// perGlance is how many requests a flag gets each time that a service looks.
const perGlance = 1

// request makes up some requests and answers them.
func (f *served) request(ctx context.Context, flags *client.Client) {
	for range perGlance {
		if f.wish.Idle || f.made >= f.limit {
			return // it was not announced
		}
		f.made++
		ctx, r := flags.Begin(ctx, rampart.Subject{Key: "user-" + strconv.FormatInt(f.made*7919%users, 10)})
		on := f.flag.OnContext(ctx)
		f.count[on]++
		every := int64(usuallyFails)
		if on && f.wish.Bad {
			every = badlyFails
		}
		r.End(f.count[on]%every == 0)
	}
}

// account tells how many requests there were, and allows for those until the next time.
func (f *served) account() utterance {
	f.limit = f.made + int64(4*word/glance*perGlance)
	return utterance{Flag: f.flag.Name(), Made: f.made, Limit: f.limit}
}
