package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/rampart-dev/rampart"
)

// A screen is what the audience sees: lines that stay, and below them one that tells
// where the launch stands. On a terminal that line is rewritten in place; elsewhere
// it is written again every few seconds.
type screen struct {
	out   io.Writer
	width int // of the terminal; 0: it is none
	began time.Time

	mu   sync.Mutex
	live string    // what stands in the line that is rewritten
	told time.Time // when it was last written where nothing can be rewritten
	step string    // that it was written for
}

// tellEvery is how often a log hears where the launch stands.
const tellEvery = 4 * time.Second

func newScreen(out *os.File) *screen {
	s := &screen{out: out, began: time.Now()}
	if term.IsTerminal(int(out.Fd())) && os.Getenv("TERM") != "dumb" {
		s.width = 100
		if columns, _, err := term.GetSize(int(out.Fd())); err == nil {
			s.width = columns
		}
	}
	return s
}

// say writes a line.
func (s *screen) say(format string, args ...any) { s.write(fmt.Sprintf(format, args...)) }

// title begins an act.
func (s *screen) title(text string) {
	s.say("")
	s.write(s.bold(fmt.Sprintf("── %s %s", text, strings.Repeat("─", max(3, 70-utf8.RuneCountInString(text))))))
	s.say("")
}

func (s *screen) heading(text string) { s.write(s.bold(text)) }

// command writes what a person would have typed.
func (s *screen) command(format string, args ...any) {
	s.write("  $ " + s.bold(fmt.Sprintf(format, args...)))
}

// note writes what happens beside the launch.
func (s *screen) note(format string, args ...any) { s.say("    "+format, args...) }

// fields writes names and values below each other.
func (s *screen) fields(pairs ...string) {
	widest := 0
	for i := 0; i < len(pairs); i += 2 {
		widest = max(widest, len(pairs[i]))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		s.say("%-*s  %s", widest, pairs[i], pairs[i+1])
	}
}

// chapter writes a line of the launch's own story.
func (s *screen) chapter(c rampart.Chapter) {
	by := ""
	if c.By != "" {
		by = " by " + c.By
	}
	s.say("%s  %s%s", s.clock(time.UnixMilli(c.At)), c.Text, by)
}

// standing tells where the launch stands.
func (s *screen) standing(p rampart.Progress) {
	text := fmt.Sprintf("%s  %s", s.clock(time.Now()), standingOf(p))
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.width > 0:
		if text = clip(text, s.width-1); text != s.live {
			s.live = text
			_, _ = fmt.Fprintf(s.out, "\r\x1b[2K%s", text)
		}
	case p.StepName != s.step || time.Since(s.told) > tellEvery:
		s.step, s.told = p.StepName, time.Now()
		_, _ = fmt.Fprintln(s.out, text)
	}
}

// write puts a line above the one that is rewritten.
func (s *screen) write(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.width > 0 {
		_, _ = fmt.Fprint(s.out, "\r\x1b[2K")
	}
	_, _ = fmt.Fprintln(s.out, line)
	s.live = "" // it is written again at the next look, below this line
}

// clock tells a time as the audience counts it: since the demo began.
func (s *screen) clock(at time.Time) string {
	since := at.Sub(s.began).Truncate(time.Second)
	return fmt.Sprintf("%2d:%02d", int(since.Minutes()), int(since.Seconds())%60)
}

func (s *screen) bold(text string) string {
	if s.width == 0 || os.Getenv("NO_COLOR") != "" {
		return text
	}
	return "\x1b[1m" + text + "\x1b[0m"
}

// standingOf is one line: the phases, the exposure, the hold, the evidence.
func standingOf(p rampart.Progress) string {
	marks := ""
	here := -1
	for i, stage := range p.Plan.Stages {
		if stage.Phase == p.Phase {
			here = i
		}
	}
	for i := range p.Plan.Stages {
		switch {
		case p.Baking || i < here:
			marks += "✓"
		case i == here:
			marks += "▶"
		default:
			marks += "·"
		}
	}
	text := fmt.Sprintf("%s %s at %s", marks, p.Phase, p.Exposure)
	if p.Baking {
		text = fmt.Sprintf("%s baking at %s", marks, p.Exposure)
	}
	if p.Hold > 0 && p.WaitingFor == "" {
		text += fmt.Sprintf(", held %s of %s", rampart.Duration(p.Held.D().Truncate(time.Second)), p.Hold)
	}
	return text + "; " + evidenceOf(p)
}

// evidenceOf tells what the gates say.
func evidenceOf(p rampart.Progress) string {
	if p.Verdict == nil {
		return "the gates have not been looked at yet"
	}
	var gates []string
	for _, g := range p.Verdict.Gates {
		if g.Word == rampart.NotApplicable {
			continue
		}
		text := g.Gate + " " + string(g.Word)
		if g.Reason != "" {
			text = g.Reason
		}
		gates = append(gates, text)
	}
	return strings.Join(gates, "; ")
}

func clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:max(0, most-1)]) + "…"
}
