package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// drawPower writes what a plan can see as tables.
func drawPower(w io.Writer, p gates.Power) {
	drawRates(w, p)
	drawSteps(w, p)
	drawReach(w, p)
	drawGoals(w, p)
	drawSampleRatio(w, p)
}

func drawRates(w io.Writer, p gates.Power) {
	var rows [][]string
	for _, g := range p.Gates {
		if g.Level == 0 {
			rows = append(rows, []string{g.Gate, string(g.Kind), "a fixed bound: not estimated", "", "", ""})
			continue
		}
		if g.Rate.Missing != "" {
			rows = append(rows, []string{g.Gate, string(g.Kind), "not known", "", share(g.Level), ""})
			continue
		}
		rows = append(rows, []string{g.Gate, string(g.Kind), usual(g.Kind, g.Rate), traffic(g.Rate.Units), share(g.Level), g.Rate.From})
	}
	table(w, []string{"GATE", "KIND", "USUALLY", "OF", "ERROR BUDGET", "FROM"}, rows)
}

// usual says what a metric usually does.
func usual(kind rampart.GateKind, r gates.Rate) string {
	text := share(r.Base)
	switch kind {
	case rampart.KindCount:
		text = traffic(r.Base)
	case rampart.KindMean:
		text = fmt.Sprintf("%s ± %s", short(r.Base), short(r.Spread))
	case rampart.KindLatency:
		if r.Edge > 0 {
			text += " slower than " + time.Duration(math.Round(r.Edge*1e6)*1e3).String()
		}
	}
	if r.Phi > 1 {
		text += fmt.Sprintf(", overdispersed %s times", short(r.Phi))
	}
	return text
}

func drawSteps(w io.Writer, p gates.Power) {
	fmt.Fprintf(w, "\nHarm that begins with a step, and the mean time until it is turned back; – is not within the hold:\n\n")
	head := []string{"PHASE", "STEP", "HOLD", "GATE", "COULD SHOW"}
	for _, rho := range gates.Harms {
		head = append(head, short(rho)+"x")
	}
	var rows [][]string
	for _, s := range p.Steps {
		row := []string{string(s.Phase), s.Percent.String(), s.Hold.String()}
		if len(s.Gates) == 0 {
			rows = append(rows, append(append(row, "nothing to judge"), make([]string, len(head)-len(row)-1)...)) // a short row ends the columns
		}
		for _, g := range s.Gates {
			cells := append(row, g.Gate, sees(g))
			for _, h := range g.Harms {
				cells = append(cells, after(h.After))
			}
			rows = append(rows, cells)
			row = []string{"", "", ""}
		}
	}
	table(w, head, rows)
}

// sees says what a hold could show.
func sees(g gates.SeenPower) string {
	if g.Unknown {
		return "not known"
	}
	var parts []string
	if g.Sees > 0 {
		parts = append(parts, ratio(g.Sees))
	}
	if g.Bad > 0 {
		parts = append(parts, strconv.FormatFloat(100*g.Bad, 'g', 4, 64)+" % of all")
	}
	if !g.Passes {
		parts = append(parts, "undecided")
	}
	if len(parts) == 0 {
		return "–"
	}
	return strings.Join(parts, ", ")
}

func drawReach(w io.Writer, p gates.Power) {
	var rows [][]string
	for _, g := range p.Gates {
		name := g.Gate
		for _, h := range g.Harms {
			row := []string{name, short(h.Ratio) + "x", "never", "–", "–", "–"}
			if h.After > 0 {
				row = []string{name, short(h.Ratio) + "x", fmt.Sprintf("after %s, %s %s", after(h.After), h.Phase, h.Percent),
					people(h.Users), people(h.Units), people(h.Harmed)}
			}
			rows = append(rows, row)
			name = ""
		}
	}
	if len(rows) > 0 {
		fmt.Fprintf(w, "\nHarm that is there from the first exposure on:\n\n")
		table(w, []string{"GATE", "HARM", "TURNED BACK", "USERS", "UNITS", "HARMED"}, rows)
	}
}

