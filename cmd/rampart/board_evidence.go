package main

import (
	"github.com/rampart-dev/rampart"
)

// evidenceLines tell what the last look found that is no gate's: how the arms are
// filled, how far the ramp may go, and what it came to.
func evidenceLines(p rampart.Progress, paint brush) []string {
	var lines []string
	decision := p.Decision
	if p.Share > 0 && !ended(p) {
		lines = append(lines, row("together", shareOfLimit(p.Share)+" of the evidence that turns it back"))
	}
	if v := p.Verdict; v != nil && !ended(p) {
		if r := v.SampleRatio; r != nil {
			line := row("arms", printable("the sample ratio "+r.InWords()))
			if r.Mismatch {
				line = paint(red, line)
			}
			lines = append(lines, line)
		}
		if r := v.Recommended; r != nil {
			lines = append(lines, row("recommended", printable(r.InWords())))
		}
		if decision == nil {
			decision = v.Decision
		}
	}
	if decision == nil {
		return lines
	}
	lines = append(lines, paint(colourOfDecision(decision.Word), row("decision", printable(decision.InWords()))))
	for _, g := range decision.Goals {
		lines = append(lines, row("", printable(g.InWords()+": "+string(g.Word))))
	}
	return lines
}

func colourOfDecision(w rampart.DecisionWord) string {
	switch w {
	case rampart.Ship:
		return green
	case rampart.Regress:
		return red
	}
	return yellow
}
