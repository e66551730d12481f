package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// arrival is an approval as it arrived, not yet verified.
type arrival struct {
	approval rampart.Approval
	at       time.Time
	voided   int // how often approvals had been voided then
}

// maxArrivals is how many approvals may wait to be verified: more than there are people
// to give one.
const maxArrivals = 100

// listenForApprovals receives approvals raw, so that one that cannot be read is told
// in the launch's story and holds up nothing.
func (l *launch) listenForApprovals(ctx workflow.Context) {
	ch := workflow.GetSignalChannelWithOptions(ctx, rampart.SignalApprove, workflow.SignalChannelOptions{
		Description: `Consent to enter a phase, while the launch waits for it: {"phase": "debug", "by": "ann@example.com", "group": "product"}`})
	workflow.GoNamed(ctx, rampart.SignalApprove, func(ctx workflow.Context) {
		for {
			var raw converter.RawValue
			if !ch.Receive(ctx, &raw) {
				return
			}
			a, err := readApproval(raw)
			if err != nil {
				l.record(ctx, "", "an approval could not be read (%v) and changes nothing", err)
				continue
			}
			if len(l.inbox) >= maxArrivals {
				l.record(ctx, a.By, "approval of %s does not count: %d others wait to be verified", a.Phase, maxArrivals)
				continue
			}
			l.inbox = append(l.inbox, arrival{approval: a, at: workflow.Now(ctx), voided: l.voided})
			if l.version < 1 {
				l.verifyNext(ctx)
			}
		}
	})
	if l.version < 1 {
		return
	}
	workflow.GoNamed(ctx, "verify approvals", func(ctx workflow.Context) {
		for workflow.Await(ctx, func() bool { return len(l.inbox) > 0 }) == nil {
			l.verifyNext(ctx)
		}
	})
}

func readApproval(raw converter.RawValue) (rampart.Approval, error) {
	var a rampart.Approval
	if err := checkPayload(raw.Payload()); err != nil {
		return a, err
	}
	if err := converter.GetDefaultDataConverter().FromPayload(raw.Payload(), &a); err != nil {
		return a, err
	}
	return a, checkApproval(a)
}

// verifyNext takes the oldest arrival out of the inbox, has its author established,
// and counts it if it counts.
func (l *launch) verifyNext(ctx workflow.Context) {
	got := l.inbox[0]
	defer func() { l.inbox = l.inbox[1:] }()
	if why := l.objection(got.approval); why != "" {
		l.record(ctx, got.approval.By, "approval of %s does not count: %s", got.approval.Phase, why)
		return
	}
	voided := got.voided
	if l.version < 1 {
		voided = l.voided
	}
	var v activities.Verified
	err := workflow.ExecuteActivity(l.writing(ctx, "who approved "+string(got.approval.Phase)), do.VerifyApproval,
		activities.VerifyInput{Flag: l.plan.Flag, Run: l.runID, Approval: got.approval}).Get(ctx, &v)
	if err != nil {
		return // cancelled: the launch is ending
	}
	if v.Refused == "" {
		v.Refused = l.objection(v.Approval) // the launch may have moved on meanwhile
	}
	if v.Refused == "" && l.voided != voided {
		v.Refused = "it was given before the launch was held, or its plan amended; look again and approve anew"
	}
	if v.Refused != "" {
		l.record(ctx, v.Approval.By, "approval of %s does not count: %s", got.approval.Phase, v.Refused)
		return
	}
	v.Approval.At = got.at.UnixMilli()
	l.approved = append(l.approved, v.Approval)
	l.record(ctx, v.Approval.By, "approved %s%s", v.Approval.Phase, after(": ", v.Approval.Note))
}

