package worker

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
)

const (
	sweepsBetween = 12              // two looks whether the sweep is there: a minute, by default
	sweepRetry    = 5 * time.Second // where Temporal does not answer
)

// maxSkew is how far this machine's clock may be from those of Temporal and the store:
// far more than clocks that are kept by NTP are apart, and no more than a tick.
const maxSkew = 5 * time.Second

// pages returns the channels that hear of what the sweep does and must not do: those
// that are named for it, or else all, because somebody must.
func (p *process) pages() []string {
	if p.config.Page == "" {
		return p.channels.Names()
	}
	var names []string
	for name := range strings.SplitSeq(p.config.Page, ",") {
		names = append(names, strings.TrimSpace(name))
	}
	return names
}

// checkPages refuses a channel that is not there: nobody would notice before it is
// needed.
func (p *process) checkPages() error {
	for _, name := range p.pages() {
		if !slices.Contains(p.channels.Names(), name) {
			return rampart.Errorf(rampart.Invalid, "--page names the channel %q, which this worker does not know", name).
				WithHint("name it with --notify or --notify-file; it knows %q", p.channels.Names())
		}
	}
	return nil
}

// keepSweeping sees to it that the environment's sweep is running, should somebody
// have ended it, and that Temporal is still the one that the store belongs to.
func (p *process) keepSweeping(ctx context.Context, namespace string) {
	for {
		pause := sweepsBetween * p.config.SweepEvery
		err := p.same(ctx, namespace)
		if kind := rampart.KindOf(err); kind == rampart.NotFound || kind == rampart.Refused {
			p.fail(err)
			return
		}
		if err == nil {
			err = p.starter.Sweep(ctx, p.config.SweepEvery)
		}
		if err == nil {
			err = p.starter.Hasten(ctx, p.config.SweepEvery)
		}
		if err != nil && ctx.Err() == nil {
			p.log.Warn("the sweep cannot be started, or hastened", zap.Error(err))
			pause = min(pause, sweepRetry)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// same refuses a Temporal that was replaced: it knows nothing of the launches whose
// flags are in the store, so the worker must not go on as if it did.
func (p *process) same(ctx context.Context, namespace string) error {
	id, err := p.starter.NamespaceID(ctx)
	if err == nil && id != namespace {
		return rampart.Errorf(rampart.Refused, "Temporal at %s was replaced: namespace %s has another id than at the start", p.starter.Address, p.starter.Space).
			WithHint("bring the former Temporal back, or use another Redis for this one")
	}
	return err
}
