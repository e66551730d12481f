package flagstore

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/rampart-dev/rampart"
)

const (
	// MaxEvidenceBytes bounds the evidence of a launch: a plan may have a hundred gates.
	MaxEvidenceBytes = 128 << 10
	// EvidenceLife is how long evidence outlives its last tick: longer than a launch
	// is paused, shorter than for ever.
	EvidenceLife = 90 * 24 * time.Hour
)

var runPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// PutEvidence keeps the evidence of a launch as of one tick. Run names the launch
// among those of the flag, so that a zombie of an earlier one cannot interfere.
// Where a later tick is kept already, or another blob of the same tick, it is
// refused: [ErrStale]. To write the same again is fine.
func (s *Store) PutEvidence(ctx context.Context, flag, run string, tick int64, blob []byte) error {
	return s.putEvidence(ctx, flag, run, tick, blob, nil, nil)
}

func (s *Store) putEvidence(ctx context.Context, flag, run string, tick int64, blob, point, layout []byte) error {
	do := fmt.Sprintf("keep the evidence of %s at tick %d", flag, tick)
	key, err := s.runKey("evidence", flag, run)
	if err != nil {
		return wrap(do, err)
	}
	series, err := s.runKey("series", flag, run)
	if err != nil {
		return wrap(do, err)
	}
	if err := checkVersion(tick); err != nil {
		return wrap(do, err)
	}
	if len(blob) > MaxEvidenceBytes {
		return rampart.Errorf(rampart.Invalid, "%s: %d bytes are more than %d", do, len(blob), MaxEvidenceBytes)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	got, err := evidenceScript.Run(ctx, s.rdb, []string{key, series}, tick, blob, EvidenceLife.Milliseconds(),
		point, fmt.Sprintf("%08x", layoutNumber(layout)), layout, SeriesLife.Milliseconds(), MaxPoints).StringSlice()
	if err != nil {
		return s.fault(do, err)
	}
	if a := answer(got); a.word() != "OK" {
		return refused(ErrStale, "this tick was judged already", "%s: tick %d is kept", do, a.number(1))
	}
	return nil
}

// Evidence returns the evidence of a launch and its tick; 0 and nil where there is none.
func (s *Store) Evidence(ctx context.Context, flag, run string) (tick int64, blob []byte, err error) {
	do := "read the evidence of " + flag
	key, err := s.runKey("evidence", flag, run)
	if err != nil {
		return 0, nil, wrap(do, err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	v, err := s.rdb.HMGet(ctx, key, "tick", "blob").Result()
	if err != nil {
		return 0, nil, s.fault(do, err)
	}
	a := texts(v)
	if a.number(0) == 0 {
		return 0, nil, nil
	}
	return a.number(0), []byte(a.text(1)), nil
}

// runKey names what is kept of one launch of a flag.
func (s *Store) runKey(what, flag, run string) (string, error) {
	if err := rampart.CheckName("a flag", flag); err != nil {
		return "", err
	}
	if !runPattern.MatchString(run) {
		return "", rampart.Errorf(rampart.Invalid, "%q does not name a run", run)
	}
	return s.key(what + ":" + flag + ":" + run), nil
}
