package planfile

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rampart-dev/rampart"
)

// width is that of the narrowest terminal that people use.
const width = 80

// Timeline draws the plan with its defaults, as it would be walked from start on if
// nothing held it up: a picture of the exposure, then each step with its date, then
// the gates. Dates are in the zone of start.
func Timeline(w io.Writer, plan rampart.Plan, start time.Time) error {
	plan = plan.WithDefaults()
	t := timeline{out: bufio.NewWriter(w), plan: plan, spans: spansOf(plan, start), start: start}
	t.end = t.spans[len(t.spans)-1].until
	t.head()
	t.picture()
	t.steps()
	t.gates()
	t.line("Dates are the earliest: approvals and whatever holds a launch only add to them.")
	return t.out.Flush()
}

type timeline struct {
	out        *bufio.Writer
	plan       rampart.Plan
	spans      []span
	start, end time.Time
}

// A span is one step with its dates, or the last watch.
type span struct {
	stage       int // of the plan; len(stages) for the last watch
	name        string
	first       bool // of its stage
	percent     rampart.Percent
	hold        rampart.Duration
	from, until time.Time // until the next: the calendar may let it wait
}

func spansOf(plan rampart.Plan, at time.Time) []span {
	var spans []span
	add := func(stage int, name string, first bool, percent rampart.Percent, hold rampart.Duration) {
		if open, err := plan.Calendar.Opens(at); err == nil { // a zone that is not known here is told by the check
			at = open.At.In(at.Location())
			if len(spans) > 0 { // until then the step before goes on
				spans[len(spans)-1].until = at
			}
		}
		until := at.Add(hold.D())
		spans = append(spans, span{stage, name, first, percent, hold, at, until})
		at = until
	}
	for i, s := range plan.Stages {
		for j, st := range s.Steps {
			add(i, string(s.Phase), j == 0, st.Percent, st.Hold)
		}
	}
	if f := plan.Finish; len(spans) == 0 || f.Bake > 0 || f.Percent != spans[len(spans)-1].percent {
		add(len(plan.Stages), "finish", true, f.Percent, f.Bake)
	}
	return spans
}

func (t *timeline) line(format string, args ...any) {
	fmt.Fprintln(t.out, cut(strings.TrimRight(fmt.Sprintf(format, args...), " ")))
}

func (t *timeline) head() {
	t.line("%s  %s  %s", t.plan.Flag, t.plan.Environment, t.plan.Owner)
	total := rampart.Duration(t.end.Sub(t.start))
	t.line("%s: %s to %s", total, t.date(t.start), t.end.Format("Mon 02 Jan 15:04 2006 MST"))
	if l := t.plan.Layer; l != nil {
		t.line("percentages are of the %s of all units in layer %s, until the finish leaves it", l.Width(), l)
	}
	if t.plan.Holdout != "" && t.plan.Holdout != rampart.NoHoldout {
		t.line("held out: segment %s", t.plan.Holdout)
	}
	t.line("")
}

// long reports whether days matter more than seconds.
func (t *timeline) long() bool { return t.end.Sub(t.start) >= 48*time.Hour }

func (t *timeline) date(at time.Time) string {
	if t.long() {
		return at.Format("Mon 02 Jan 15:04")
	}
	return at.Format("Mon 15:04:05")
}

const (
	label = 20 // columns left of the picture
	cells = width - label
	tick  = 12 // columns between two dates below the picture
)

// picture draws a line a stage, its bars as high as the exposure.
func (t *timeline) picture() {
	for stage := 0; stage <= len(t.plan.Stages); stage++ {
		row, name := []rune(strings.Repeat(" ", cells)), ""
		for _, s := range t.spans {
			if s.stage != stage {
				continue
			}
			name = s.name
			from, until := t.cell(s.from), max(t.cell(s.until), t.cell(s.from)+1)
			for i := from; i < until; i++ {
				row[min(i, cells-1)] = bar(s.percent)
			}
		}
		if name != "" {
			t.line("%-*s%s", label, name, string(row))
		}
	}
	axis := strings.Repeat(" ", label)
	for i := 0; i+tick <= cells; i += tick {
		at := t.start.Add(time.Duration(float64(t.end.Sub(t.start)) * float64(i) / cells))
		layout := "02 Jan"
		if !t.long() {
			layout = "15:04:05"
		}
		axis += fmt.Sprintf("%-*s", tick, at.Format(layout))
	}
	t.line("%s", axis)
	t.line("")
}

// cell returns the column of the picture in which a moment falls.
func (t *timeline) cell(at time.Time) int {
	total := t.end.Sub(t.start)
	if total <= 0 {
		return 0
	}
	return min(cells-1, int(float64(at.Sub(t.start))/float64(total)*cells))
}

