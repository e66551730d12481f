package workflows_test

import (
	"context"
	"fmt"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// deedNames are what people, and the world, may do to a launch.
var deedNames = []string{
	"pause", "resume", "advance", "approve", "reject", "garbage", "lost", "kill", "kill by hand", "turn back", "cancel", "amend", "amend", "amend",
	"edit", "lease ends", "remember", "failover", "flush",
	"mismatch", "acknowledge",
}

// schedule has everything done at its time.
func (x *telling) schedule() {
	for _, d := range x.story.deeds {
		if d.midAir == "" {
			x.RegisterDelayedCallback(func() { x.do(d) }, d.at)
		}
	}
	look := x.attend()
	for age := 11 * time.Second; age < evening; age += 30 * time.Second {
		x.RegisterDelayedCallback(look, age)
	}
	for i := range 12 { // one may not be enough: the store may be away, or lose it
		x.RegisterDelayedCallback(func() { x.update(rampart.UpdateTurnBack, rampart.Ask{By: "night shift"}, x.law.turnsBack) }, evening+time.Duration(i)*tick)
	}
}

// midAir does what is to be done during an attempt, when the world has changed and
// the launch does not know it yet.
func (x *telling) midAir(activity string, n int) {
	for _, d := range x.story.deeds {
		if d.midAir == activity && d.nth == n {
			x.do(d)
		}
	}
}

func (x *telling) do(d deed) {
	who := []string{"bo", "cy", "dee"}[d.detail%3]
	phases := x.story.plan.Stages
	phase := phases[d.detail%len(phases)].Phase
	x.law.says("%s: %s (%d)", who, d.what, d.detail)
	switch d.what {
	case "pause":
		x.update(rampart.UpdatePause, rampart.Ask{By: who}, x.law.pausesNow)
	case "resume":
		x.update(rampart.UpdateResume, rampart.Ask{By: who}, x.law.resumes)
	case "advance":
		x.law.wishesToAdvance()
		x.update(rampart.UpdateAdvance, rampart.Ask{By: who, AcceptUndecided: d.detail > 8, Reason: "quiet"}, nil)
	case "approve":
		x.approve(rampart.Approval{Phase: phase, By: who, Group: []string{"product", "engineering", ""}[d.detail%3]})
	case "reject":
		then := x.law.rejects
		if d.detail%2 == 0 {
			then = x.law.holds
		}
		x.update(rampart.UpdateReject, rampart.Ask{By: who, Phase: phase, Hold: d.detail%2 == 0}, then)
	case "garbage":
		x.SignalWorkflow([]string{rampart.SignalApprove, rampart.SignalLost}[d.detail%2], []any{42, nil, []string{"x"}, map[string]any{"phase": 7}}[d.detail%4])
	case "lost":
		x.SignalWorkflow(rampart.SignalLost, "somebody says so")
	case "kill":
		x.kill(d, who)
	case "kill by hand":
		x.SignalWorkflow(rampart.SignalKill, []any{nil, "stop", 42, []int{1}, map[string]any{"killed": "yes"}, rampart.Kill{Killed: true, By: who}}[d.detail%6])
		x.then(x.law.isKilled)
	case "turn back":
		x.update(rampart.UpdateTurnBack, rampart.Ask{By: who}, x.law.turnsBack)
	case "amend":
		x.amend(d, who)
	case "mismatch":
		x.skewed.Store(true)
	case "acknowledge":
		x.update(rampart.UpdateAcknowledge, rampart.Ask{By: who, Reason: "crawlers"}, x.law.acknowledges)
	case "cancel":
		x.CancelWorkflow()
		x.then(x.law.isCancelled)
	default:
		x.law.sees(func() { x.meddle(d) })
	}
}

// then does something once the launch has taken in what was sent before.
func (x *telling) then(do func()) { x.RegisterDelayedCallback(do, 0) }

// kill kills as the command line does: the register first, then the launch is told,
// which may fail.
func (x *telling) kill(d deed, who string) {
	var killed flagstore.Killed
	var err error
	x.law.sees(func() { killed, err = x.people.Kill(context.Background(), x.story.plan.Flag, who, "enough") })
	if err == nil { // unless the store has lost the flag
		x.law.hasKilled()
	}
	if err == nil && d.detail%3 > 0 {
		x.SignalWorkflow(rampart.SignalKill, killed.Kill)
		x.then(x.law.isKilled)
	}
}

func (x *telling) approve(a rampart.Approval) {
	x.law.approves(a)
	x.SignalWorkflow(rampart.SignalApprove, a)
}

// meddle does what no part of the product does. The law sees it before anything else
// is written.
func (x *telling) meddle(d deed) {
	ctx, name := context.Background(), x.story.plan.Flag
	switch d.what {
	case "remember":
		x.dump = x.snapshot(ctx)
	case "edit":
		if e, err := x.people.Get(ctx, name); err == nil {
			e.Flag.Exposure = rampart.Percent(d.detail * 900)
			must(x.redis.HSet(ctx, keyOf("state"), "f:"+name, fmt.Sprintf("%d %s", e.Flag.Version, encoded(e.Flag))).Err())
		}
	case "lease ends":
		if version, _ := versioned(x.redis.HGet(ctx, keyOf("leases"), name).Val()); version > 0 {
			must(x.redis.HSet(ctx, keyOf("leases"), name, fmt.Sprintf("%d 1", version)).Err())
		}
	case "flush":
		x.lose(ctx, d, nil)
	case "failover":
		if x.dump != nil {
			x.lose(ctx, d, x.dump)
		}
	}
}

func keyOf(name string) string { return "rampart:{" + env + "}:" + name }

func (x *telling) snapshot(ctx context.Context) map[string]string {
	keys, err := x.redis.Keys(ctx, "*").Result()
	must(err)
	dump := map[string]string{}
	for _, k := range keys {
		v, err := x.redis.Dump(ctx, k).Result()
		must(err)
		dump[k] = v
	}
	return dump
}

// lose puts the store back to what it was, or to nothing. The sweep finds that within a
// minute, and may tell the launch.
func (x *telling) lose(ctx context.Context, d deed, dump map[string]string) {
	must(x.redis.FlushDB(ctx).Err())
	for key, value := range dump {
		must(x.redis.Restore(ctx, key, 0, value).Err())
	}
	x.law.kept, x.lost = 0, true
	x.RegisterDelayedCallback(func() {
		must(x.people.Setup(ctx, "namespace-id"))
		if d.detail%2 == 0 {
			x.SignalWorkflow(rampart.SignalLost, "the store was emptied")
		}
	}, 40*time.Second)
}

// attend has people look at the launch now and then: they approve what it asks for,
// and resume what stands still.
func (x *telling) attend() func() {
	var asked rampart.Phase
	var since, stands time.Duration
	sent := map[int]int{}
	return func() {
		var p struct {
			Asking   rampart.Phase
			State    rampart.State
			Mismatch string
		}
		v, err := x.QueryWorkflow(rampart.QueryProgress)
		must(err)
		must(v.Get(&p))
		x.law.mismatches(p.Mismatch != "" && !p.State.Ended(), p.State == rampart.TurningBack || p.State.Ended())
		if p.Asking != asked {
			asked, since, sent = p.Asking, x.age(), map[int]int{}
		}
		for i, a := range x.story.approvers {
			if asked != "" && sent[i] < a.times && x.age()-since >= a.after {
				sent[i]++
				x.approveAs(a, asked)
			}
		}
		switch {
		case x.story.caretaker == 0 || p.State != rampart.Paused && p.State != rampart.Held:
			stands = 0
		case stands == 0:
			stands = x.age()
		case x.age()-stands >= x.story.caretaker:
			stands = 0
			x.update(rampart.UpdateAcknowledge, rampart.Ask{By: "caretaker", Reason: "crawlers"}, x.law.acknowledges)
			x.update(rampart.UpdateResume, rampart.Ask{By: "caretaker"}, x.law.resumes)
		}
	}
}

func (x *telling) approveAs(a approver, phase rampart.Phase) {
	if a.another {
		phase = x.story.plan.Stages[0].Phase
	}
	x.approve(rampart.Approval{Phase: phase, By: a.by, Group: a.group})
}

// update asks for something, and has the law told if it is done.
func (x *telling) update(name string, a rampart.Ask, done func()) {
	x.UpdateWorkflow(name, "", &wish{done: done}, a)
}

type wish struct{ done func() }

func (w *wish) Accept()      {}
func (w *wish) Reject(error) {}
func (w *wish) Complete(_ any, err error) {
	if err == nil && w.done != nil {
		w.done()
	}
}
