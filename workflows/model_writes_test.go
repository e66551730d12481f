package workflows_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
)

// registers are what the store has of the flag, read without the product's help.
type registers struct {
	version  int64
	document document
	text     string
	killed   bool
	owner    string
	guarded  int64 // version that the lease is of
	ends     int64
	now      int64
}

// A document has of the stored document what the law is about.
type document struct {
	Exposure  rampart.Percent   `json:"exposure"`
	Include   json.RawMessage   `json:"include"`
	Where     json.RawMessage   `json:"where"`
	Lease     string            `json:"lease"`
	Phase     rampart.Phase     `json:"phase"`
	Launch    string            `json:"launch"`
	Lifecycle rampart.Lifecycle `json:"lifecycle"`
}

func (d document) exposes() bool { return d.Exposure > 0 || len(d.Include) > 0 }

// serves returns what a reader makes of the registers: the exposure, and whether
// rules put anybody on.
func (r registers) serves() (rampart.Percent, bool) {
	leased := r.document.Lease != "" && r.document.Lease != "0s"
	if r.killed || leased && (r.guarded != r.version || r.ends <= r.now) {
		return 0, false
	}
	return r.document.Exposure, len(r.document.Include) > 0
}

func (r registers) exceeds(o registers) bool {
	now, ruled := r.serves()
	before, wasRuled := o.serves()
	return now > before || ruled && !wasRuled
}

func (l *law) read() registers {
	ctx := context.Background()
	name := l.plan.Flag
	var state, pens, leases *redis.SliceCmd
	_, err := l.x.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		state = p.HMGet(ctx, keyOf("state"), "f:"+name, "k:"+name)
		pens = p.HMGet(ctx, keyOf("pens"), "owner:"+name)
		leases = p.HMGet(ctx, keyOf("leases"), name)
		return nil
	})
	must(err)
	r := registers{now: time.Now().UnixMilli(), owner: text(pens, 0)}
	var end, kill string
	r.version, r.text = versioned(text(state, 0))
	if r.text != "" {
		must(json.Unmarshal([]byte(r.text), &r.document))
	}
	if _, kill = versioned(text(state, 1)); kill != "" {
		var k struct{ Killed bool }
		must(json.Unmarshal([]byte(kill), &k))
		r.killed = k.Killed
	}
	r.guarded, end = versioned(text(leases, 0))
	r.ends, _ = strconv.ParseInt(end, 10, 64)
	return r
}

func text(c *redis.SliceCmd, i int) string {
	s, _ := c.Val()[i].(string)
	return s
}

func versioned(field string) (int64, string) {
	number, text, _ := strings.Cut(field, " ")
	n, _ := strconv.ParseInt(number, 10, 64)
	return n, text
}

// witness lets the product call a script, and looks at what it has done.
func (l *law) witness(ctx context.Context, cmd redis.Cmder, do func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := do(); err != nil {
		return err
	}
	by, _ := ctx.Value(attemptKey{}).(*attempt)
	if by == nil {
		by = &attempt{activity: "somebody"}
	}
	if args := cmd.Args(); strings.Contains(fmt.Sprint(args[3]), ":evidence:") {
		l.remembered(cmd, args)
		return nil
	}
	before := l.stored
	l.stored = l.read()
	if l.stored.version != before.version || l.stored.text != before.text {
		l.written(by, before)
	} else if l.stored.exceeds(before) {
		l.breaksWith("%s raised what readers serve, though nobody wrote the flag", by.activity)
	}
	if answer, ok := cmd.(*redis.Cmd).Val().([]any); ok && by.activity == "Watch" && answer[0] == "ENDED" && !by.dies && !by.ghost {
		l.ends()
	}
	return nil
}

// ends takes in that the guard knows that the lease has ended.
func (l *law) ends() {
	if lease := l.plan.Lease; lease != nil && lease.OnEnd == rampart.ActExpose && l.setback == nil && l.x.age() >= l.cooled {
		l.lapsed = true
		return
	}
	l.halts("the guard knows that the lease has ended")
}

