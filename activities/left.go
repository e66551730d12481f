package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// Launches is how the sweep learns of launches that are gone, and has their flags
// turned back.
type Launches interface {
	// Running lists the launches that Temporal's index has as running. It may lag.
	Running(ctx context.Context) (map[string]bool, error)
	// Standing says how a workflow stands, from its own record.
	Standing(ctx context.Context, workflowID string) (Standing, error)
	// Sweep has a flag's own workflow take the flag back and turn it back.
	Sweep(ctx context.Context, flag string, in rampart.Sweeping) error
	// Allowance returns what a person has allowed the sweep last; the zero value if nothing.
	Allowance(ctx context.Context) (rampart.Allowance, error)
}

// A Standing is how Temporal says that a workflow stands.
type Standing struct {
	Running bool
	Missing bool   // Temporal does not know it: its record is past retention, or was never there
	Status  string // in words, of one that is closed: terminated, timed out ...
}

const (
	// sweptAtOnce is how many flags may be swept within sweepWindow, or sweptShare of
	// those under a launch if that is more. Whatever ends more launches than that at once
	// is likely to be a mistake about launches, and not the end of them.
	sweptAtOnce = 5
	sweptShare  = 20 // one in
	sweepWindow = time.Minute
	// missingFor is how long Temporal must not know a launch: a failover may need a moment.
	missingFor = time.Minute
	// missingUnleased is the same for an exposure without a lease, of which nothing else
	// says that nobody guards it: as long as the shortest lease that a plan has by itself.
	missingUnleased = time.Hour
	// askedAlways is up to how many launches each is asked about in every pass. Of more,
	// only those that the index has not, or whose lease nobody renews.
	askedAlways = 100
	askedAtOnce = 20
)

// An Absence is since when Temporal has not known the launch of a flag.
type Absence struct {
	Version int64 `json:"version"` // of the flag
	Since   int64 `json:"since"`   // ms
}

// A leftBehind is a flag whose launch is gone.
type leftBehind struct {
	flagstore.Entry
	launch string // workflow ID
	why    string // closed or missing
	reason string
}

// sweepLeft finds the flags whose launch is gone and has them turned back. It is
// certain of each of them or does nothing: an error means that it does not know.
func (a *Activities) sweepLeft(ctx context.Context, seen *Swept, entries []flagstore.Entry, now sweepTime) (string, error) {
	under := slices.DeleteFunc(slices.Clone(entries), func(e flagstore.Entry) bool { return a.answering(e) == "" })
	suspects, err := a.suspects(ctx, under, now)
	if err != nil {
		return "", fmt.Errorf("nothing is swept, because it is not known which launches are gone: %w", err)
	}
	left, err := a.leftBehind(ctx, seen, suspects, now)
	if err != nil {
		return "", fmt.Errorf("nothing is swept, because it is not known which launches are gone: %w", err)
	}
	seen.Recent = slices.DeleteFunc(seen.Recent, func(at int64) bool { return now.clock.Sub(time.UnixMilli(at)) >= sweepWindow })
	killed, left := apart(left, func(l leftBehind) bool { return l.Kill != nil && l.Kill.Killed })
	allowed, held := a.heldBack(ctx, seen, left, len(under), now)
	a.Meter.heldBack(a.Store.Environment(), held)
	if held > 0 {
		a.page(ctx, seen, left, len(under), now)
		swept, err := a.sweepAll(ctx, seen, killed, allowed)
		return fmt.Sprintf(", %d swept, %d left behind and HELD BACK: look at Temporal, then rampart sweep --allow %d --reason …", swept, held, held), err
	}
	seen.Held, seen.Paged = 0, nil
	if len(left)+len(killed) == 0 {
		return "", nil
	}
	swept, err := a.sweepAll(ctx, seen, left, allowed)
	if allowed.Flags == 0 {
		seen.Recent = append(seen.Recent, slices.Repeat([]int64{now.clock.UnixMilli()}, swept)...)
	}
	more, failed := a.sweepAll(ctx, seen, killed, rampart.Allowance{})
	return fmt.Sprintf(", %d swept", swept+more), errors.Join(err, failed)
}

