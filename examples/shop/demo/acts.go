package main

import (
	"context"
	"fmt"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/examples/shop"
	"github.com/rampart-dev/rampart/examples/shop/load"
	"github.com/rampart-dev/rampart/starter"
)

// The people of the story. Who starts a launch does not approve it.
const (
	mel = "mel@example.com" // releases
	ann = "ann@example.com" // product
	bo  = "bo@example.com"  // engineering
)

// approvers are who consents to a phase.
var approvers = map[rampart.Phase]string{rampart.MaxPowerRamp: ann, rampart.Scalability: bo}

// goodBuild is the first act: nothing is wrong with the new checkout.
func (d *demo) goodBuild(ctx context.Context) error {
	d.screen.title("First launch: a good build")
	end, err := d.launch(ctx, func(rampart.Progress) error { return nil })
	if err != nil {
		return err
	}
	if end.State != rampart.Launched {
		return fmt.Errorf("the first launch should have ended %s, and ended %s: %s", rampart.Launched, end.State, end.Reason)
	}
	return nil
}

// badBuild is the second act: the same checkout once more, with a bug that shows when
// 5 % of the customers have it.
func (d *demo) badBuild(ctx context.Context) error {
	d.screen.title("Second launch: a build with a bug")
	reason := "a new build is launched again from the start"
	d.screen.command(`rampart flag disable %s --as %s --reason "%s"`, shop.FlagName, mel, reason)
	if _, err := d.stack.Starter().Disable(ctx, shop.FlagName, rampart.Ask{By: mel, Reason: reason}); err != nil {
		return err
	}
	injected := false
	end, err := d.launch(ctx, func(p rampart.Progress) error {
		if injected || p.Exposure < 500 || p.Held.D() < 2*time.Second {
			return nil
		}
		injected = true
		command, err := d.inject(ctx, shop.Trouble{NewErrors: 4000})
		d.screen.note("now two in five requests of the new checkout fail")
		d.screen.command("%s", command)
		return err
	})
	if err != nil {
		return err
	}
	if end.State != rampart.TurnedBack || end.Cause != rampart.CauseBreach {
		return fmt.Errorf("the second launch should have been turned back by a breach, and ended %s (%s): %s", end.State, end.Cause, end.Reason)
	}
	return d.heal(ctx)
}

// launch walks the plan once, and tells of it as it goes.
func (d *demo) launch(ctx context.Context, each func(rampart.Progress) error) (rampart.Outcome, error) {
	before := d.load.Seen()
	d.screen.command("rampart start %s --as %s", planPath, mel)
	started, err := d.stack.Starter().Start(ctx, starter.Launching{Plan: d.plan, Source: d.source, By: mel})
	if err != nil {
		return rampart.Outcome{}, err
	}
	d.links = append(d.links, started.URL)
	d.screen.note("in Temporal UI: %s", started.URL)
	if err := d.follow(ctx, each); err != nil {
		return rampart.Outcome{}, err
	}
	end, err := d.stack.Starter().Wait(ctx, shop.FlagName)
	if err != nil {
		return end, err
	}
	d.receipt(end, load.Since(before, d.load.Seen()))
	return end, nil
}

// follow shows the launch until it has ended. Each is called at every look.
func (d *demo) follow(ctx context.Context, each func(rampart.Progress) error) error {
	told, approved := 0, map[rampart.Phase]bool{}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := d.stack.Starter().Progress(ctx, shop.FlagName)
		if err != nil {
			return err
		}
		for _, c := range p.Story[min(told, len(p.Story)):] {
			if p.Outcome == nil || c.Text != p.Outcome.Receipt.Text { // which is told apart
				d.screen.chapter(c)
			}
		}
		told = len(p.Story)
		if p.State.Ended() {
			return nil
		}
		d.screen.standing(p)
		if p.State == rampart.Held {
			return fmt.Errorf("the launch is held, which is not in the script: %s", p.Note)
		}
		if err := each(p); err != nil {
			return err
		}
		if phase := p.Asking; phase != "" && !approved[phase] {
			approved[phase] = true
			if err := d.approve(ctx, phase, p); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// approve consents to a phase in the name of whoever is asked, on what the launch
// has shown so far.
func (d *demo) approve(ctx context.Context, phase rampart.Phase, p rampart.Progress) error {
	who := approvers[phase]
	d.screen.note("%s looks at the evidence (%s) and approves:", who, evidenceOf(p))
	d.screen.command("rampart approve %s %s --as %s", shop.FlagName, phase, who)
	consent, err := d.stack.Starter().Approve(ctx, shop.FlagName, rampart.Approval{Phase: phase, By: who, Note: "looks well"})
	if err != nil {
		return err
	}
	d.screen.note("approved; %d of %d", consent.Have, consent.Need)
	return nil
}

// receipt tells how the launch ended, and what the customers saw of it.
func (d *demo) receipt(end rampart.Outcome, seen load.Seen) {
	d.screen.say("")
	d.screen.heading("Receipt: " + end.Receipt.Text)
	d.screen.say("")
	d.screen.say("What the customers saw meanwhile:")
	for _, version := range []string{shop.ThreeStep, shop.OnePage} {
		saw := seen.ByVersion[version]
		d.screen.say("  %-11s %6d clicks, %4d failed (%.1f %%), %5d orders", version, saw.Clicks, saw.Failed, percent(saw), saw.Orders)
	}
	if lost := seen.ByVersion[""].Clicks + seen.Missed; lost > 0 {
		d.screen.say("  %-11s %6d clicks", "no answer", lost)
	}
}

func percent(s load.Saw) float64 {
	if s.Clicks == 0 {
		return 0
	}
	return 100 * float64(s.Failed) / float64(s.Clicks)
}
