package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/gates"
)

// DigestOf returns the short form of a document by which the guard knows it again.
func DigestOf(f rampart.Flag) string { return flagstore.Digest(f) }

// guarded is what the guard saw.
type guarded struct {
	answering bool         // the store did
	flag      rampart.Flag // the document as the launch wrote it; else none
	withdrawn bool         // what is stored instead looks like what a watch writes at a breach
	found     Watched
}

// guard renews the lease, and looks at the registers, at the price of one round
// trip. A store that does not answer, of which it tells, is no reason to stop looking
// at the gates: a breach found meanwhile turns back as soon as the store is there again.
func (a *Activities) guard(ctx context.Context, in WatchInput, m *Memory) guarded {
	harm := unheard(in, m).Found == FoundBreach
	if harm { // which does not renew
		in.Lease = 0
	}
	asking, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	asked := a.Now()
	got, err := a.Store.RenewLease(asking, in.Flag, in.Version, in.Lease.D())
	a.stores.hear(got.Now, asked, a.Now())
	if got.Kill != nil && got.Kill.Killed {
		return guarded{answering: true, found: Watched{Found: FoundKill, Kill: got.Kill, Reason: got.Kill.Reason}}
	}
	switch {
	case err == nil:
		found := a.compare(in, got)
		if found.Found == FoundLoss {
			return guarded{answering: true, found: found}
		}
		return guarded{answering: true, flag: got.Flag, found: found}
	case errors.Is(err, flagstore.ErrLeaseEnded):
		return guarded{answering: true, found: Watched{Found: FoundLeaseEnd, Reason: "the lease had ended: readers went to the baseline by themselves"}}
	case errors.Is(err, flagstore.ErrLost), errors.Is(err, flagstore.ErrStale), errors.Is(err, flagstore.ErrDrift):
		a.Meter.drifted(a.Store.Environment(), "watch")
		off := got.Flag.Exposure == 0 && len(got.Flag.Include) == 0
		return guarded{answering: true, withdrawn: off && got.Stored == in.Version+1, found: Watched{Found: FoundLoss, Reason: err.Error()}}
	}
	activity.GetLogger(ctx).Warn("the flag store does not answer; the watch goes on", "flag", in.Flag, "error", err)
	return guarded{}
}

// compare finds what is wrong with a flag whose version is that of the launch: a hand
// that has edited its document, or a guard that was away for longer than it may be.
func (a *Activities) compare(in WatchInput, got flagstore.Guard) Watched {
	reason := ""
	switch {
	case got.Flag.Exposure != in.Exposure:
		reason = fmt.Sprintf("edited by hand: %s instead of %s at the same version", got.Flag.Exposure, in.Exposure)
	case in.Digest != "" && !flagstore.SameDigest(in.Digest, flagstore.Digest(got.Flag)):
		reason = "edited by hand: another document at the same version"
	}
	if reason != "" {
		a.Meter.drifted(a.Store.Environment(), "watch")
		return Watched{Found: FoundLoss, Reason: reason}
	}
	if silent := min(in.Lease, got.Flag.Lease).D() - got.Left; in.Lease > 0 && got.Left > 0 && silent >= in.softEnd() {
		return Watched{Found: FoundLate, Reason: fmt.Sprintf("nobody had guarded %s for %s, longer than the %s that its lease may be left alone; nothing was raised on what was not seen",
			in.Flag, rampart.Duration(silent.Truncate(time.Second)), rampart.Duration(in.softEnd()))}
	}
	return Watched{}
}

// softEnd is how long the lease may go without being renewed until people are warned
// and this look at the gates speaks for no raise. It is never less than two looks take
// where a launch is looked at least often.
func (in WatchInput) softEnd() time.Duration {
	warn := in.LeaseWarn
	if warn <= 0 {
		warn = min(rampart.DefaultLeaseWarn, in.Lease/2)
	}
	return max(warn.D(), 2*gates.Slowest(in.Every.D()))
}
