package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

// status is what status prints as JSON.
type status struct {
	rampart.Progress
	URL string `json:"url,omitempty"`
}

func (a *app) statusCommand() *cobra.Command {
	var story bool
	c := a.reading(&cobra.Command{
		Use:   "status FLAG",
		Short: "Show where the launch of a flag stands",
		Long: `Status shows the launch that is under way, or else the last one: its phases, the
hold, what each gate said last, and what is next. rampart why says it in sentences.`,
		Args: a.takes("FLAG"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			s, err := a.parts()
			if err != nil {
				return err
			}
			p, err := s.Progress(ctx, args[0])
			if err != nil {
				return a.withoutLaunch(ctx, s, args[0], err)
			}
			url := s.URL(rampart.LaunchID(p.Environment, p.Flag), p.Run)
			return a.answer(status{p, url}, func(w io.Writer) {
				now := a.now()
				writeLines(w, board(p, now, a.brush()))
				writeLines(w, background(p, url, now, story))
			})
		}),
		ValidArgsFunction: a.completeFlags,
	})
	c.Flags().BoolVar(&story, "story", false, "the whole story and every warning, instead of the end and the number")
	return c
}

// withoutLaunch answers for a flag that is there, but was never launched.
func (a *app) withoutLaunch(ctx context.Context, s *starter.Starter, flag string, err error) error {
	if rampart.KindOf(err) != rampart.NotFound {
		return err
	}
	if _, getErr := s.Store.Get(ctx, flag); getErr != nil {
		return getErr
	}
	return rampart.Errorf(rampart.NotFound, "%s has not been launched in %s", flag, s.Environment()).
		WithHint("rampart flag get %s shows the flag", flag)
}

func (a *app) brush() brush {
	return func(colour, text string) string { return a.paint(a.out, colour, text) }
}

func writeLines(w io.Writer, lines []string) {
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
}

// background tells what is less pressing: where the plan came from, who consented,
// what went wrong on the side, and the story.
func background(p rampart.Progress, url string, now time.Time, whole bool) []string {
	lines := []string{"", row("started", fmt.Sprintf("%s by %s, %s", starter.Moment(time.UnixMilli(p.StartedAt), now), printable(p.StartedBy), source(p.Source)))}
	add := func(name, format string, args ...any) {
		lines = append(lines, row(name, printable(fmt.Sprintf(format, args...))))
	}
	if p.From != "" {
		add("from", "%s, after a launch that was turned back", p.From)
	}
	if p.Revision > 1 {
		add("plan", "revision %d; --story tells who amended it", p.Revision)
	}
	if p.Attempt > 0 {
		add("stepped back", "%d of %d times", p.Attempt, p.Retries)
	}
	if p.Trust == rampart.TrustPayload {
		add("trust", "payload: names are believed as they are written")
	}
	if p.Plan.Layer != nil {
		add("layer", "%s", p.Plan.Layer)
	}
	// An older worker does not tell, so only of what is not clean anything is known.
	if f := (rampart.Flag{Exposure: p.Exposure, HighWater: p.HighWater}); !f.Holdout().Clean && !ended(p) {
		add("holdout", "%s", holdoutOf(f))
	}
	if r := p.Parachute; r != nil {
		add("parachute", "%d of %d readers confirmed in %d ms", r.Confirmed, r.Readers, r.Millis)
	}
	for _, c := range p.Approvals {
		add("approved", "%s by %s%s, %s", c.Phase, c.By, group(c.Group), starter.Moment(time.UnixMilli(c.At), now))
	}
	if p.Killed != nil {
		add("killed", "by %s: %s", p.Killed.By, p.Killed.Reason)
	}
	if n := len(p.Warnings); n > 0 && !whole {
		add("warnings", "%d about the plan; --story lists them", n)
	} else {
		for _, w := range p.Warnings {
			add("warning", "%s", w)
		}
	}
	for _, n := range p.Notices {
		if n.Error != "" {
			add("unsent", "notice to %s, %s: %s", n.Channel, starter.Moment(time.UnixMilli(n.At), now), n.Error)
		}
	}
	if url != "" {
		add("temporal", "%s", url)
	}
	return append(lines, tail(p, now, whole)...)
}

func source(s rampart.Source) string {
	text := "with " + s.File
	if s.File == "" {
		text = "with a plan"
	}
	if s.SHA256 != "" {
		text += ", sha256 " + s.SHA256[:min(12, len(s.SHA256))]
	}
	if s.Commit != "" {
		text += ", commit " + s.Commit[:min(12, len(s.Commit))]
	}
	if s.Dirty {
		text += " with changes that were not committed"
	}
	return printable(text)
}

func group(name string) string {
	if name == "" {
		return ""
	}
	return " for " + name
}

// tailLines is how many lines of its story a launch shows unasked.
const tailLines = 5

// tail returns the end of a launch's story, or all of it.
func tail(p rampart.Progress, now time.Time, whole bool) []string {
	story := p.Story
	if n := len(story); n > 0 && p.Outcome != nil && story[n-1].Text == p.Outcome.Receipt.Text {
		story = story[:n-1] // the board has told it
	}
	if !whole {
		story = story[max(0, len(story)-tailLines):]
	}
	lines := []string{""}
	for _, c := range story {
		lines = append(lines, chapter(c, now))
	}
	return lines
}

func chapter(c rampart.Chapter, now time.Time) string {
	text := c.Text
	if c.By != "" && !strings.Contains(text, c.By) {
		text += " (" + c.By + ")"
	}
	return starter.Moment(time.UnixMilli(c.At), now) + "  " + printable(text)
}
