package gates

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// Acknowledge lets go of a sample ratio mismatch that a person has looked into: it is
// looked for anew, at a tenth of the level. It reports whether there was one.
func (s *State) Acknowledge(at time.Time) bool {
	if s.Tally == nil || s.Tally.Units == nil || !s.Tally.Units.Acknowledge() {
		return false
	}
	s.Stir(at)
	return true
}

// units counts the units that the arms first saw. Where a service does not tell them,
// there is nothing to compare, and nothing is held for it.
func (t *tally) units(look Look, step int, c counts) error {
	if !look.SampleRatio {
		return nil
	}
	on, off, err := bothArms(c.of(exposedUnits))
	if err != nil || on.Sum+off.Sum == 0 {
		return nil
	}
	if t.Units == nil {
		t.Units = new(evidence.SampleRatio)
	}
	_, err = t.Units.Fold(evidence.NewUnits{
		At: look.tick(), On: on.Sum, Off: off.Sum, Share: look.Exposure.Share(), Step: step,
		Buckets: bucketsIn(map[string]ArmCount{"on": on, "off": off}),
	})
	var impossible *evidence.BadTick
	if errors.As(err, &impossible) {
		return nil
	}
	return err
}

// sampleRatio says how the units of the arms compare with the allocation.
func (s *State) sampleRatio() *rampart.SampleRatio {
	if s.Tally == nil || s.Tally.Units == nil {
		return nil
	}
	u := s.Tally.Units
	on, off, expected := u.Units()
	all := on + off
	if all == 0 {
		return nil
	}
	v := &rampart.SampleRatio{
		On: int64(on), Off: int64(off), Expected: rounded(expected / all),
		LogE: rounded(u.LogE()), Mismatch: u.Mismatch(), Acked: u.Acknowledged(),
	}
	v.Reason = fmt.Sprintf("%s of %s new units on, %s expected", count(on), count(all), count(math.Round(expected)))
	return v
}

// hold has a mismatch stand in the way of a pass, because no comparison of the arms can
// be believed while it is there. It takes nothing back.
func (s *State) hold(all *rampart.Verdict) {
	all.SampleRatio = s.sampleRatio()
	if r := all.SampleRatio; r != nil && r.Mismatch && rampart.Undecided.WorseThan(all.Word) {
		all.Word, all.Gate = rampart.Undecided, ""
		all.Reason = "the sample ratio does not match: " + r.Reason
	}
}

// rounded keeps as many digits as anybody reads, because verdicts are stored.
func rounded(v float64) float64 { return math.Round(v*1e4) / 1e4 }