func bar(p rampart.Percent) rune {
	bars := []rune("▁▂▃▄▅▆▇█")
	if p <= 0 {
		return '·'
	}
	return bars[min(len(bars)-1, int(p)*(len(bars)-1)/int(rampart.Full))] // the highest is everybody's alone
}

func (t *timeline) steps() {
	for _, s := range t.spans {
		name, notes := "", []string(nil)
		if s.first {
			name = s.name
		}
		if s.first && s.stage < len(t.plan.Stages) {
			notes = notesOn(t.plan.Stages[s.stage])
		}
		left := fmt.Sprintf("%-16s  %-18s %7s %6s", t.date(s.from), name, s.percent, s.hold)
		t.line("%s", left)
		for _, note := range notes {
			t.line("%*s%s", label-2, "", note)
		}
	}
	t.line("%-16s  launched", t.date(t.end))
	t.line("")
}

// notesOn says what else is to be known of a stage.
func notesOn(s rampart.Stage) []string {
	var notes []string
	if a := s.Approvals; a.Needed() > 0 {
		notes = append(notes, "waits for "+consent(a))
	}
	if len(s.Include) > 0 {
		notes = append(notes, "always on: "+rules(s.Include))
	}
	if len(s.Where) > 0 {
		notes = append(notes, "only where "+rules(s.Where))
	}
	if s.OnBreach.Action != rampart.ActTurnBack {
		notes = append(notes, "at a breach: "+string(s.OnBreach.Action))
	}
	if s.Extend != nil {
		notes = append(notes, fmt.Sprintf("may be extended by %s, up to %s", s.Extend.By, s.Extend.UpTo))
	}
	for _, o := range s.Objectives {
		notes = append(notes, "to learn: "+strings.Join(strings.Fields(o), " "))
	}
	return notes
}

func consent(a *rampart.Approvals) string {
	switch {
	case len(a.Groups) > 0:
		return "one person each of " + strings.Join(a.Groups, ", ")
	case a.Count == 1:
		return "one person's approval"
	}
	return fmt.Sprintf("the approvals of %d people", a.Count)
}

func rules(list []rampart.Rule) string {
	var words []string
	for _, r := range list {
		switch {
		case r.Segment != "":
			words = append(words, "segment "+r.Segment)
		case len(r.In) > 0:
			words = append(words, r.Attribute+" is "+strings.Join(r.In, ", "))
		case len(r.NotIn) > 0:
			words = append(words, r.Attribute+" is not "+strings.Join(r.NotIn, ", "))
		default:
			words = append(words, fmt.Sprintf("%d keys", len(r.Keys)))
		}
	}
	return strings.Join(words, "; or ")
}

const gateRow = "%-16s%-11s%-32s%s"

func (t *timeline) gates() {
	t.line(gateRow, "gate", "kind", "bound", "at a breach")
	for _, g := range t.plan.Gates {
		t.gate(g, "by stage", "")
	}
	for _, s := range t.plan.Stages {
		for _, g := range s.Gates {
			t.gate(g, string(s.OnBreach.Action), ", in "+string(s.Phase))
		}
	}
	t.line("")
}

func (t *timeline) gate(g rampart.Gate, action, where string) {
	if g.OnBreach != nil {
		action = string(g.OnBreach.Action)
	} else if action == "by stage" && t.sameActions() {
		action = string(rampart.ActTurnBack)
	}
	t.line(gateRow, cutTo(g.Name, 15), g.Kind(), cutTo(bound(g), 31), action+where)
}

// sameActions reports whether a breach turns back in every stage.
func (t *timeline) sameActions() bool {
	for _, s := range t.plan.Stages {
		if s.OnBreach.Action != rampart.ActTurnBack {
			return false
		}
	}
	return true
}

func bound(g rampart.Gate) string {
	switch g.Kind() {
	case rampart.KindObjective:
		return fmt.Sprintf("%s good, all arms", g.Objective.Good)
	case rampart.KindBaseline:
		return "its own past"
	case rampart.KindThreshold:
		return limits(g.Threshold)
	case rampart.KindTrend:
		return fmt.Sprintf("rises by %s over %s at most", g.Trend.MaxRise, g.Trend.Over)
	case rampart.KindProbe:
		return fmt.Sprintf("%d failures in a row, every %s", g.Probe.Failures, g.Probe.Interval)
	}
	return "on no worse than off"
}

func limits(th *rampart.Threshold) string {
	var s string
	switch {
	case th.Min != nil && th.Max != nil:
		s = fmt.Sprintf("from %g to %g", *th.Min, *th.Max)
	case th.Min != nil:
		s = fmt.Sprintf("at least %g", *th.Min)
	case th.Max != nil:
		s = fmt.Sprintf("at most %g", *th.Max)
	}
	if th.For > 0 {
		s += fmt.Sprintf(", broken after %s", th.For)
	}
	return s
}

func cut(s string) string { return cutTo(s, width) }

func cutTo(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
