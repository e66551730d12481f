package workflows

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	commonpb "go.temporal.io/api/common/v1"

	"github.com/rampart-dev/rampart"
)

// Whoever may send a signal may send two megabytes, and the server ends a workflow
// whose next activity is asked with more than that. So nothing that people write is
// passed on at a length of their choice.
const (
	maxName    = 200     // of a person, a group or a phase; runes
	maxText    = 2000    // of a reason or a note; runes
	maxPayload = 8 << 10 // of an approval; bytes
	maxNotices = 200     // that a launch remembers; its history has the rest

	// Of a plan, which may have 256 KiB and is in history five times for each: all
	// together they fill half of what Temporal allows.
	maxRevisions = 20

	// The server ends a workflow whose history reaches 51,200 events or 50 MiB, and
	// with it the guard of whoever is exposed. A launch never comes near that by
	// itself, but people and metrics that swing may take it there.
	fullEvents = 40_000
	fullBytes  = 40 << 20
)

// line makes one readable line of at most so many runes.
func line(s string, most int) string {
	if len(s) > 4*most { // before the runes are counted; what is cut through becomes valid below
		s = s[:4*most]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most-1]) + "…"
	}
	return strings.TrimSpace(s)
}

// checkAsk says what is wrong with a request, whatever it asks for.
func checkAsk(a rampart.Ask) error {
	switch {
	case strings.TrimSpace(a.By) == "":
		return fmt.Errorf("the request does not say who makes it")
	case utf8.RuneCountInString(a.By) > maxName:
		return fmt.Errorf("the name of who makes the request is longer than %d characters", maxName)
	case utf8.RuneCountInString(a.Reason) > maxText:
		return fmt.Errorf("the reason is longer than %d characters", maxText)
	}
	return nil
}

// checkApproval says what is wrong with an approval, wherever the launch stands.
func checkApproval(a rampart.Approval) error {
	for _, x := range []struct {
		what, text string
		most       int
	}{{"name of its author", a.By, maxName}, {"group", a.Group, maxName}, {"phase", string(a.Phase), maxName}, {"note", a.Note, maxText}} {
		if utf8.RuneCountInString(x.text) > x.most {
			return fmt.Errorf("its %s is longer than %d characters", x.what, x.most)
		}
	}
	return nil
}

// checkPayload refuses what is too large to be an approval before it is decoded.
func checkPayload(p *commonpb.Payload) error {
	if n := len(p.GetData()); n > maxPayload {
		return fmt.Errorf("it has %d bytes, more than %d", n, maxPayload)
	}
	return nil
}
