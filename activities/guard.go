package activities

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"

	"github.com/rampart-dev/rampart/flagstore"
)

// guard renews the lease, and looks at the registers, at the price of one round
// trip. A store that does not answer, of which it tells, is no reason to stop looking
// at the gates: a breach found meanwhile turns back as soon as the store is there again.
func (a *Activities) guard(ctx context.Context, in WatchInput, m *Memory) (answering bool, found Watched) {
	if unheard(in, m).Found == FoundBreach { // which does not renew
		in.Lease = 0
	}
	asking, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	asked := a.Now()
	got, err := a.Store.RenewLease(asking, in.Flag, in.Version, in.Lease.D())
	a.stores.hear(got.Now, asked, a.Now())
	if got.Kill != nil && got.Kill.Killed {
		return true, Watched{Found: FoundKill, Kill: got.Kill, Reason: got.Kill.Reason}
	}
	switch {
	case err == nil && got.Flag.Exposure != in.Exposure:
		return true, Watched{Found: FoundLoss,
			Reason: fmt.Sprintf("edited by hand: %s instead of %s at the same version", got.Flag.Exposure, in.Exposure)}
	case err == nil:
		return true, Watched{}
	case errors.Is(err, flagstore.ErrLeaseEnded):
		return true, Watched{Found: FoundLeaseEnd, Reason: "the lease had ended: readers went to the baseline by themselves"}
	case errors.Is(err, flagstore.ErrLost), errors.Is(err, flagstore.ErrStale), errors.Is(err, flagstore.ErrDrift):
		return true, Watched{Found: FoundLoss, Reason: err.Error()}
	}
	activity.GetLogger(ctx).Warn("the flag store does not answer; the watch goes on", "flag", in.Flag, "error", err)
	return false, Watched{}
}
