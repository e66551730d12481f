package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

// boardWidth is how wide a board is where nobody knows better.
const boardWidth = 80

// A brush colours a text, or leaves it as it is.
type brush func(colour, text string) string

func plainly(_, text string) string { return text }

// board draws where a launch stands: its phases, its hold, its gates, what is next.
func board(p rampart.Progress, now time.Time, paint brush) []string {
	lines := []string{heading(p, now), phases(p, paint)}
	lines = append(lines, standing(p, now, paint)...)
	lines = append(lines, gateLines(p, paint)...)
	lines = append(lines, evidenceLines(p, paint)...)
	if next := starter.NextInWords(p, now); next != "" {
		lines = append(lines, "next: "+next)
	}
	return lines
}

func heading(p rampart.Progress, now time.Time) string {
	left := fmt.Sprintf("%s  %s  %s", p.Flag, p.Environment, p.Owner)
	right := age(p, now)
	return left + strings.Repeat(" ", max(2, boardWidth-utf8.RuneCountInString(left)-utf8.RuneCountInString(right))) + right
}

// age says how far a launch is in time: "day 4 of 44".
func age(p rampart.Progress, now time.Time) string {
	end := now
	if p.Outcome != nil {
		end = time.UnixMilli(p.Outcome.Receipt.EndedAt)
	}
	past, all := end.Sub(time.UnixMilli(p.StartedAt)), planned(p.Plan)
	switch {
	case ended(p):
		return "took " + seconds(past)
	case all >= 48*time.Hour:
		return fmt.Sprintf("day %d of %d", int(past/(24*time.Hour))+1, int((all+24*time.Hour-1)/(24*time.Hour)))
	}
	return fmt.Sprintf("%s, planned %s", seconds(past), seconds(all))
}

// planned returns how long a plan takes if nothing holds it up.
func planned(p rampart.Plan) time.Duration {
	var all time.Duration
	for _, s := range p.Stages {
		all += s.Hold()
	}
	if p.Finish != nil {
		all += p.Finish.Bake.D()
	}
	return all
}

func seconds(d time.Duration) string {
	return rampart.Duration(max(0, d).Truncate(time.Second)).String()
}

// ended reports whether a launch is over, in a way of ours or past us.
func ended(p rampart.Progress) bool { return p.State.Ended() || starter.Broken(p.State) }

// phases draws the walk: what is behind, where it is, what is ahead.
func phases(p rampart.Progress, paint brush) string {
	at := slices.IndexFunc(p.Plan.Stages, func(s rampart.Stage) bool { return s.Phase == p.Phase })
	var words []string
	for i, s := range p.Plan.Stages {
		switch {
		case i < at || p.Baking || p.State == rampart.Launched:
			words = append(words, paint(green, "✓")+" "+string(s.Phase))
		case i > at:
			words = append(words, paint(dim, "· "+string(s.Phase)))
		default:
			words = append(words, here(p, string(s.Phase), paint))
		}
	}
	if p.Baking && p.State != rampart.Launched {
		words = append(words, here(p, "bake", paint))
	}
	return strings.Join(words, "  ")
}

func here(p rampart.Progress, name string, paint brush) string {
	text := fmt.Sprintf("%s %s", name, p.Exposure)
	switch {
	case ended(p) || p.State == rampart.TurningBack:
		return paint(red, "✗") + " " + paint(bold, text)
	case p.State == rampart.Held || p.State == rampart.Paused:
		return paint(yellow, "‖") + " " + paint(bold, text)
	}
	return paint(bold, "▶ "+text)
}

