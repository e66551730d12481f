package main

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/ledger"
)

// report writes what was done and seen.
func (s *soak) report() string {
	var b strings.Builder
	kills, stops, cuts := s.tolls.sums()
	broken := s.book.Violations()
	fmt.Fprintf(&b, "# A soak of %s\n\n", s.broke.Round(time.Second))
	fmt.Fprintf(&b, "Made on %s by\n\n```console\n$ go run ./chaos -for %s -seed %d -flags %d -out %s\n```\n\n",
		time.Now().UTC().Format("2 January 2006"), rampart.Duration(s.length), s.seed, s.flags, s.out)
	fmt.Fprintf(&b, "on a machine with %d shared cores (%s/%s), with the real Temporal, Redis and Prometheus, %d workers and %d services.\n",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, workers, services)
	fmt.Fprintf(&b, "%d kills, %d stops in mid-breath and %d cuts of all connections of Redis within %s; %d launches; **%d promises broken**.\n",
		kills, stops, cuts, s.broke.Round(time.Second), len(s.ledger.Walks()), len(broken))
	fmt.Fprintf(&b, "[README.md](README.md) says what is done and checked.\n")
	s.reportDeeds(&b)
	s.reportLaunches(&b)
	s.reportSeen(&b)
	s.reportRules(&b)
	for _, v := range broken {
		fmt.Fprintf(&b, "- **%s**: %s: %s\n", v.Rule, v.Flag, v.What)
	}
	return b.String()
}

func (s *soak) reportDeeds(b *strings.Builder) {
	names := []string{"kill -9", "all killed", "emptied", "stop", "long stop", "cut connections"}
	fmt.Fprintf(b, "\n## What was done\n\n| part | kill -9 | all of its kind | comes back empty | stop | long stop | connections cut | ended by itself |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, p := range s.parts {
		fmt.Fprintf(b, "| %s |", p.name)
		for _, deed := range names {
			fmt.Fprintf(b, " %d |", s.tolls.of(p.name, deed))
		}
		fmt.Fprintf(b, " %d |\n", p.alone)
	}
	fmt.Fprintf(b, "\nA worker that cannot reach Temporal or Redis for half a minute when it starts ends by itself, as it should, and is started again.\n")
}

func (s *soak) reportLaunches(b *strings.Builder) {
	endings := map[string]int{}
	for _, w := range s.ledger.Walks() {
		switch {
		case w.Outcome == nil:
			endings["not ended"]++
		case w.Outcome.Cause == "":
			endings[string(w.Outcome.State)]++
		default:
			endings[fmt.Sprintf("%s: %s", w.Outcome.State, w.Outcome.Cause)]++
		}
	}
	fmt.Fprintf(b, "\n## How launches ended\n\n| ending | launches |\n|---|--:|\n")
	for _, ending := range slices.Sorted(maps.Keys(endings)) {
		fmt.Fprintf(b, "| %s | %d |\n", ending, endings[ending])
	}
	harmed, launched, unharmed := s.breaches()
	fmt.Fprintf(b, "\nThe on arm of %d launches was made to fail; %d of them ended launched. %d others were turned back by a breach: "+
		"killed services take their counts with them.\n", harmed, launched, unharmed)
}

// breaches counts launches whose on arm failed, those of them that were launched all
// the same, and those turned back without it.
func (s *soak) breaches() (harmed, launched, unharmed int) {
	for _, w := range s.ledger.Walks() {
		switch {
		case w.Outcome == nil:
		case w.Harmed() && w.Outcome.State == rampart.Launched:
			harmed, launched = harmed+1, launched+1
		case w.Harmed():
			harmed++
		case w.Outcome.Cause == rampart.CauseBreach:
			unharmed++
		}
	}
	return harmed, launched, unharmed
}

func (s *soak) reportSeen(b *strings.Builder) {
	fmt.Fprintf(b, "\n## What was seen\n\n| | |\n|---|--:|\n")
	fmt.Fprintf(b, "| writes of the store | %d |\n", s.writes.Load())
	fmt.Fprintf(b, "| sights of readers (every change, and four a second of each flag) | %d |\n", s.samples)
	fmt.Fprintf(b, "| sights of a version whose write nobody else has seen, because the store was emptied | %d |\n", s.unseen)
	fmt.Fprintf(b, "| looks that went on from an earlier one, because a watch had died and the store did not answer the next | %d |\n", s.ledger.Anew())
	fmt.Fprintf(b, "| longest time in which a launch did not go on | %s (%s) |\n", s.idle.length.Round(time.Second), s.idle.flag)
	fmt.Fprintf(b, "| from the last break until all had ended and was checked | %s |\n", s.settled.Round(time.Second))
	fmt.Fprintf(b, "\nFrom what was to end a launch to the baseline in the store:\n\n| launch | calm, median | chaos, median | chaos, slowest | slowest to calm |\n|---|--:|--:|--:|--:|\n")
	for _, what := range []string{"breaks", "is turned back", "is killed", "gets a kill signal", "is cancelled", "is terminated"} {
		calm, chaos := s.lengths(what, true), s.lengths(what, false)
		ratio := "-"
		if len(calm) > 0 && len(chaos) > 0 {
			ratio = fmt.Sprintf("%.1f", float64(chaos[len(chaos)-1])/float64(max(middle(calm), time.Millisecond)))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", what, middleOf(calm), middleOf(chaos), last(chaos), ratio)
	}
	fmt.Fprintf(b, "\nA launch that breaks is one whose on arm fails from some moment on; the time includes its detection. "+
		"A terminated launch is turned back by the sweep. A kill acts on readers at once, before the document is at its baseline. Calm are the first launches, before anything is broken.\n")
}

func (s *soak) lengths(what string, calm bool) []time.Duration {
	var all []time.Duration
	for _, w := range s.ways {
		if w.what == what && w.calm == calm {
			all = append(all, w.length)
		}
	}
	slices.Sort(all)
	return all
}

func middle(all []time.Duration) time.Duration { return all[len(all)/2] }

func middleOf(all []time.Duration) string {
	if len(all) == 0 {
		return "-"
	}
	return fmt.Sprintf("%s of %d", middle(all).Round(time.Millisecond), len(all))
}

func last(all []time.Duration) string {
	if len(all) == 0 {
		return "-"
	}
	return all[len(all)-1].Round(time.Millisecond).String()
}

func (s *soak) reportRules(b *strings.Builder) {
	fmt.Fprintf(b, "\n## What was checked\n\n| promise | checks | broken |\n|---|--:|--:|\n")
	for _, rule := range ledger.Rules {
		checked, broken := s.book.Checks(rule)
		fmt.Fprintf(b, "| %s | %d | %d |\n", rule, checked, broken)
	}
	fmt.Fprintln(b)
}