func drawGoals(w io.Writer, p gates.Power) {
	if len(p.Goals) > 0 {
		fmt.Fprintf(w, "\nGoals, at the end of max-power-ramp:\n\n")
		var rows [][]string
		for _, g := range p.Goals {
			rows = append(rows, []string{g.Goal, g.Improve.String(), usualOf(g), people(g.Units), after(g.Needs), after(g.Shows), g.Hold.String(), effect(g.Effect), g.Cap.String(), effect(g.AtCap)})
		}
		table(w, []string{"GOAL", "WANTED", "USUALLY", "UNITS", "NEEDS", "SHOWS AFTER", "HOLD", "COULD SHOW", "CAP", "COULD SHOW"}, rows)
	}
	for _, h := range p.Holdout {
		fmt.Fprintf(w, "\n%s at %s for %s needs %s times the units of half and half for the same effect.\n", h.Phase, h.Percent, h.Hold, short(h.Cost))
		for _, e := range h.Effects {
			fmt.Fprintf(w, "It can show %s of %s, and nothing smaller; half and half could show %s.\n", effect(e.Effect), e.Goal, effect(e.AtHalf))
		}
	}
}

func usualOf(g gates.GoalPower) string {
	if g.Rate.Missing != "" {
		return "not known"
	}
	if g.Rate.Spread > 0 {
		return usual(rampart.KindMean, g.Rate)
	}
	return usual(rampart.KindRatio, g.Rate)
}

func drawSampleRatio(w io.Writer, p gates.Power) {
	head := []string{"STEP"}
	for _, loss := range gates.Losses {
		head = append(head, "LOSES "+loss.String())
	}
	var rows [][]string
	for _, s := range p.Steps {
		row := []string{s.Percent.String()}
		for _, r := range s.Ratio {
			cell := people(r.Units)
			if r.After > 0 {
				cell += ", " + after(r.After)
			}
			row = append(row, cell)
		}
		if len(s.Ratio) > 0 {
			rows = append(rows, row)
		}
	}
	if len(rows) > 0 {
		fmt.Fprintf(w, "\nNew units until it shows that the on arm loses some of its own:\n\n")
		table(w, head, rows)
	}
	fmt.Fprintln(w)
}

// after writes how long something takes; nothing is never.
func after(d rampart.Duration) string {
	if d <= 0 {
		return "–"
	}
	for _, unit := range []struct{ from, to time.Duration }{{24 * time.Hour, time.Hour}, {time.Hour, time.Minute}} {
		if d.D() >= unit.from {
			return rampart.Duration(d.D().Round(unit.to)).String()
		}
	}
	return rampart.Duration(d.D().Round(time.Second)).String()
}

// people writes a number of units as one reads it: two digits are enough of an estimate.
func people(n float64) string {
	if n <= 0 {
		return "–"
	}
	digits := math.Pow(10, max(0, math.Floor(math.Log10(n))-1))
	return grouped(int(math.Round(n/digits) * digits))
}

// ratio writes a rate ratio; near 1 only the digits behind it matter.
func ratio(v float64) string {
	if v < 1.1 {
		return strconv.FormatFloat(v, 'f', 3, 64) + "x"
	}
	return short(v) + "x"
}

func share(v float64) string { return short(100*v) + " %" }

func effect(v float64) string {
	if v <= 0 {
		return "–"
	}
	return "±" + share(v)
}

// short writes a number with three digits.
func short(v float64) string {
	if v >= 1000 {
		return grouped(int(math.Round(v)))
	}
	text := strconv.FormatFloat(v, 'g', 3, 64)
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	return text
}

// traffic writes so many a second.
func traffic(perSecond float64) string {
	switch {
	case perSecond <= 0:
		return ""
	case perSecond < 0.1:
		return people(perSecond*24*3600) + "/d"
	}
	return short(perSecond) + "/s"
}