// standing says in which state the launch is, and draws the hold.
func standing(p rampart.Progress, now time.Time, paint brush) []string {
	if ended(p) {
		text := p.Note
		if p.Outcome != nil {
			text = p.Outcome.Receipt.Text
		}
		return []string{row("state", paint(colourOf(p.State), string(p.State))), printable(text)}
	}
	state := string(p.State)
	if p.State != rampart.Watching && p.State != rampart.Baking && p.Note != "" {
		state = printable(p.Note) // which begins with it
	} else if p.StepSince > 0 {
		state += " since " + starter.Moment(time.UnixMilli(p.StepSince), now)
	}
	state = paint(colourOf(p.State), state)
	lines := []string{row("state", state)}
	if p.Hold > 0 && p.StepSince > 0 && p.Asking == "" && p.WaitingFor == "" && p.State != rampart.Cooling && p.State != rampart.TurningBack {
		held := rampart.Duration(p.Held.D().Truncate(time.Second))
		lines = append(lines, row("hold", fmt.Sprintf("%s  %s of %s", bar(p.Held.D(), p.Hold.D()), held, p.Hold)))
	}
	return lines
}

func colourOf(s rampart.State) string {
	switch s {
	case rampart.Launched, rampart.Watching, rampart.Baking:
		return green
	case rampart.Waiting, rampart.Paused, rampart.Held, rampart.Cooling:
		return yellow
	}
	return red
}

const barCells = 24

func bar(part, whole time.Duration) string {
	n := barCells
	if part < whole {
		n = int(float64(part) / float64(whole) * barCells)
	}
	return strings.Repeat("█", max(0, n)) + strings.Repeat("░", barCells-max(0, n))
}

const nameCells = 12

func row(name, text string) string {
	return fmt.Sprintf("%-*s%s", nameCells, clip(name, nameCells-1), text)
}

// gateLines tell what each gate said at the last look.
func gateLines(p rampart.Progress, paint brush) []string {
	if p.Verdict == nil || ended(p) && p.State == rampart.Launched {
		return nil
	}
	var lines []string
	for _, g := range p.Verdict.Gates {
		what := clip(gateWhat(g), 44)
		line := row(printable(g.Gate), fmt.Sprintf("%-25s", what))
		if note := gateNote(g); note != "" {
			line += "  " + note
		}
		switch g.Word {
		case rampart.Breach:
			line = paint(red, line)
		case rampart.NoData, rampart.Blind, rampart.Undecided:
			line = paint(yellow, line)
		case rampart.NotApplicable:
			line = paint(dim, line)
		}
		lines = append(lines, strings.TrimRight(line, " "))
		if besides := g.Besides(); besides != "" {
			lines = append(lines, paint(dim, row("", printable(besides))))
		}
	}
	return lines
}

// gateWhat says what a gate measured.
func gateWhat(g rampart.GateVerdict) string {
	bare, _, _ := strings.Cut(printable(g.Found()), ", evidence ") // of which gateNote tells
	switch {
	case g.Word == rampart.NotApplicable:
		return "not asked at this exposure"
	case (g.Kind == rampart.KindMean || g.Kind == rampart.KindLatency) && bare != "":
		return bare // which says what is compared
	case g.Value != nil && g.Low != nil && g.High != nil:
		return fmt.Sprintf("%.2fx on/off (%.2f–%.2f)", *g.Value, *g.Low, *g.High)
	case bare != "":
		return bare
	case g.Value != nil:
		return fmt.Sprintf("%.4g", *g.Value)
	}
	return string(g.Word)
}

// gateNote says how near a gate is to its limits: how much of the evidence that
// turns back there is, and how much of the information that a pass needs.
func gateNote(g rampart.GateVerdict) string {
	switch g.Word {
	case rampart.Breach, rampart.NoData, rampart.Blind:
		return string(g.Word)
	case rampart.NotApplicable:
		return ""
	}
	if g.LogE == 0 && g.Share == 0 && g.Power == 0 {
		return string(g.Word)
	}
	s := fmt.Sprintf("evidence %.0f %% of limit", 100*g.Share)
	if g.Power > 0 && g.Power < 1 {
		s += fmt.Sprintf(", information %.0f %%", 100*g.Power)
	}
	return s
}
