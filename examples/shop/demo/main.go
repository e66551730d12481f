// Command demo shows three launches of the shop's new checkout on real parts: one that
// goes well, through all five phases; one of a build that fails, which a comparison
// with the old checkout finds; and one of a build that harms the database, from which
// both checkouts suffer alike, so that only an absolute bound finds it. It starts
// Temporal, Redis, Prometheus, a worker, a console, the shop and two thousand customers
// on free ports of this machine, and leaves them up until Ctrl-C.
//
//	make demo        # or: go run ./examples/shop/demo
//	make demo CI=1   # ends by itself; exit code 0 if all launches ended as they should
//
// The people of the story act through package starter, as the command line does; the
// command that each of them would have typed is printed with what came of it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/examples/shop"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/devstack"
	"github.com/rampart-dev/rampart/planfile"
)

func main() {
	ci := flag.Bool("ci", false, "end after the last launch, with an exit code")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flagstore.SilenceDriver()
	d := &demo{screen: newScreen(os.Stdout), ci: *ci}
	if err := d.run(ctx); err != nil {
		d.screen.say("")
		d.screen.say("the demo has failed: %v", err)
		if hint := rampart.HintOf(err); hint != "" {
			d.screen.say("    hint: %s", hint)
		}
		os.Exit(1)
	}
}

// walkWithin bounds all launches together. They take three minutes.
const walkWithin = 5 * time.Minute

// A demo is one showing.
type demo struct {
	*parts
	screen *screen
	ci     bool
	plan   rampart.Plan
	source rampart.Source
}

// run shows everything.
func (d *demo) run(ctx context.Context) error {
	programs, err := build(ctx, d.screen)
	if err != nil {
		return err
	}
	plan, file, err := planfile.Read(programs.plan)
	if err != nil {
		return err
	}
	d.plan, d.source = plan, file.Provenance(ctx)
	d.source.File = planPath // as it was typed
	return devstack.Run(ctx, devstack.Options{
		Scrape: time.Second,
		Worker: []string{programs.rampart, "worker"},
		Say:    func(what string) { d.screen.say("%s ...", what) },
	}, func(ctx context.Context, s *devstack.Stack) error {
		if d.parts, err = open(ctx, s, programs); err != nil {
			return err
		}
		defer d.parts.close()
		d.introduce()
		if err := d.walk(ctx); err != nil || d.ci {
			return err
		}
		d.linger()
		<-ctx.Done()
		d.screen.say("stopping ...")
		return nil
	})
}

// walk shows all launches.
func (d *demo) walk(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, walkWithin, fmt.Errorf("the launches took more than %s", walkWithin))
	defer cancel()
	for _, act := range []func(context.Context) error{d.goodBuild, d.badBuild, d.greedyBuild} {
		if err := act(ctx); err != nil {
			if cause := context.Cause(ctx); ctx.Err() != nil && cause != context.Canceled {
				return cause
			}
			return err
		}
	}
	d.screen.say("")
	d.screen.say("All launches ended as they should: one %s, two %s.", rampart.Launched, rampart.TurnedBack)
	return nil
}

func (d *demo) introduce() {
	d.screen.say("")
	d.screen.fields(
		"shop", d.shopURL,
		"as one of the staff", d.shopURL+"/as?user=ann  (leave it open: the new checkout comes and goes by itself)",
		"console", d.consoleURL+"  (which tells open pages what changes, by OFREP)",
		"Temporal UI", d.stack.UI,
		"Prometheus", d.stack.Prometheus,
		"customers", fmt.Sprintf("%d, who click about %d times a second; a day takes %s", customers, clicks, day),
	)
}

// linger says what there is to look at, and to try.
func (d *demo) linger() {
	d.screen.title("Everything is still up")
	d.screen.fields(
		"the shop", d.shopURL+"  (its footer lets you look as another customer)",
		"the console", d.consoleURL+"/ofrep/v1/evaluate/flags",
		"what it exports", d.shopURL+"/metrics",
		"first launch", d.links[0],
		"second launch", d.links[1],
		"third launch", d.links[2],
		"all launches", d.stack.UI+"/namespaces/default/workflows",
		"Prometheus", d.stack.Prometheus,
		"what the worker exports", "http://"+d.stack.Worker+"/metrics",
	)
	d.screen.say("")
	d.screen.say("In another terminal you can launch the new checkout yourself, and break it:")
	d.screen.say("")
	for _, variable := range d.stack.Env() {
		d.screen.say("  export %s", variable)
	}
	d.screen.say("  .cache/demo/rampart start %s --as %s", planPath, mel)
	d.screen.say("  .cache/demo/rampart watch %s", shop.FlagName)
	d.screen.say(`  curl -X PUT %s -d '{"newErrors": 40}'        # or {"newKeeps": "%s"}`, d.faultsURL, kept)
	d.screen.say("  .cache/demo/rampart kill %s --as %s --reason \"I want to see it vanish\"", shop.FlagName, mel)
	d.screen.say("")
	d.screen.say("Ctrl-C stops everything.")
}
