package rampart

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a plan. They are far above what a launch needs and far below what
// would hurt a workflow's history or a reader's memory.
const (
	MaxPlanBytes = 256 << 10
	maxText      = 16 << 10 // a purpose, a query
	maxLabel     = 200      // an owner, a key, a value of an attribute
	maxSteps     = 50
	maxGates     = 100
	maxList      = 20  // groups, channels, goals, requirements, cohorts
	maxRules     = 100 // of one stage
	maxKeys      = 1000
)

// Validate returns everything that is wrong with the plan and everything that
// deserves a warning, in the order of the plan's keys. It judges the plan with its
// defaults, so it finds the same before and after [Plan.WithDefaults].
func (p Plan) Validate() Mistakes {
	c := &checker{plan: p.WithDefaults()}
	if c.tooMuch(); len(c.found) > 0 {
		return c.found // what follows takes time that grows with the square of these
	}
	c.identity()
	c.values()
	c.calendar()
	c.requirements()
	c.gates("gates", c.plan.Gates)
	c.goals()
	c.shadow()
	c.stages()
	c.finish()
	c.policies()
	c.notify()
	c.size()
	return c.found
}

// A checker collects mistakes on one walk through a plan with its defaults.
type checker struct {
	plan  Plan
	found Mistakes
}