// apart divides a list in those of which something is true, and the others. Flags that
// are killed are off whoever is mistaken, so that they are swept without being counted.
func apart(all []leftBehind, is func(leftBehind) bool) (those, others []leftBehind) {
	for _, l := range all {
		if is(l) {
			those = append(those, l)
		} else {
			others = append(others, l)
		}
	}
	return those, others
}

// answering returns the workflow that answers for a flag though it is not the flag's
// own: whoever holds the pen, or the launch whose exposure still stands.
func (a *Activities) answering(e flagstore.Entry) string {
	switch own := rampart.FlagID(a.Store.Environment(), e.Flag.Name); {
	case e.Owner != "" && e.Owner != own:
		return e.Owner
	case exposes(e.Flag):
		return e.Flag.Launch
	}
	return ""
}

func exposes(f rampart.Flag) bool { return f.Exposure > 0 || len(f.Include) > 0 }

// suspects returns the flags whose launch is worth a question. A launch that is missing
// in the index may have just begun, and one that is there may have just ended: the
// index says only where to look.
func (a *Activities) suspects(ctx context.Context, under []flagstore.Entry, now sweepTime) ([]flagstore.Entry, error) {
	if len(under) <= askedAlways {
		return under, nil
	}
	running, err := a.Launches.Running(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(under), func(e flagstore.Entry) bool {
		return running[a.answering(e)] && !unguarded(e, now.store)
	}), nil
}

// unguarded reports whether nobody has renewed the lease of a flag for longer than
// plans let it be by themselves.
func unguarded(e flagstore.Entry, now time.Time) bool {
	term := e.Flag.Lease
	if term <= 0 || !exposes(e.Flag) {
		return false
	}
	if e.Lease == nil || e.Lease.Version != e.Flag.Version {
		return true // it has ended
	}
	left := time.UnixMilli(e.Lease.End).Sub(now)
	return term.D()-left >= min(rampart.DefaultLeaseWarn, term/2).D()
}