// objection says why an approval would not count, or "".
func (l *launch) objection(a rampart.Approval) string {
	switch {
	case strings.TrimSpace(a.By) == "":
		return "it does not name its author"
	case l.state.Ended():
		return "the launch has ended"
	case l.asking < 0:
		return fmt.Sprintf("the launch waits for no approval; it stands in %s", l.phase)
	case a.Phase != l.plan.Stages[l.asking].Phase:
		return fmt.Sprintf("the launch waits for an approval of %s", l.plan.Stages[l.asking].Phase)
	case a.By == l.startedBy:
		return fmt.Sprintf("%s started the launch; somebody else must approve", a.By)
	case l.missing() == "":
		return fmt.Sprintf("%s has all the consent that it needs", a.Phase)
	case l.mismatch != "":
		return "the sample ratio does not match (" + l.mismatch + "); somebody is to look into it and acknowledge it first"
	case l.amenders[a.By]:
		return fmt.Sprintf("%s amended the plan; somebody else must approve", a.By)
	case a.Revision > 0 && a.Revision != 1+l.revised:
		return fmt.Sprintf("it is for revision %d of the plan; the launch walks revision %d", a.Revision, 1+l.revised)
	}
	counting := l.counting(a.Phase)
	if slices.ContainsFunc(counting, func(x rampart.Approval) bool { return x.By == a.By }) {
		return a.By + " has approved already"
	}
	if need := l.plan.Stages[l.asking].Approvals; len(need.Groups) > 0 {
		return objectionOfGroup(need, counting, a)
	}
	return ""
}

// objectionOfGroup is that to an approval where each group is to be heard. Whoever is
// needed besides may be of any group, or of none.
func objectionOfGroup(need *rampart.Approvals, counting []rampart.Approval, a rampart.Approval) string {
	groups, heard := need.Groups, map[string]bool{}
	for _, x := range counting {
		if slices.Contains(groups, x.Group) {
			heard[x.Group] = true
		}
	}
	first := slices.Contains(groups, a.Group) && !heard[a.Group]
	if besides := len(counting) - len(heard); first || besides < need.Needed()-len(groups) {
		return ""
	}
	switch {
	case a.Group == "":
		return "it does not say for which group: " + strings.Join(groups, ", ")
	case !slices.Contains(groups, a.Group):
		return fmt.Sprintf("%s is not one of the groups: %s", a.Group, strings.Join(groups, ", "))
	case slices.ContainsFunc(counting, func(x rampart.Approval) bool { return x.Group == a.Group }):
		return a.Group + " has approved already"
	}
	return ""
}

func (l *launch) counting(phase rampart.Phase) []rampart.Approval {
	var out []rampart.Approval
	for _, a := range l.approved {
		if a.Phase == phase {
			out = append(out, a)
		}
	}
	return out
}

func (l *launch) voidApprovals(phase rampart.Phase) {
	l.voided++
	l.approved = slices.DeleteFunc(l.approved, func(a rampart.Approval) bool { return a.Phase == phase })
}

// missing says in words whose consent the stage that is asked for still needs. After
// an amendment that may be one person of each group, and more people besides.
func (l *launch) missing() string {
	if l.asking < 0 {
		return ""
	}
	need := l.plan.Stages[l.asking].Approvals
	if need == nil {
		return ""
	}
	counting := l.counting(l.plan.Stages[l.asking].Phase)
	open := slices.DeleteFunc(slices.Clone(need.Groups), func(g string) bool {
		return slices.ContainsFunc(counting, func(a rampart.Approval) bool { return a.Group == g })
	})
	if n := need.Needed() - len(counting) - len(open); n > 0 {
		open = append(open, people(n, len(need.Groups) > 0))
	}
	return strings.Join(open, ", ")
}

func people(n int, more bool) string {
	switch {
	case n == 1 && more:
		return "1 more person"
	case n == 1:
		return "1 person"
	case more:
		return fmt.Sprintf("%d more people", n)
	}
	return fmt.Sprintf("%d people", n)
}

// mayReview refuses the dry run of an approval that would not count. Refusals leave
// nothing in history, so whoever asks again and again fills none.
func (l *launch) mayReview(a rampart.Approval) error {
	if err := checkApproval(a); err != nil {
		return fmt.Errorf("the approval would not count: %w", err)
	}
	if why := l.objection(a); why != "" {
		return fmt.Errorf("the approval would not count: %s", why)
	}
	return nil
}

// review is the dry run of an approval.
func (l *launch) review(a rampart.Approval) rampart.Review {
	r := rampart.Review{Have: len(l.counting(a.Phase)), Tick: l.memory.Tick, Plan: 1 + l.revised, Decision: l.decision}
	if l.asking >= 0 {
		r.Need = l.plan.Stages[l.asking].Approvals.Needed()
	}
	if l.memory.Tick > 0 {
		v := l.memory.Verdict
		r.Verdict = &v
	}
	return r
}

func after(sep, s string) string {
	if s == "" {
		return ""
	}
	return sep + s
}