// written judges a document that the product has just written.
func (l *law) written(by *attempt, before registers) {
	d := l.stored.document
	l.note("%s #%d writes %s under version %d: %s", by.activity, by.n, d.Phase, l.stored.version-l.x.began.UnixMilli(), reachOf(d))
	if l.stored.version <= l.newest && !(by.activity == "Acquire" && !d.exposes()) {
		l.breaksWith("version %d was written after version %d", l.stored.version, l.newest)
	}
	l.newest, l.meddled = max(l.newest, l.stored.version), false
	if !d.exposes() {
		l.down = l.stopped != nil
		if l.setback != nil && d.Launch != "" {
			l.stepsBack(l.start)
		}
		return
	}
	here := l.placeOf(d)
	if here < 0 && by.activity == "Retake" && l.covers(d) {
		return // to take a pen is to write what is stored again: here, less than what the launch exposes
	}
	if here < 0 {
		l.breaksWith("no step of the plan is %s in %q", reachOf(d), d.Phase)
		return
	}
	p := l.places[here]
	if string(d.Include) != p.include || string(d.Where) != p.where {
		l.breaksWith("the audience of %s is include %s where %s, not include %s where %s", p.phase, d.Include, d.Where, p.include, p.where)
	}
	if p.leased && d.Phase != "" && (l.stored.guarded != l.stored.version || l.stored.ends <= l.stored.now) {
		l.breaksWith("%s in %s may outlive its guard", reachOf(d), p.phase)
	}
	switch {
	case l.down:
		l.breaksWith("%s after the launch had turned back (%s)", reachOf(d), l.stopped.why)
	case here > l.at+1:
		l.breaksWith("%s was reached past a step, or before the finish", reachOf(d))
	case here == l.at+1:
		l.allows(by, here)
		l.raised(by, here)
		l.since[p.name()] = l.x.age()
	case l.stopped != nil && by.began > l.stopped.at && l.stored.exceeds(before):
		l.breaksWith("%s was written again after the halt (%s)", reachOf(d), l.stopped.why)
	case here == l.at && l.lapsed && !before.document.exposes(): // anew
		l.allows(by, here)
	case d.Launch == "" && l.at == l.finish():
		by.finished = true
		l.passed(by, here)
	}
	if here < l.at && l.setback != nil {
		l.stepsBack(here)
	}
	l.at, l.lapsed = here, false
}

// stepsBack takes in that the launch has gone back to a place because of a breach.
func (l *law) stepsBack(here int) {
	if l.at >= 0 && (here < 0 || l.places[l.at].stage != l.places[here].stage) {
		l.leaves(l.places[l.at].phase)
	}
	l.note("the launch has stepped back because of %s", l.setback.why)
	l.at, l.setback, l.cooled = here, nil, l.x.age()+coolDown
	l.backs++
}

func reachOf(d document) string {
	return fmt.Sprintf("%s and %d bytes of rules", d.Exposure, len(d.Include))
}

// covers reports whether a document that a hand has edited exposes nobody whom the launch
// does not.
func (l *law) covers(d document) bool {
	if l.at < 0 || l.stopped != nil {
		return false
	}
	p := l.places[l.at]
	return d.Exposure <= p.percent && string(d.Include) == p.include && string(d.Where) == p.where
}

func (l *law) placeOf(d document) int {
	if d.Launch == "" && d.Exposure == l.plan.Finish.Percent {
		return l.finish()
	}
	return slices.IndexFunc(l.places, func(p place) bool { return p.phase == d.Phase && p.percent == d.Exposure })
}

