package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

// quiet shows nothing.
type quiet struct{}

func (quiet) show(rampart.Progress)         {}
func (quiet) away(error)                    {}
func (quiet) over(rampart.Progress, string) {}

// documents writes the progress as JSON, one document a line, whenever it changes.
type documents struct {
	out  io.Writer
	last string
}

func (d *documents) show(p rampart.Progress) {
	b, err := json.Marshal(p)
	if err != nil || string(b) == d.last {
		return
	}
	d.last = string(b)
	fmt.Fprintln(d.out, d.last)
}

func (*documents) away(error)                    {}
func (*documents) over(rampart.Progress, string) {}

// teller writes a line for every change: the launch's story as it goes on, and what
// the gates say when they say something else.
type teller struct {
	out     io.Writer
	now     func() time.Time
	told    *rampart.Chapter
	verdict string
	lost    bool
}

func (t *teller) show(p rampart.Progress) {
	if t.lost {
		t.lost = false
		t.line(t.now(), "answered again")
	}
	for _, c := range t.news(p) {
		if p.Outcome == nil || c.Text != p.Outcome.Receipt.Text { // the receipt comes last, by itself
			fmt.Fprintln(t.out, chapter(c, t.now()))
		}
		t.told = &c
	}
	if v := p.Verdict; v != nil && !ended(p) {
		said := verdictLine(*v)
		if topic := topicOf(*v, said); topic != t.verdict {
			t.verdict = topic
			t.line(time.UnixMilli(v.At), said)
		}
	}
}

// news returns the chapters that were not told yet. The story is bounded, so the
// last one told is looked for and not counted.
func (t *teller) news(p rampart.Progress) []rampart.Chapter {
	if t.told == nil {
		return p.Story
	}
	for i, c := range slices.Backward(p.Story) {
		if c == *t.told {
			return p.Story[i+1:]
		}
	}
	return p.Story
}

const inBounds = "gates: in bounds"

func verdictLine(v rampart.Verdict) string {
	switch v.Word {
	case rampart.NotApplicable, rampart.Holding, rampart.Pass:
		return inBounds
	}
	return fmt.Sprintf("gates: %s: %s", v.Word, steady(v.Reason))
}

// topicOf returns what a line about a verdict is about. The figures of a gate that is
// undecided change at every look, and so are no news.
func topicOf(v rampart.Verdict, line string) string {
	if v.Word == rampart.Undecided {
		return string(v.Word) + " " + v.Gate
	}
	return line
}

// steady drops the figures that change at every look, so that a line is written
// when something else is the matter and not at every look.
func steady(reason string) string {
	head, _, _ := strings.Cut(reason, " for ")
	return printable(head)
}

func (t *teller) away(err error) {
	t.lost = true
	t.line(t.now(), fmt.Sprintf("%s; the launch goes on without us, trying again", err))
}

func (t *teller) over(_ rampart.Progress, text string) { fmt.Fprintln(t.out, printable(text)) }

func (t *teller) line(at time.Time, text string) {
	fmt.Fprintln(t.out, starter.Moment(at, t.now())+"  "+printable(text))
}

// live redraws a board in a terminal.
type live struct {
	out   io.Writer
	now   func() time.Time
	paint brush
	last  *rampart.Progress
	lost  string
	drawn int // lines on the screen
}

func (l *live) show(p rampart.Progress) {
	l.last, l.lost = &p, ""
	l.redraw()
}

func (l *live) away(err error) {
	l.lost = fmt.Sprintf("since %s: %s; the launch goes on without us, trying again", l.now().Format("15:04:05"), err)
	l.redraw()
}

// redraw draws the board over the one before.
func (l *live) redraw() {
	if l.last == nil {
		return
	}
	now := l.now()
	lines := append(board(*l.last, now, l.paint), tail(*l.last, now, false)...)
	if l.lost != "" {
		lines = append(lines, "", l.paint(yellow, l.lost))
	}
	columns, height := size(l.out)
	lines = lines[:min(len(lines), max(1, height-1))]
	var b strings.Builder
	b.WriteString(l.up())
	for _, line := range lines {
		b.WriteString(clipVisible(line, columns) + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	l.drawn = len(lines)
	_, _ = io.WriteString(l.out, b.String())
}

func (l *live) up() string {
	if l.drawn == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\r", l.drawn)
}

func (l *live) over(p rampart.Progress, text string) {
	l.last, l.lost = &p, ""
	l.redraw()
	fmt.Fprintf(l.out, "\n%s\n", printable(text))
}

// clipVisible cuts a line to a number of columns, not counting colours.
func clipVisible(s string, columns int) string {
	var b strings.Builder
	seen, escape := 0, false
	for _, r := range s {
		switch {
		case escape:
			escape = r != 'm'
		case r == '\x1b':
			escape = true
		case seen == columns:
			continue
		default:
			seen++
		}
		b.WriteRune(r)
	}
	return b.String()
}
