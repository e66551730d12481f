package activities

import (
	"fmt"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
)

// maxStanding bounds what is said of a pending activity. Temporal keeps it with the
// launch and cuts what is longer than a few kilobytes, the heartbeat among it.
const maxStanding = 1500

// standing says how things stand, for the pending activity in Temporal UI.
func standing(in WatchInput, m Memory) string {
	parts := []string{fmt.Sprintf("held %s of %s at %s", rampart.Duration(m.Held.D().Truncate(time.Second)), in.Hold, in.Exposure)}
	if in.Mode == Guard {
		parts[0] = fmt.Sprintf("guarding at %s", in.Exposure)
	}
	switch share := m.Share(); {
	case share >= 0.01:
		parts[0] += fmt.Sprintf(", evidence %.0f %% of the launch's limit", 100*share)
	case share > 0:
		parts[0] += ", evidence below 1 % of the launch's limit"
	}
	if r := m.Verdict.SampleRatio; r != nil {
		parts = append(parts, "the sample ratio "+r.InWords())
	}
	if d := m.Verdict.Decision; d != nil {
		parts = append(parts, "decision "+d.InWords())
	}
	if r := m.Verdict.Recommended; r != nil {
		parts = append(parts, "recommended next "+r.InWords())
	}
	for _, g := range m.Verdict.Gates {
		if g.Word != rampart.NotApplicable {
			parts = append(parts, g.InWords())
		}
	}
	said := strings.Join(parts, "; ")
	if len(said) > maxStanding {
		said = strings.ToValidUTF8(said[:maxStanding], "") + "..."
	}
	return said
}
