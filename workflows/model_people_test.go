package workflows_test

import (
	"encoding/json"

	"github.com/rampart-dev/rampart"
)

// What people do to a launch, as the law sees it. Everything is told to the law when
// the launch has taken it in, not when it is sent.

func (l *law) says(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(format, args...)
}

func (l *law) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stored = l.read()
	l.newest = l.stored.version
}

// sees takes in what somebody else than the product does to the store.
func (l *law) sees(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.stored
	do()
	l.stored = l.read()
	l.meddled = l.meddled || before.text != l.stored.text || before.owner != l.stored.owner
	now, ruled := l.stored.serves()
	l.note("the store serves %s now; by rules: %v", now, ruled)
}

func (l *law) pausesNow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused, l.moment = true, l.note("the launch is paused")
	l.pauses = append(l.pauses, span{from: l.x.age(), to: evening})
	if l.x.story.out(l.x.age()) { // the launch may wait for the store, and pause its watch only then
		l.pauses[len(l.pauses)-1].from = evening
	}
}

func (l *law) resumes() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note("the launch is resumed")
	if l.paused {
		l.pauses[len(l.pauses)-1].to = l.x.age()
	}
	l.held = l.held && l.paused
	l.paused = false
}

func (l *law) holds() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held, l.moment = true, l.note("the launch is held")
	l.voids("somebody held the launch")
}

// mismatches takes in what the launch says of its sample ratio.
func (l *law) mismatches(is, ending bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case is && !l.skewed:
		l.skewed, l.moment = true, l.note("a mismatch holds the launch")
		l.voids("the sample ratio does not match")
	case !is && l.skewed && !ending:
		l.breaksWith("a mismatch was let go of that nobody had acknowledged")
	}
}

func (l *law) acknowledges() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.skewed = false
	l.note("the mismatch is acknowledged")
}

func (l *law) wishesToAdvance() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wishes = append(l.wishes, l.x.age())
}

func (l *law) approves(a rampart.Approval) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note("%s, of group %q, approves %s", a.By, a.Group, a.Phase)
	l.consent = append(l.consent, consent{Approval: a, age: l.x.age(), came: l.events})
}

func (l *law) halted(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.halts(why)
}

// hasKilled holds a kill to its word: readers go by the register, whatever becomes of
// the document.
func (l *law) hasKilled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.read().killed {
		l.breaksWith("it was killed, and no register says so")
	}
}

func (l *law) turnsBack()   { l.halted("somebody turned the launch back") }
func (l *law) rejects()     { l.halted("somebody rejected a phase") }
func (l *law) isKilled()    { l.halted("the launch was told to die") }
func (l *law) isCancelled() { l.halted("the launch was cancelled") }

// ended judges what the launch has left behind.
func (l *law) ended() {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.x
	if !x.IsWorkflowCompleted() {
		l.breaksWith("the launch has not ended")
		return
	}
	if x.err == nil && x.out.State == rampart.Superseded {
		l.breaksWith("it gave way to somebody else, and nobody was there")
	}
	r := l.read()
	if l.meddled { // the flag's own workflow answers for it, and writes it again
		return
	}
	exposed, ruled := r.document.Exposure, len(r.document.Include) > 0
	switch {
	case x.err == nil && x.out.State == rampart.Launched:
		if exposed != l.plan.Finish.Percent {
			l.breaksWith("it is launched at %s", exposed)
		}
		if l.stopped != nil && l.stopped.at < l.handed {
			l.breaksWith("it is launched though %s", l.stopped.why)
		}
	case exposed > 0 || ruled:
		l.breaksWith("it ended short of its goal with %s exposed", reachOf(r.document))
	}
	if r.owner != rampart.FlagID(env, l.plan.Flag) {
		l.breaksWith("it left with the pen: %q holds it", r.owner)
	}
	if r.guarded != 0 {
		l.breaksWith("it left its lease behind")
	}
}

func encoded(f rampart.Flag) string {
	b, err := json.Marshal(f)
	must(err)
	return string(b)
}