// wrong notes an error. The hint says what to do instead.
func (c *checker) wrong(path, hint, format string, args ...any) {
	c.found = append(c.found, Mistake{Path: path, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

// warn notes something that the plan can be walked with all the same.
func (c *checker) warn(path, hint, format string, args ...any) {
	c.found = append(c.found, Mistake{Path: path, Msg: fmt.Sprintf(format, args...), Hint: hint, Warning: true})
}

// because notes err as an error, with its hint.
func (c *checker) because(path string, err error) {
	if err != nil {
		c.wrong(path, HintOf(err), "%s", err)
	}
}

func (c *checker) tooMuch() {
	gates, steps := len(c.plan.Gates), 0
	for _, s := range c.plan.Stages {
		gates += len(s.Gates)
		steps += len(s.Steps)
	}
	if gates > maxGates {
		c.wrong("gates", "watch what matters", "the plan has %d gates; %d are the most", gates, maxGates)
	}
	if steps > maxSteps || len(c.plan.Stages) > maxSteps {
		c.wrong("stages", "use fewer, longer steps", "the plan has %d steps; %d are the most", steps, maxSteps)
	}
}

func (c *checker) identity() {
	p := c.plan
	if p.Flag == "" {
		c.wrong("flag", "name the flag that services ask for, such as checkout-v2", "is required")
	} else {
		c.because("flag", CheckName("a flag", p.Flag))
	}
	c.line("owner", p.Owner, "name the team that answers for the flag, such as team-payments")
	if strings.TrimSpace(p.Purpose) == "" {
		c.wrong("purpose", "say in a sentence what the feature is for; approvers read it", "is required")
	}
	c.text("purpose", p.Purpose)
	c.because("environment", CheckName("an environment", p.Environment))
	c.oneOf("type", string(p.Type), string(Release), string(Experiment), string(Operations), string(Permission))
	c.retireBy()
	c.text("hypothesis", p.Hypothesis)
	c.unit()
	c.layer()
	if p.Holdout != "" {
		c.because("holdout", CheckName("a segment", p.Holdout))
	}
	c.oneOf("profile", string(p.Profile), "", string(Standard), string(Express))
}

func (c *checker) retireBy() {
	switch p := c.plan; {
	case p.RetireBy != "":
		c.date("retireBy", p.RetireBy)
	case p.Type == Release || p.Type == Experiment:
		c.warn("retireBy", "name the day by which the code without the flag is to be gone, such as 2027-03-31",
			"is missing, so nobody will be reminded to clean up")
	}
}

var attributePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,99}$`)

func (c *checker) unit() {
	c.isUnit("unit", c.plan.Unit)
}

func (c *checker) layer() {
	l := c.plan.Layer
	if l == nil {
		return
	}
	c.because("layer.name", CheckName("a layer", l.Name))
	c.slots("layer", l.From, l.To)
	last, finish := c.plan.highest(), c.plan.Finish.Percent
	if w := l.Width(); last > 0 && last <= Full && finish > 0 && finish <= Full && 0 < w && w < Full/2 {
		c.warn("layer", "use more slots, or see to it that everything stands that",
			"is left at the finish, which goes from %s of the units to %s at once", last*w/Full, finish)
	}
}

func (c *checker) isUnit(path string, u Unit) {
	name, attribute := u.Attribute()
	if u == User || u == Request || attribute && attributePattern.MatchString(name) {
		return
	}
	c.wrong(path, "use user, request or attribute:NAME, such as attribute:account", "%q is not a unit", u)
}

func (c *checker) values() {
	values := c.plan.Values
	if len(values) != 2 {
		c.wrong("values", "give the value for off, then the value for on: [false, true]", "has %d values instead of two", len(values))
		return
	}
	parsed := make([]any, 2)
	for i, v := range values {
		path := fmt.Sprintf("values[%d]", i)
		if len(v) > maxText {
			c.wrong(path, "keep large configuration elsewhere and let the flag name it", "is longer than %d KiB", maxText>>10)
		}
		if json.Unmarshal(v, &parsed[i]) != nil {
			c.wrong(path, "write a boolean, a number, a string, a list or a map", "is not JSON")
			return
		}
	}
	if reflect.DeepEqual(parsed[0], parsed[1]) {
		c.wrong("values", "give on another value than off", "off and on are the same")
	}
}

func (c *checker) goals() {
	if !c.atMost("goals", len(c.plan.Goals), maxList) {
		return
	}
	seen := map[string]bool{}
	for i, g := range c.plan.Goals {
		path := fmt.Sprintf("goals[%d]", i)
		c.line(path+".name", g.Name, "say what is to improve, such as completed checkouts")
		if seen[g.Name] && g.Name != "" {
			c.wrong(path+".name", "give each goal a name of its own", "%q is the name of an earlier goal", g.Name)
		}
		seen[g.Name] = true
		if (g.Ratio == nil) == (g.Mean == nil) {
			c.wrong(path, "give it a ratio or a mean", "needs exactly one of ratio and mean")
		}
		c.ratio(path+".ratio", g.Ratio)
		c.mean(path+".mean", g.Mean)
		if g.Improve <= 0 || g.Improve > 10*Full {
			c.wrong(path+".improve", "say by how much it is to improve, such as 2%", "%s is no improvement to look for", g.Improve)
		}
	}
	if len(c.plan.Goals) > 0 && !slices.ContainsFunc(c.plan.Stages, Stage.measures) {
		c.wrong("goals", "let max-power-ramp end with a step between 0 and 100 %, usually at 50",
			"are judged at the end of max-power-ramp, where the plan has no two arms to compare")
	}
}

// measures reports whether the stage ends with both arms in the maximum power ramp.
func (s Stage) measures() bool {
	if s.Phase != MaxPowerRamp || len(s.Steps) == 0 {
		return false
	}
	last := s.Steps[len(s.Steps)-1].Percent
	return last > 0 && last < Full
}

// shadow checks the period in which gates learn from arms that are treated the same.
func (c *checker) shadow() {
	c.span("shadow", c.plan.Shadow, 0, 30*day)
	if c.plan.Shadow > 0 && !slices.ContainsFunc(c.plan.Gates, Gate.Compares) {
		c.warn("shadow", "add a gate that compares the arms to the plan, or leave shadow out", "has nothing to learn: no gate of the plan compares the arms")
	}
}

func (c *checker) finish() {
	f, last := c.plan.Finish, Percent(0)
	for _, s := range c.plan.Stages {
		last = max(last, min(s.highest(), Full))
	}
	if c.share("finish.percent", f.Percent) && f.Percent < last {
		c.wrong("finish.percent", "finish at or above the last step, usually at 100", "%s is below the last step, %s", f.Percent, last)
	}
	c.span("finish.bake", f.Bake, 0, MaxDuration)
	if f.Bake == 0 && last < f.Percent {
		c.warn("finish.bake", "bake for a day, so that the daily peak is seen", "nothing is watched after %s are exposed", f.Percent)
	}
	if f.Bake > 0 && f.Percent > 0 && !c.asked(c.plan.GatesOf(Stage{}), f.Percent) {
		c.wrong("finish", "add a threshold, an objective or a probe to the plan's gates",
			"no gate can be asked at %s: gates that compare need both arms", f.Percent)
	}
}

func (c *checker) policies() {
	p := c.plan
	c.span("every", p.Every, Duration(1e9), Duration(3600e9))
	if p.Alpha <= 0 || p.Alpha > 5000 {
		c.wrong("alpha", "use a few percent; 5 is the default", "%s is not an error budget", p.Alpha)
	} else if p.Alpha > 1000 {
		c.warn("alpha", "5 is the default", "with %s, one harmless launch in %d is turned back", p.Alpha, Full/p.Alpha)
	}
	c.lease()
	if c.share("parachute.share", p.Parachute.Share) {
		c.span("parachute.wait", p.Parachute.Wait, Duration(1e9), Duration(3600e9))
	}
	c.oneOf("onBlind.action", string(p.OnBlind.Action), string(ActHold), string(ActTurnBack))
	c.span("onBlind.after", p.OnBlind.After, Duration(1e9), 7*day)
}

func (c *checker) lease() {
	l := c.plan.Lease
	if l == nil {
		return
	}
	c.span("lease.warn", l.Warn, 0, 7*day)
	c.span("lease.end", l.End, 0, 30*day)
	c.oneOf("lease.onEnd", string(l.OnEnd), "", string(ActTurnBack), string(ActExpose))
	end, rule := l.End, ""
	if end == 0 {
		end, rule = LeaseFor(c.plan, Stage{Phase: Debug}, 0), ", the least that the rule gives"
	}
	if l.Warn >= end {
		c.wrong("lease.warn", "warn well before the exposure ends", "%s is not before the end, %s%s", l.Warn, end, rule)
	}
	if end < 3*c.plan.Every {
		c.wrong("lease.end", "the lease is renewed at every look; give it many of them",
			"%s leaves no room for three looks, %s apart", end, c.plan.Every)
	}
}

var channelPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$`)

func (c *checker) notify() {
	if !c.atMost("notify", len(c.plan.Notify), maxList) {
		return
	}
	seen := map[string]bool{}
	for i, name := range c.plan.Notify {
		path := fmt.Sprintf("notify[%d]", i)
		switch {
		case strings.Contains(name, "://"):
			c.wrong(path, "name a channel of the worker's configuration; addresses and secrets stay out of plans", "is an address")
		case !channelPattern.MatchString(name):
			c.wrong(path, "use up to 100 letters, digits, '.', '_' and '-'", "%q is not the name of a channel", name)
		case seen[name]:
			c.wrong(path, "name each channel once", "%q is named twice", name)
		}
		seen[name] = true
	}
}

func (c *checker) size() {
	b, err := json.Marshal(c.plan)
	if err != nil { // a number that JSON cannot write has been reported where it stands
		return
	}
	if len(b) > MaxPlanBytes {
		c.wrong("", "split lists of keys into segments", "the plan has %d KiB; %d are the most", len(b)>>10, MaxPlanBytes>>10)
	}
}

// line checks a required name that is written on one line and shown in lists.
func (c *checker) line(path, s, hint string) {
	switch {
	case strings.TrimSpace(s) == "":
		c.wrong(path, hint, "is required")
	case len(s) > maxLabel:
		c.wrong(path, "shorten it; it is shown in lists", "is longer than %d bytes", maxLabel)
	case !printable(s):
		c.wrong(path, "write it on one line, in plain text", "has characters that cannot be shown")
	}
}

// text checks free text.
func (c *checker) text(path, s string) {
	if len(s) > maxText {
		c.wrong(path, "link to a longer text instead", "is longer than %d KiB", maxText>>10)
	} else if !printable(strings.NewReplacer("\n", "", "\t", "").Replace(s)) {
		c.wrong(path, "write plain text", "has characters that cannot be shown")
	}
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// oneOf checks a word. An empty word among the wanted ones means that it may be missing.
func (c *checker) oneOf(path, got string, want ...string) {
	var words []string
	for _, w := range want {
		if got == w {
			return
		}
		if w != "" {
			words = append(words, w)
		}
	}
	hint := "use " + strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	if got == "" {
		c.wrong(path, hint, "is required")
		return
	}
	c.wrong(path, hint, "%.80q is not known here", got)
}

// share checks a percentage of units, and reports whether it is one.
func (c *checker) share(path string, p Percent) bool {
	if p >= 0 && p <= Full {
		return true
	}
	c.wrong(path, "write a number from 0 to 100", "%s is not a share", p)
	return false
}

// span checks a duration.
func (c *checker) span(path string, d, least, most Duration) {
	if d < least {
		c.wrong(path, fmt.Sprintf("use at least %s", least), "%s is too short", d)
	} else if d > most {
		c.wrong(path, fmt.Sprintf("use at most %s", most), "%s is too long", d)
	}
}

func (c *checker) date(path string, d Date) bool {
	if _, err := d.Time(); err != nil {
		c.wrong(path, "write year, month and day: 2027-03-31", "%q is not a day", string(d))
		return false
	}
	return true
}

// atMost bounds a list, and reports whether it is worth a closer look.
func (c *checker) atMost(path string, n, most int) bool {
	if n > most {
		c.wrong(path, "leave some out", "has %d entries; %d are the most", n, most)
	}
	return n <= most
}
