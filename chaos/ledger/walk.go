package ledger

import (
	"slices"

	"github.com/rampart-dev/rampart"
)

// A Rung is one exposure of a plan. The last one is the finish.
type Rung struct {
	Percent rampart.Percent
	Phase   rampart.Phase
	Hold    int64 // ms
	Entry   bool  // of its phase
	Need    int   // distinct people, or groups, who must consent before this rung
	Groups  bool  // each consent is for a group of its own
}

// Ladder returns the rungs of a plan.
func Ladder(p rampart.Plan) []Rung {
	var all []Rung
	for _, stage := range p.Stages {
		for i, step := range stage.Steps {
			r := Rung{Percent: step.Percent, Phase: stage.Phase, Hold: step.Hold.D().Milliseconds(), Entry: i == 0}
			if i == 0 {
				r.Need, r.Groups = stage.Approvals.Needed(), stage.Approvals != nil && len(stage.Approvals.Groups) > 0
			}
			all = append(all, r)
		}
	}
	return append(all, Rung{Percent: p.Finish.Percent, Hold: p.Finish.Bake.D().Milliseconds()})
}

// A Cause is something that ends a launch short of its goal.
type Cause string

// The causes.
const (
	ByKill      Cause = "kill"        // of the register
	BySignal    Cause = "kill signal" // past the register
	ByTurnBack  Cause = "turn-back"
	ByReject    Cause = "reject"
	ByCancel    Cause = "cancel"
	ByTerminate Cause = "terminate"
)

// A Walk is one launch, as far as it was told.
type Walk struct {
	Flag    string
	Number  int // among the launches of the flag, from 1
	Rungs   []Rung
	Started int64 // before it was asked for
	Run     string

	consents []consent
	asked    map[Cause]int64 // before it was first asked for
	acked    map[Cause]int64 // after it was acknowledged
	bad      int64           // since when the on arm has failed; 0: it has not
	badAt    int             // rung then

	acquired  bool
	gap       bool  // writes may have been missed, because the store was emptied
	rung      int   // the highest that was written; -1: none
	rungSince int64 // when it was first written; 0: not known
	off       int64 // version of the write that turned back
	offAt     int64 // when it was written
	tick      int64
	looks     int64
	ended     int64 // when the ending was known
	Outcome   *rampart.Outcome
}

type consent struct {
	phase     rampart.Phase
	by, group string
	at        int64
}

// Top returns the exposure of the highest rung that was written.
func (w *Walk) Top() rampart.Percent {
	if w.rung < 0 {
		return 0
	}
	return w.Rungs[w.rung].Percent
}

// Harmed reports whether the on arm has failed.
func (w *Walk) Harmed() bool { return w.bad > 0 }

// ceiling returns the highest exposure that the consents given by a time allow.
func (w *Walk) ceiling(at int64) rampart.Percent {
	var top rampart.Percent
	for _, r := range w.Rungs {
		if r.Need > w.consented(r, at) {
			break
		}
		top = max(top, r.Percent)
	}
	return top
}

// consented counts people, or groups, nobody twice.
func (w *Walk) consented(r Rung, at int64) int {
	var people, groups []string
	for _, c := range w.consents {
		if c.phase != r.Phase || c.at > at || slices.Contains(people, c.by) || r.Groups && slices.Contains(groups, c.group) {
			continue
		}
		people, groups = append(people, c.by), append(groups, c.group)
	}
	return len(people)
}

func (w *Walk) rungOf(percent rampart.Percent) int {
	return slices.IndexFunc(w.Rungs, func(r Rung) bool { return r.Percent == percent })
}

// finished reports whether the last rung was written.
func (w *Walk) finished() bool { return w.rung == len(w.Rungs)-1 }