// allows judges whether more may be exposed at all.
func (l *law) allows(by *attempt, here int) {
	switch {
	case l.stopped != nil && by.began > l.stopped.at:
		l.breaksWith("raised to %s after the halt (%s)", l.places[here].percent, l.stopped.why)
	case l.stored.killed:
		l.breaksWith("raised to %s while the flag was killed", l.places[here].percent)
	case l.paused && by.began > l.moment:
		l.breaksWith("raised to %s while the launch was paused", l.places[here].percent)
	case l.skewed && by.began > l.moment:
		l.breaksWith("raised to %s while a mismatch held the launch", l.places[here].percent)
	case l.held && by.began > l.moment:
		l.breaksWith("raised to %s while somebody held the launch", l.places[here].percent)
	}
	switch {
	case l.setback != nil && by.began > l.setback.at:
		l.breaksWith("raised to %s after %s, instead of stepping back", l.places[here].percent, l.setback.why)
	case l.x.age() < l.cooled:
		l.breaksWith("raised to %s while cooling down", l.places[here].percent)
	case l.backs > l.plan.Retries():
		l.breaksWith("raised to %s after stepping back %d times", l.places[here].percent, l.backs)
	case l.plan.Calendar != nil && !promotes(l.x.age()-lateness):
		l.breaksWith("raised to %s, though the calendar says no", l.places[here].percent)
	case len(l.plan.Requires) > 0 && l.unmet:
		l.breaksWith("raised to %s, though what the plan requires does not hold", l.places[here].percent)
	}
}

// raised judges a raise to the next place.
func (l *law) raised(by *attempt, here int) {
	l.consentedAgain()
	if here > 0 {
		l.passed(by, here-1)
	}
	if l.places[here].enters {
		l.enters(here)
	}
}

// passed judges that the launch leaves a place for more.
func (l *law) passed(by *attempt, place int) {
	p := l.places[place]
	if p.hold == 0 || !l.was(place) {
		return
	}
	since := l.since[p.name()]
	if held := l.x.age() - since - l.pausedSince(since); held < p.hold && !l.wishedSince(since) {
		l.breaksWith("%s in %s was left after %s of %s", p.percent, p.phase, held, p.hold)
	}
	looks := slices.Clone(l.looks)
	slices.SortFunc(looks, func(a, b look) int { return int(a.tick - b.tick) })
	looks = slices.DeleteFunc(looks, func(k look) bool { return !l.well(k) && (k.known == 0 || k.known > by.first) })
	n := len(looks)
	if n == 0 || !l.well(looks[n-1]) {
		l.breaksWith("%s in %s was left though the gates said %v at last", p.percent, p.phase, looks[max(0, n-1):])
		return
	}
	if !slices.ContainsFunc(looks, func(k look) bool { return l.age(k.tick) > since && l.passes(looks, k) }) {
		l.breaksWith("%s in %s was left, and its gates had never passed", p.percent, p.phase)
	}
}

// passes reports whether the gates can have passed at a look: nothing speaks against
// it, and there was a sample at the two looks before, too.
func (l *law) passes(looks []look, k look) bool {
	i := slices.IndexFunc(looks, func(x look) bool { return x.tick == k.tick })
	return i >= 2 && l.well(k) && l.answers(looks[i-1]) && l.answers(looks[i-2])
}

// pausedSince returns how much of the time since then was paused, less two ticks for
// each pause: the look before it, and the one after, may count the time between them.
func (l *law) pausedSince(since time.Duration) time.Duration {
	var all time.Duration
	for _, s := range l.pauses {
		all += max(0, min(s.to, l.x.age())-max(s.from, since)-2*tick)
	}
	return all
}

func (l *law) wishedSince(since time.Duration) bool {
	return slices.ContainsFunc(l.wishes, func(w time.Duration) bool { return w >= since })
}

// remembered judges evidence that was just kept.
func (l *law) remembered(cmd redis.Cmder, args []any) {
	answer, _ := cmd.(*redis.Cmd).Val().([]any)
	if len(answer) == 0 || answer[0] != "OK" {
		return
	}
	given := args[5:] // behind the names of the evidence and of its series
	kept, _ := strconv.ParseInt(fmt.Sprint(given[0]), 10, 64)
	blob, _ := given[1].([]byte)
	var m struct{ Tick, Looks int64 }
	must(json.Unmarshal(blob, &m))
	if kept < l.kept {
		l.breaksWith("the evidence went back from minute %d to %d", l.kept, kept)
	}
	l.kept = kept
	if distinct := len(l.looks); m.Looks > int64(distinct) {
		l.breaksWith("the evidence has %d looks, and the gates were asked at %d ticks", m.Looks, distinct)
	}
	l.knows(kept)
}
