package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence/sim"
)

// simulated is how launches of a plan ended, as JSON.
type simulated struct {
	Flag    string            `json:"flag"`
	World   string            `json:"world"`
	Seed    uint64            `json:"seed"`
	Runs    int               `json:"runs"`
	Length  rampart.Duration  `json:"length"`
	Harm    *simulatedHarm    `json:"harm,omitempty"`
	False   simulatedShare    `json:"false"` // turned back where there was no harm, or not yet
	Found   *simulatedShare   `json:"found,omitempty"`
	Endings []simulatedEnding `json:"endings"`
	Left    []string          `json:"notSimulated,omitempty"`

	title string
}

type simulatedHarm struct {
	Gate   string           `json:"gate,omitempty"` // empty: what both arms share
	Ratio  float64          `json:"ratio"`
	At     rampart.Duration `json:"at"`
	Shared bool             `json:"shared,omitempty"`
}

// A simulatedShare is how many launches there were of all, with the interval of 95 %.
type simulatedShare struct {
	Launches int     `json:"launches"`
	Of       int     `json:"of"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// A simulatedEnding is one way in which launches ended.
type simulatedEnding struct {
	Ending   string           `json:"ending"` // "turned back by errors"
	Gate     string           `json:"gate,omitempty"`
	Launches int              `json:"launches"`
	Median   rampart.Duration `json:"median,omitempty"` // from the onset of harm; without harm, from the start
	P90      rampart.Duration `json:"p90,omitempty"`
	Phase    string           `json:"phase,omitempty"` // where most of them were turned back
	Units    float64          `json:"units,omitempty"` // median of what was on since the onset
	Bad      float64          `json:"bad,omitempty"`   // median of its events
}

// tally counts how launches ended.
func tally(plan rampart.Plan, model sim.Plan, world sim.World, harm sim.Harm, s simulation, outcomes []sim.Outcome, left []string) simulated {
	out := simulated{
		Flag: plan.Flag, World: world.Name, Seed: s.seed, Runs: s.runs, Length: rampart.Duration(model.Length()), Left: left, title: world.Title,
	}
	groups := map[string][]sim.Outcome{}
	wrong, found, harmed := 0, 0, 0
	for _, o := range outcomes {
		switch {
		case !o.TurnedBack:
			groups[walked] = append(groups[walked], o)
		case o.False(harm):
			wrong++
			groups["falsely turned back by "+o.Gate] = append(groups["falsely turned back by "+o.Gate], o)
			continue
		default:
			found++
			groups["turned back by "+o.Gate] = append(groups["turned back by "+o.Gate], o)
		}
		harmed++
	}
	out.False = shareIn(wrong, len(outcomes))
	if harm.Ratio > 1 {
		out.Harm = &simulatedHarm{harm.Gate, harm.Ratio, rampart.Duration(harm.At), harm.Shared}
		share := shareIn(found, harmed)
		out.Found = &share
	}
	for _, ending := range slices.Sorted(maps.Keys(groups)) {
		out.Endings = append(out.Endings, endingOf(ending, model, groups[ending]))
	}
	slices.SortStableFunc(out.Endings, func(a, b simulatedEnding) int { return b.Launches - a.Launches })
	return out
}

// walked is the ending of a launch that nothing turned back.
const walked = "walked to the end"

func shareIn(k, n int) simulatedShare {
	low, high := sim.Wilson(k, n)
	return simulatedShare{k, n, low, high}
}

func endingOf(ending string, model sim.Plan, all []sim.Outcome) simulatedEnding {
	e := simulatedEnding{Ending: ending, Launches: len(all)}
	var late []time.Duration
	var units, bad []float64
	phases := map[string]int{}
	for _, o := range all {
		late, units, bad = append(late, o.Delay), append(units, o.Units), append(bad, o.Bad)
		phases[model.Steps[o.Step].Name]++
	}
	if ending == walked {
		return e
	}
	e.Gate = all[0].Gate
	e.Median, e.P90 = rampart.Duration(rank(late, 0.5)), rampart.Duration(rank(late, 0.9))
	e.Units, e.Bad = rank(units, 0.5), rank(bad, 0.5)
	for _, name := range slices.Sorted(maps.Keys(phases)) {
		if phases[name] > phases[e.Phase] {
			e.Phase = name
		}
	}
	return e
}

// rank is the smallest value that the share q of all does not exceed.
func rank[T time.Duration | float64](all []T, q float64) T {
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))]
}

// draw writes the table.
func (s simulated) draw(w io.Writer) {
	fmt.Fprintf(w, "%s: %s of %s, %s\n", s.Flag, plural(s.Runs, "walk"), s.Length, s.title)
	since := "AFTER THE START"
	if h := s.Harm; h != nil {
		what := h.Gate
		if h.Shared {
			what = "everything, in both arms,"
		}
		fmt.Fprintf(w, "harm: %s %s times as bad from %s on\n", what, short(h.Ratio), h.At)
		since = "AFTER THE ONSET"
	}
	rows := [][]string{}
	for _, e := range s.Endings {
		row := []string{e.Ending, grouped(e.Launches), "", "", "", "", ""}
		if e.Gate != "" {
			row = []string{e.Ending, grouped(e.Launches), after(e.Median), after(e.P90), e.Phase, people(e.Units), people(e.Bad)}
		}
		rows = append(rows, row)
	}
	fmt.Fprintln(w)
	table(w, []string{"ENDING", "WALKS", since, "P90", "MOSTLY IN", "UNITS ON", "THEIR EVENTS"}, rows)
	fmt.Fprintln(w)
	if s.Found != nil {
		fmt.Fprintf(w, "harm was found in %s\n", s.Found)
	}
	fmt.Fprintf(w, "turned back without harm: %s\n", s.False)
	for _, g := range s.Left {
		fmt.Fprintf(w, "not simulated: %s\n", g)
	}
}

// String writes "3 of 100 walks (1.0 to 8.5 %)".
func (s simulatedShare) String() string {
	return fmt.Sprintf("%s of %s (%.1f to %.1f %%)", grouped(s.Launches), plural(s.Of, "walk"), 100*s.Low, 100*s.High)
}
