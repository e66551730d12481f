package flagstore

import (
	"context"
	"fmt"
	"time"

	"github.com/rampart-dev/rampart"
)

// A Guard is what the guard of an exposure must know, read in one round trip.
type Guard struct {
	Term   rampart.LeaseTerm // Version 0 where there is no lease
	Kill   *rampart.Kill     // the register; nil where it was never set
	Flag   rampart.Flag      // the document as stored
	Stored int64             // its version; 0 where there is none
	Now    time.Time         // the store's clock
	Left   time.Duration     // of the lease, before it was renewed; 0 where there is none
}

// RenewLease sets the lease of one version of a flag to the term from now on, and
// never to an earlier end. A term of 0 looks without renewing.
//
// It is refused where the stored version is lower ([ErrLost]) or higher
// ([ErrStale]), and where the lease has ended ([ErrLeaseEnded]), which nothing
// revives but a new version. The Guard is filled in beside these errors too.
func (s *Store) RenewLease(ctx context.Context, flag string, version int64, term time.Duration) (Guard, error) {
	do := fmt.Sprintf("renew the lease of %s at version %d", flag, version)
	if err := rampart.CheckName("a flag", flag); err != nil {
		return Guard{}, wrap(do, err)
	}
	if term < 0 {
		return Guard{}, rampart.Errorf(rampart.Invalid, "%s: a term of %s", do, term)
	}
	got, err := s.run(ctx, do, leaseScript, flag, event{}, flag, version, term.Milliseconds())
	if err != nil {
		return Guard{}, err
	}
	g := guard(flag, got)
	switch got.word() {
	case "OK":
		return g, nil
	case "ENDED":
		return g, refused(ErrLeaseEnded, "readers are at the baseline; expose under a new version", "%s", do)
	}
	return g, s.refusal(do, flag, got)
}

// guard reads the answer of the lease script: word, stored version, document, kill
// register, version and end of the lease, clock, what was left of the lease.
func guard(flag string, got answer) Guard {
	g := Guard{Stored: got.number(1), Now: time.UnixMilli(got.number(6)),
		Left: time.Duration(max(0, got.number(7))) * time.Millisecond}
	if g.Stored > 0 {
		g.Flag, _ = rampart.DecodeFlag([]byte(got.text(2)))
		g.Flag.Name, g.Flag.Version = flag, g.Stored
	}
	if got.text(3) != "" {
		if k, err := readKill(flag, 0, got.text(3)); err == nil {
			g.Kill = &k
		}
	}
	if got.number(4) > 0 {
		g.Term = rampart.LeaseTerm{Flag: flag, Version: got.number(4), End: got.number(5)}
	}
	return g
}
