package annotations

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
)

// Verbs of the audit stream that this package knows.
const (
	verbAcquire    = "acquire"
	verbHandOver   = "hand-over"
	verbKill       = "kill"
	verbRestore    = "restore"
	verbRejoin     = "rejoin-kill"
	verbUnreadable = "unreadable"
)

// changes reports whether an event may have changed what anybody is served. Taking the
// pen and handing it on do not.
func changes(e rampart.Event) bool {
	return e.Verb != verbAcquire && e.Verb != verbHandOver && e.Verb != verbUnreadable
}

// marks are the annotations of an event: itself and, where it ended an exposure, the time
// for which that was held.
func marks(environment string, e rampart.Event, before *rampart.Event) []annotation {
	all := []annotation{{Time: e.At, Tags: tags(environment, "change", e.ID, e), Text: changed(e, before)}}
	if before == nil || before.Exposure == 0 || killing(before.Verb) || e.At <= before.At {
		return all
	}
	held := fmt.Sprintf("%s held at %s%s for %s", e.Flag, before.Exposure, in(before.Phase), rampart.Duration(time.Duration(e.At-before.At)*time.Millisecond).String())
	step := *before
	return append(all, annotation{Time: before.At, TimeEnd: e.At, Tags: tags(environment, "held", e.ID, step), Text: html.EscapeString(held)})
}

// tags of an annotation: the first two tell it from every other.
func tags(environment, kind, id string, e rampart.Event) []string {
	all := []string{"event:" + id, kind, "rampart", "environment:" + environment}
	if segment, ok := strings.CutPrefix(e.Flag, "segment:"); ok {
		all = append(all, "segment:"+segment)
	} else {
		all = append(all, "flag:"+e.Flag)
	}
	all = append(all, "verb:"+e.Verb, "version:"+strconv.FormatInt(e.Version, 10))
	if e.Phase != "" {
		all = append(all, "phase:"+string(e.Phase))
	}
	if strings.HasPrefix(e.Owner, "launch/") {
		all = append(all, "launch:"+e.Owner)
	}
	return all
}

// changed tells an event in a line. Grafana shows the text as HTML.
func changed(e rampart.Event, before *rampart.Event) string {
	var what string
	switch {
	case killing(e.Verb):
		what = "killed, off for everybody"
	case strings.HasPrefix(e.Flag, "segment:"):
		what = "changed"
	case e.Verb == verbRestore:
		what = "restored at its baseline"
	case before != nil && before.Exposure != e.Exposure && !killing(before.Verb):
		what = fmt.Sprintf("%s → %s%s (%s)", before.Exposure, e.Exposure, in(e.Phase), e.Verb)
	default:
		what = fmt.Sprintf("%s%s (%s)", e.Exposure, in(e.Phase), e.Verb)
	}
	text := e.Flag + " " + what
	if e.By != "" {
		text += ", by " + e.By
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return html.EscapeString(text)
}

func killing(verb string) bool { return verb == verbKill || verb == verbRejoin }

func in(phase rampart.Phase) string {
	if phase == "" {
		return ""
	}
	return " in " + string(phase)
}
