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
	Need    int   // distinct people, or groups, who must consent before this rung
	Groups  bool  // each consent is for a group of its own
}

// Ladder returns the rungs of a plan.
func Ladder(p rampart.Plan) []Rung {
	var all []Rung
	for _, stage := range p.Stages {
		for i, step := range stage.Steps {
			r := Rung{Percent: step.Percent, Phase: stage.Phase, Hold: step.Hold.D().Milliseconds()}
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
	Outcome *rampart.Outcome

	first    int   // rung that it begins with
	backs    int   // times that it may step back
	coolDown int64 // after that, ms

	consents []*consent
	voids    []void
	amended  *amendment
	asked    map[Cause]int64 // before it was first asked for
	acked    map[Cause]int64 // after it was acknowledged
	bad      int64           // since when the on arm has failed; 0: it has not
	badAt    int             // rung then

	acquired  bool
	gap       bool  // writes may have been missed, because the store was emptied
	rung      int   // that is exposed; -1: none
	rungSince int64 // when it was first written
	cooling   bool  // it has stepped back to this rung
	off       int64 // version of the write that turned back
	offAt     int64 // when it was written
	tick      int64
	looks     int64
	ended     int64 // when the ending was known
}

// A consent was given between two times; 0: nobody knows until when.
type consent struct {
	phase     rampart.Phase
	by, group string
	asked     int64
	acked     int64
}

// A void makes the consents to some phases count no more: of those from a phase on, or
// of one phase.
type void struct {
	from, to rampart.Phase
	at       int64
}

// An amendment is another ladder from some time between two on.
type amendment struct {
	asked, acked int64
	phase        rampart.Phase // that it changes
	rungs        []Rung
}

// Top returns the exposure that was written last.
func (w *Walk) Top() rampart.Percent {
	if w.rung < 0 {
		return 0
	}
	return w.Rungs[w.rung].Percent
}

// Harmed reports whether the on arm has failed.
func (w *Walk) Harmed() bool { return w.bad > 0 }

// Ladders returns every ladder that the launch may have walked.
func (w *Walk) Ladders() [][]Rung {
	if w.amended == nil {
		return [][]Rung{w.Rungs}
	}
	return [][]Rung{w.amended.rungs, w.Rungs}
}

// ladder returns the rungs by which an exposure was decided on at some time: of those
// that may have been walked then, the first one that has the exposure and allows it.
func (w *Walk) ladder(percent rampart.Percent, decided, at int64) (rungs []Rung, rung int, most rampart.Percent) {
	for _, l := range w.Ladders() {
		amended := w.amended != nil && &l[0] == &w.amended.rungs[0]
		switch {
		case amended && decided < w.amended.asked, !amended && w.amended != nil && w.amended.acked > 0 && decided > w.amended.acked:
			continue
		}
		top := w.ceiling(l, amended, at)
		if i := rungOf(l, percent); rungs == nil || i >= 0 && top >= percent {
			rungs, rung, most = l, i, top
		}
	}
	return rungs, rung, most
}

// ceiling returns the highest exposure of a ladder that the consents given by a time
// allow.
func (w *Walk) ceiling(rungs []Rung, amended bool, at int64) rampart.Percent {
	var top rampart.Percent
	for _, r := range rungs[w.first:] {
		voids := w.voids
		if amended {
			voids = append(slices.Clone(voids), void{from: w.amended.phase, to: w.amended.phase, at: w.amended.asked})
		}
		if r.Need > w.consented(r, at, voids) {
			break
		}
		top = max(top, r.Percent)
	}
	return top
}

// ever returns the highest exposure that was allowed at any time up to now: what a
// reader that lags behind may serve.
func (w *Walk) ever(at int64) rampart.Percent {
	var top rampart.Percent
	for _, rungs := range w.Ladders() {
		for _, r := range rungs[w.first:] {
			if r.Need > w.consented(r, at, nil) {
				break
			}
			top = max(top, r.Percent)
		}
	}
	return top
}

// consented counts people, or groups, nobody twice.
func (w *Walk) consented(r Rung, at int64, voids []void) int {
	var people, groups []string
	for _, c := range w.consents {
		if c.phase != r.Phase || c.asked > at || slices.ContainsFunc(voids, c.voided) ||
			slices.Contains(people, c.by) || r.Groups && slices.Contains(groups, c.group) {
			continue
		}
		people, groups = append(people, c.by), append(groups, c.group)
	}
	return len(people)
}

// voided reports whether a consent had certainly been given when it was made void.
func (c *consent) voided(v void) bool {
	return c.acked > 0 && c.acked < v.at && c.phase.Index() >= v.from.Index() && c.phase.Index() <= v.to.Index()
}

func rungOf(rungs []Rung, percent rampart.Percent) int {
	return slices.IndexFunc(rungs, func(r Rung) bool { return r.Percent == percent })
}

// finished reports whether the last rung was written.
func (w *Walk) finished() bool { return w.rung == len(w.Rungs)-1 }
