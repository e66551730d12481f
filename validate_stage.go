package rampart

import (
	"fmt"
	"slices"
	"strings"
)

func (c *checker) stages() {
	stages := c.plan.Stages
	c.order()
	c.profile()
	reached, included := Percent(0), []Rule(nil)
	var before *Stage // the last stage that exposed a share
	for i := range stages {
		s, path := stages[i], fmt.Sprintf("stages[%d]", i)
		included = slices.Concat(included, s.Include) // they stay on until a turning back
		c.rules(path+".include", s.Include, included)
		if c.rules(path+".where", s.Where, s.Where) && before != nil && s.highest() > 0 && !widens(before.Where, s.Where) {
			c.wrong(path+".where", "repeat the rules of the earlier stage and add to them, or leave where out",
				"leaves out units that %s may have exposed", before.Phase)
		}
		if s.highest() > 0 {
			before = &stages[i]
		}
		reached = c.steps(path, s, reached, len(included) > 0)
		c.gates(path+".gates", s.Gates)
		c.sharedResources(path, s)
		c.approvals(path+".approvals", s.Approvals)
		c.policy(path+".onBreach", s.OnBreach)
		c.extend(path+".extend", s)
		c.recommend(path+".recommend", s)
		c.objectives(path, s)
	}
	c.budget()
}

// order sees to it that the stages are phases, each at most once, in their order.
func (c *checker) order() {
	last, unknown, seen := -1, false, map[Phase]bool{}
	for i, s := range c.plan.Stages {
		path, at := fmt.Sprintf("stages[%d].phase", i), s.Phase.Index()
		switch {
		case at < 0:
			c.oneOf(path, string(s.Phase), phaseNames()...)
			unknown = true
			continue
		case seen[s.Phase]:
			c.wrong(path, "give one stage several steps", "%s is repeated", s.Phase)
		case at < last:
			c.wrong(path, "the order is "+strings.Join(phaseNames(), ", "), "%s comes before %s", s.Phase, Phases[last])
		}
		seen[s.Phase] = true
		last = max(last, at)
	}
	var skipped []string
	for _, phase := range Phases {
		if !seen[phase] {
			skipped = append(skipped, string(phase))
		}
	}
	if len(skipped) > 0 && !unknown && c.plan.Profile != Express {
		c.warn("stages", "each phase finds what the others cannot; leave one out on purpose only", "skip %s", strings.Join(skipped, ", "))
	}
}

func phaseNames() []string {
	var names []string
	for _, p := range Phases {
		names = append(names, string(p))
	}
	return names
}

// profile sees to it that a plan which says express is express.
func (c *checker) profile() {
	if c.plan.Profile != Express {
		return
	}
	s := c.plan.Stages
	if len(s) != 1 || s[0].Phase != MaxPowerRamp || len(s[0].Steps) != 1 || s[0].Steps[0].Percent != Full {
		c.wrong("stages", "leave stages out, or leave profile out",
			"are not those of profile express, which is one step of %s at 100 %%", MaxPowerRamp)
	}
}

// steps checks the steps of one stage and returns the exposure reached. Included
// says that rules have put somebody on by now.
func (c *checker) steps(path string, s Stage, reached Percent, included bool) Percent {
	gates := c.plan.GatesOf(s)
	for j, st := range s.Steps {
		at := fmt.Sprintf("%s.steps[%d]", path, j)
		if c.share(at+".percent", st.Percent) {
			if st.Percent < reached {
				c.wrong(at+".percent", "exposure may only rise along a plan", "%s is below the %s reached before", st.Percent, reached)
			}
			reached = max(reached, st.Percent)
			c.offTable(at+".percent", s, st)
		}
		exposes := st.Percent > 0 || included
		c.hold(at+".hold", s, j, exposes)
		if !exposes {
			c.warn(at, "expose a percentage, or include a segment", "exposes nobody")
		} else if !c.asked(gates, st.Percent) {
			c.wrong(at, "add a threshold, an objective or a probe", "%s", noGate(st.Percent))
		}
	}
	return reached
}

// asked reports whether any of the gates can be asked while the on arm has the
// share: those that compare need units in both arms. A gate whose kind is wrong has
// been reported, and gets the benefit of the doubt.
func (c *checker) asked(gates []Gate, share Percent) bool {
	return slices.ContainsFunc(gates, func(g Gate) bool {
		return !g.Compares() || share > 0 && share < Full
	})
}

func noGate(share Percent) string {
	if share == 0 {
		return "exposes somebody without a gate that can be asked: with an empty on arm, gates that compare are not"
	}
	return "exposes everybody without a gate that can be asked: with an empty off arm, gates that compare are not"
}

func (c *checker) hold(path string, s Stage, j int, exposes bool) {
	hold := s.Steps[j].Hold
	if hold == 0 && exposes {
		c.wrong(path, "hold it long enough to see harm; the table's hold is "+tableHold(s.Phase).String(), "is required where somebody is exposed")
		return
	}
	c.span(path, hold, 0, MaxDuration)
	if hold > 0 && hold < 3*c.plan.Every {
		c.warn(path, "gates want at least three looks; hold longer, or lower every", "%s is short of three looks, %s apart", hold, c.plan.Every)
	}
	if c.plan.Profile != Express && s.Phase.Index() >= 0 {
		c.shortHold(path, s, j)
	}
}

