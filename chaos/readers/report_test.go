package readers_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/chaos/readers"
)

// A result is what readers of one kind came to.
type result struct {
	name, what string
	readers    int
	wrong      int // answers that were not what was meant, at the end
	readers.Tally
}

// results are what a run came to.
type results struct {
	w     *world
	took  time.Duration
	ours  result
	usual []result
	stale time.Duration // the longest that a reader has said
}

// results sums up while owners rest, once everybody had the time to catch up.
func (w *world) results() results {
	w.t.Helper()
	w.awaits("copies have polled", func() (bool, string) { return w.polled(), "" })
	now := time.Now()
	r := results{w: w, took: now.Sub(w.began)}
	r.ours = result{name: "ours", what: "the client: join by version", readers: len(w.readers), Tally: w.witness.Tally(now)}
	for _, o := range w.owners {
		want := o.wants()
		for _, reader := range w.readers {
			if got, _ := w.witness.Last(reader.name, want.Flag); wrong(got, want) {
				r.ours.wrong++
			}
		}
	}
	for _, k := range w.kinds {
		one := result{name: k.name, what: k.what, readers: len(k.copies), Tally: k.witness.Tally(now)}
		for _, o := range w.owners {
			want := o.wants()
			for _, c := range k.copies {
				if got := c.sight(want.Flag); got.Version != want.Version || got.Killed != want.Killed {
					one.wrong++
				}
			}
		}
		r.usual = append(r.usual, one)
	}
	for _, reader := range w.readers {
		reader.mu.Lock()
		r.stale = max(r.stale, reader.stale)
		reader.mu.Unlock()
	}
	return r
}

// polled reports whether a copy that polls agrees with what is meant: then all had time
// for everything that they do by themselves.
func (w *world) polled() bool {
	for _, k := range w.kinds {
		if k.name != "poll" {
			continue
		}
		for _, o := range w.owners {
			for _, c := range k.copies {
				if c.sight(o.doc.Name).Version != o.wants().Version {
					return false
				}
			}
		}
	}
	return true
}

// judge fails the test where the law was broken, where it was not held against
// anything, or where the usual policies show that the run was harmless.
func (r results) judge(t *testing.T) {
	t.Helper()
	r.w.tellBroken()
	if t.Failed() {
		t.Logf("the end of the story:\n%s", r.w.story.end(200))
	}
	for _, rule := range readers.Rules {
		checked, _ := r.w.witness.Book.Checks(rule)
		require.Positivef(t, checked, "it was never checked that %s", rule)
	}
	require.Zero(t, r.ours.wrong)
	require.Positive(t, r.w.lost.Load(), "Redis has lost nothing, so nothing was tried")
	require.Positive(t, r.w.tolls.cuts)
	back := 0
	for _, k := range r.usual {
		back += k.Back
	}
	require.Positive(t, back, "not even the usual policies went back, so nothing was tried")
}

func (r results) report() string {
	var b strings.Builder
	w, c := r.w, r.w.tolls
	fmt.Fprintf(&b, "# Readers under chaos\n\nMade on %s by\n\n```console\n$ go test -count=1 -timeout=0 -run '^TestNoReaderGoesBack$' ./chaos/readers "+
		"-rounds %d -empties %d -readers %d -copies %d -flags %d -seed %d -report \"$PWD/docs/chaos/readers.md\"\n```\n\n",
		time.Now().UTC().Format("2 January 2006"), *rounds, *empties, *many, *copies, *flags, *seed)
	fmt.Fprintf(&b, "in %s on a machine with %d shared cores (%s/%s), with a real primary, replica and three sentinels of Redis. %d readers, %d of them processes of their own, "+
		"and %d flags. [README.md](README.md#readers) says what is done and checked.\n\n", r.took.Round(time.Second), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, len(w.readers), w.processes(), len(w.owners))
	fmt.Fprintf(&b, "| what was done | times |\n|---|--:|\n")
	for _, row := range []struct {
		what string
		n    int
	}{
		{"failovers to a replica that lacked acknowledged writes", c.failovers},
		{"of these, with the old primary going on beside the new one", c.split},
		{"restarts of Redis that came back empty", c.empties},
		{"subscriptions cut, of readers and copies", c.cuts},
		{"subscriptions of readers starved while all else was answered", c.starved},
		{"subscriptions of readers that heard late, by up to 1.6 s", c.late},
		{"readers cut off for longer than StaleAfter", c.away},
		{"readers restarted", c.restarts},
		{"of these, by kill -9", c.killed},
		{"writes acknowledged", int(w.writes.Load())},
		{"documents and kills that Redis had acknowledged and forgot", int(w.lost.Load())},
		{"documents edited by hand", int(w.drifts.Load())},
	} {
		fmt.Fprintf(&b, "| %s | %d |\n", row.what, row.n)
	}
	fmt.Fprintf(&b, "\n| policy | copies | answers changed | **flags moved backwards** | kills let go of, or come back | wrong at the end | longest staleness |\n|---|--:|--:|--:|--:|--:|--:|\n")
	for _, k := range append([]result{r.ours}, r.usual...) {
		fmt.Fprintf(&b, "| %s | %d | %d | **%d** | %d | %d of %d | %s |\n", k.what, k.readers, k.Seen, k.Back, k.Revived, k.wrong, k.readers*len(w.owners), k.Longest.Round(10*time.Millisecond))
	}
	fmt.Fprintf(&b, "\nEach copy shares the fate of the reader of its number, except for restarts. Staleness is how long somebody who could reach the store did not have what the store had acknowledged; "+
		"what a failover takes is not in it, nor what the store itself had forgotten. Readers that were cut off said so; the longest staleness that one reported is %s.\n", r.stale.Round(10*time.Millisecond))
	fmt.Fprintf(&b, "\n| law | checks | broken |\n|---|--:|--:|\n")
	for _, rule := range readers.Rules {
		checked, broken := w.witness.Book.Checks(rule)
		fmt.Fprintf(&b, "| %s | %d | %d |\n", rule, checked, broken)
	}
	return b.String()
}

func (w *world) processes() (n int) {
	for _, r := range w.readers {
		if r.own != nil {
			n++
		}
	}
	return n
}
