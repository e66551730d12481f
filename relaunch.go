package rampart

import "slices"

// Relaunch returns the plan of a launch that begins with a later phase than the first,
// because the launch before got there. The phase needs its approvals, and at least one:
// nobody walks up to it this time. Last is how the launch before ended; nil where there
// was none.
func (p Plan) Relaunch(from Phase, last *Outcome) (Plan, error) {
	at := slices.IndexFunc(p.Stages, func(s Stage) bool { return s.Phase == from })
	switch {
	case at < 0:
		return p, Errorf(Invalid, "the plan has no stage %q to begin with", from).WithHint("leave --from out, or name a phase of the plan")
	case last == nil || last.Receipt.FirstExposed == 0 && last.Cause != CauseSwept: // of one that was swept nobody knows when
		return p, Errorf(Refused, "%s was not exposed by a launch yet, so there is nothing to go on from", p.Flag).WithHint("start it without --from")
	case last.State == Launched:
		return p, Errorf(Refused, "%s was launched to its end", p.Flag).WithHint("start it without --from")
	case from.Index() > last.Phase.Index():
		return p, Errorf(Refused, "the launch before ended in %s, before %s", last.Phase, from).WithHint("begin with %s, or an earlier phase", last.Phase)
	case last.Cause != CauseSwept && last.Receipt.Highest < p.before(at): // it may have entered a stage and exposed nobody
		return p, Errorf(Refused, "the launch before exposed no more than %s, and %s begins after %s", last.Receipt.Highest, from, p.before(at)).
			WithHint("begin with an earlier phase")
	}
	p.Stages = slices.Clone(p.Stages)
	p.Stages[at].Approvals = stricter(p.Stages[at].Approvals, &Approvals{Count: 1})
	return p, nil
}

// before returns the highest share that the stages before one expose.
func (p Plan) before(stage int) Percent {
	var most Percent
	for _, s := range p.Stages[:stage] {
		most = max(most, s.highest())
	}
	return most
}