// shortHold warns where a stage holds less than the table: each step of debug, and
// the steps of the other phases together, said at the last of them.
func (c *checker) shortHold(path string, s Stage, j int) {
	total := Duration(s.Hold())
	if s.Phase == Debug {
		total = s.Steps[j].Hold
	} else if j < len(s.Steps)-1 {
		return
	}
	least := tableHold(s.Phase)
	if s.Phase == MaxPowerRamp && total >= least && total%(7*day) != 0 {
		c.warn(path, "traffic differs by weekday; use 7d, 14d, ..., or accept the warning", "%s is not whole weeks", total)
	}
	if total >= least {
		return
	}
	why := map[Phase]string{
		TestInProduction: "people need time to try it; use 2d and end it early by advance, or accept the warning",
		Debug:            "traffic differs by hour; use 1d, or accept the warning",
		MaxPowerRamp:     "traffic differs by weekday; use 7d, or accept the warning",
		Scalability:      "hold it over the daily peak; use 1d, or accept the warning",
		Learning:         "long-term effects need long holds; use 30d, or accept the warning",
	}
	long := map[Duration]string{day: "a day", 7 * day: "a week"}[least]
	if long == "" {
		long = fmt.Sprintf("%d days", least/day)
	}
	c.warn(path, why[s.Phase], "%s is short of %s", total, long)
}

// tableHold returns how long the table of phases holds a step of debug, or all
// steps of another phase.
func tableHold(phase Phase) Duration {
	if steps := standardSteps(phase); len(steps) > 0 {
		return steps[0].Hold
	}
	return day
}

func (c *checker) offTable(path string, s Stage, st Step) {
	if c.plan.Profile == Express || s.Phase.Index() < 0 {
		return
	}
	table := standardSteps(s.Phase)
	most := table[len(table)-1].Percent
	if s.Phase == Debug && st.Percent <= most {
		return // a finer ramp below its highest exposure is still the table's
	}
	if s.Phase != Debug && st.Percent == most {
		return
	}
	is := map[Phase]string{TestInProduction: "nobody by percentage", Debug: "up to 10 %"}[s.Phase]
	if is == "" {
		is = most.String()
	}
	c.warn(path, "accept the warning if you mean it", "%s is off the table: %s exposes %s", st.Percent, s.Phase, is)
}

// sharedResources sees to it that damage to what both arms share can be seen in
// the phase that exists to find it: both arms get worse together, so gates that
// compare cannot see it.
func (c *checker) sharedResources(path string, s Stage) {
	if s.Phase != Scalability {
		return
	}
	sees := func(g Gate) bool { return !g.Compares() && g.Kind() != KindProbe }
	if !slices.ContainsFunc(c.plan.GatesOf(s), sees) {
		c.wrong(path, "add a threshold, trend, objective or baseline gate on what the arms share, such as the database",
			"scalability has no gate that can see damage to shared resources: gates that compare cannot")
	}
}

var maxPeople = 20

func (c *checker) approvals(path string, a *Approvals) {
	if a == nil {
		return
	}
	if a.Count < 0 || a.Count > maxPeople {
		c.wrong(path+".count", fmt.Sprintf("use a number from 0 to %d", maxPeople), "%d is not a number of people", a.Count)
	}
	if a.Count > 0 && len(a.Groups) > 0 {
		c.wrong(path, "leave count out: one person of each group is needed", "has both a count and groups")
	}
	c.span(path+".expire", a.Expire, 0, 90*day)
	if !c.atMost(path+".groups", len(a.Groups), maxList) {
		return
	}
	for k, g := range a.Groups {
		at := fmt.Sprintf("%s.groups[%d]", path, k)
		if err := CheckName("a group", g); err != nil {
			c.because(at, err)
		} else if slices.Contains(a.Groups[:k], g) {
			c.wrong(at, "name each group once; nobody approves twice", "%q is named twice", g)
		}
	}
}

func (c *checker) extend(path string, s Stage) {
	e := s.Extend
	if e == nil {
		return
	}
	c.span(path+".by", e.By, Duration(1e9), MaxDuration)
	c.span(path+".upTo", e.UpTo, Duration(1e9), MaxDuration)
	if e.UpTo > 0 && e.UpTo < Duration(s.Hold()) {
		c.wrong(path+".upTo", "say how long the stage may last in all", "%s is less than the stage holds anyway, %s", e.UpTo, Duration(s.Hold()))
	}
	if s.Phase != MaxPowerRamp {
		return
	}
	for _, x := range []struct {
		key string
		d   Duration
	}{{"by", e.By}, {"upTo", e.UpTo}} {
		if x.d > 0 && x.d%(7*day) != 0 {
			c.wrong(path+"."+x.key, "traffic differs by weekday; use 7d, 14d, ...", "%s is not whole weeks", x.d)
		}
	}
}

// recommend sees to it that the recommender has something to choose from, and something
// to choose by.
func (c *checker) recommend(path string, s Stage) {
	switch {
	case !s.Recommend:
	case len(s.Steps) < 2:
		c.warn(path, "write the steps that it may choose from: 1, 2, 5, 10", "has nothing to choose from: %s has one step", s.Phase)
	case !slices.ContainsFunc(c.plan.GatesOf(s), Gate.Compares):
		c.wrong(path, "add a gate that compares the arms, such as a ratio", "has nothing to go by: no gate of %s compares the arms", s.Phase)
	}
}

func (c *checker) objectives(path string, s Stage) {
	c.atMost(path+".objectives", len(s.Objectives), maxList)
	for k, o := range s.Objectives {
		at := fmt.Sprintf("%s.objectives[%d]", path, k)
		if strings.TrimSpace(o) == "" {
			c.wrong(at, "say it in a sentence, or leave it out", "is empty")
		}
		c.text(at, o)
	}
	if s.Phase == Learning && len(s.Objectives) == 0 {
		c.warn(path+".objectives", "say what a month shows that a week cannot", "is missing: learning without a question")
	}
}
