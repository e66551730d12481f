package main

import (
	"context"
	"errors"
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
// 5 % of the customers have it. The gate that compares finds it.
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
		d.screen.note("now two in five requests of the new checkout fail")
		return d.inject(ctx, shop.Trouble{NewErrors: 4000})
	})
	if err != nil {
		return err
	}
	if err := turnedBackBy("errors", rampart.Debug, end); err != nil {
		return fmt.Errorf("the second launch %w", err)
	}
	return d.heal(ctx)
}

// kept is how long the greedy build keeps a connection that it has no use for. The
// database has twenty. Where half of the 500 requests a second keep one for so long, 16
// or 17 are in use; where three quarters do, 25 would have to be.
const kept = rampart.Duration(66 * time.Millisecond)

// greedyBuild is the third act: a build that fails no more often and is no slower than
// the old checkout, and takes from both of them what they share.
func (d *demo) greedyBuild(ctx context.Context) error {
	d.screen.title("Third launch: a build that harms what both checkouts share")
	d.screen.note("it gives its connections to the database back too late; it has nothing of that, and is no slower")
	if err := d.inject(ctx, shop.Trouble{NewKeeps: kept}); err != nil {
		return err
	}
	var raised load.Seen
	var last rampart.Progress
	end, err := d.launch(ctx, func(p rampart.Progress) error {
		if p.Exposure > 5000 && last.Exposure <= 5000 {
			raised = d.load.Seen()
		}
		last = p
		return nil
	})
	if err != nil {
		return err
	}
	if err := turnedBackBy("database", rampart.Scalability, end); err != nil {
		return fmt.Errorf("the third launch %w", err)
	}
	return errors.Join(d.blindSpot(last, end.Receipt.Highest, load.Since(raised, d.load.Seen())), d.heal(ctx))
}

// blindSpot tells what the comparison of the checkouts saw of the harm that was turned
// back: nothing, because both had it.
func (d *demo) blindSpot(last rampart.Progress, highest rampart.Percent, seen load.Seen) error {
	d.screen.say("")
	d.screen.say("Since the raise to %s an answer took %s of the old checkout and %s of the new one.", highest,
		seen.ByVersion[shop.ThreeStep].Mean().Round(time.Millisecond), seen.ByVersion[shop.OnePage].Mean().Round(time.Millisecond))
	for _, g := range last.Verdict.Gates {
		if g.Gate != "errors" {
			continue
		}
		if g.Word == rampart.Breach {
			return fmt.Errorf("the errors of both should have been alike, and were found to differ: %s", g.Reason)
		}
		d.screen.say("The gate that compares them had nothing to say: %s.", g.Reason)
	}
	return nil
}

// turnedBackBy returns an error where the launch has not been turned back by a breach of
// that gate in that phase.
func turnedBackBy(gate string, phase rampart.Phase, end rampart.Outcome) error {
	if end.State == rampart.TurnedBack && end.Cause == rampart.CauseBreach && end.Phase == phase && end.Receipt.Gate == gate {
		return nil
	}
	return fmt.Errorf("should have been turned back in %s by %s, and ended %s in %s (%s %s): %s",
		phase, gate, end.State, end.Phase, end.Cause, end.Receipt.Gate, end.Reason)
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