// leftBehind asks Temporal how the launches stand.
func (a *Activities) leftBehind(ctx context.Context, seen *Swept, suspects []flagstore.Entry, now sweepTime) ([]leftBehind, error) {
	standings := make([]Standing, len(suspects))
	all, asking := errgroup.WithContext(ctx)
	all.SetLimit(askedAtOnce)
	for i, e := range suspects {
		all.Go(func() (err error) {
			standings[i], err = a.Launches.Standing(asking, a.answering(e))
			activity.RecordHeartbeat(ctx, *seen)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	var left []leftBehind
	missing := map[string]Absence{}
	for i, e := range suspects {
		l := leftBehind{Entry: e, launch: a.answering(e), why: "closed"}
		switch is := standings[i]; {
		case is.Running:
			continue
		case !is.Missing:
			l.reason = fmt.Sprintf("its launch (%s) is %s, and nobody guards it", l.launch, is.Status)
		default:
			gone := seen.Missing[e.Flag.Name]
			if gone.Version != e.Flag.Version {
				gone = Absence{Version: e.Flag.Version, Since: now.clock.UnixMilli()}
			}
			missing[e.Flag.Name] = gone
			if !gone.certain(e, now) {
				continue
			}
			l.why, l.reason = "missing", fmt.Sprintf("Temporal knows nothing of its launch (%s), and nobody guards it", l.launch)
		}
		left = append(left, l)
	}
	seen.Missing = missing
	return left, nil
}

// certain reports whether a launch that Temporal does not know is to be believed gone.
func (g Absence) certain(e flagstore.Entry, now sweepTime) bool {
	since := now.clock.Sub(time.UnixMilli(g.Since))
	switch {
	case !exposes(e.Flag): // only its pen is held
		return since >= missingFor
	case e.Flag.Lease > 0:
		return since >= missingFor && unguarded(e, now.store)
	}
	return since >= missingUnleased
}

// heldBack returns how many flags must wait for a person, because they are too many at
// once; or else what lets them be swept.
func (a *Activities) heldBack(ctx context.Context, seen *Swept, left []leftBehind, under int, now sweepTime) (rampart.Allowance, int) {
	var none rampart.Allowance
	if len(left) == 0 || len(left)+len(seen.Recent) <= max(sweptAtOnce, under/sweptShare) {
		return none, 0
	}
	allowed, err := a.Launches.Allowance(ctx)
	if err != nil {
		activity.GetLogger(ctx).Warn("it is not known what the sweep is allowed", "error", err)
		return none, len(left)
	}
	age := now.clock.Sub(time.UnixMilli(allowed.At))
	if allowed.At <= seen.Allowed || age.Abs() > rampart.AllowanceLife.D() || allowed.Flags < len(left) {
		return none, len(left)
	}
	seen.Allowed = allowed.At
	activity.RecordHeartbeat(ctx, *seen)
	return allowed, 0
}

// page calls a person, on each channel once for as long as flags are held back.
func (a *Activities) page(ctx context.Context, seen *Swept, left []leftBehind, under int, now sweepTime) {
	if seen.Held == 0 {
		seen.Held = now.clock.UnixMilli()
		activity.GetLogger(ctx).Error("the sweep holds flags back", "flags", len(left), "under a launch", under)
	}
	env := a.Store.Environment()
	n := Notice{
		ID: fmt.Sprintf("%s/%d", rampart.SweepID(env), seen.Held), Event: "held-back", Environment: env, Launch: rampart.SweepID(env),
		At: seen.Held, Urgent: true, Text: heldBackText(env, left, under),
	}
	for _, channel := range a.Page {
		if slices.Contains(seen.Paged, channel) {
			continue
		}
		err := a.Notifier.Notify(ctx, channel, n)
		a.Meter.notified(channel, err)
		if err != nil { // the next pass tries again
			activity.GetLogger(ctx).Error("nobody was paged", "channel", channel, "error", err)
			continue
		}
		seen.Paged = append(seen.Paged, channel)
	}
}

func heldBackText(env string, left []leftBehind, under int) string {
	var names []string
	for _, l := range left[:min(len(left), 10)] {
		names = append(names, l.Flag.Name)
	}
	if len(left) > len(names) {
		names = append(names, "…")
	}
	return fmt.Sprintf("the launches of %d flags in %s, of %d under a launch, are gone at once (%s). Nothing is swept: that is likely to be a mistake about them. "+
		"Look at Temporal; rampart kill turns one flag off; rampart sweep --allow %d --reason … turns all of these back", len(left), env, under, strings.Join(names, ", "), len(left))
}

// sweepAll has the flags turned back, each by its own workflow, so that what it holds
// to be true is right from then on. It returns how many were.
func (a *Activities) sweepAll(ctx context.Context, seen *Swept, left []leftBehind, allowed rampart.Allowance) (int, error) {
	var failed errorsOf
	var all errgroup.Group
	all.SetLimit(restoring)
	for _, l := range left {
		all.Go(func() error {
			if allowed.Flags > 0 {
				l.reason += fmt.Sprintf("; allowed by %s: %s", allowed.By, allowed.Reason)
			}
			err := a.Launches.Sweep(ctx, l.Flag.Name, rampart.Sweeping{Launch: l.launch, Seen: l.Flag.Version, Reason: l.reason, Notify: a.Page})
			activity.RecordHeartbeat(ctx, *seen)
			if err != nil {
				failed.add(fmt.Errorf("sweep %s: %w", l.Flag.Name, err))
				return nil
			}
			a.Meter.sweptFlag(a.Store.Environment(), l.why)
			activity.GetLogger(ctx).Warn("swept", "flag", l.Flag.Name, "reason", l.reason)
			return nil
		})
	}
	_ = all.Wait()
	return len(left) - failed.count(), failed.err()
}
