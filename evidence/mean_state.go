package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
)

type storedMean struct {
	Version int        `json:"v"`
	Config  MeanConfig `json:"config"`
	State   []byte     `json:"state"`
}

// MarshalJSON writes configuration and state, less than a kilobyte. What is read
// back goes on with exactly the same bits.
func (m *Mean) MarshalJSON() ([]byte, error) {
	whole, real := m.s.fields()
	units := m.s.units()
	out := pack(append(whole, pointers(units[:])...), real)
	out = packCoarse(packCoarse(out, &m.s.Errors.On), &m.s.Errors.Off)
	return json.Marshal(storedMean{Version: version, Config: m.cfg, State: out})
}

// UnmarshalJSON reads what MarshalJSON wrote, and refuses other versions and what
// cannot be.
func (m *Mean) UnmarshalJSON(data []byte) error {
	var in storedMean
	if err := decode(data, &in, &in.Version); err != nil {
		return fmt.Errorf("evidence of a mean: %w", err)
	}
	cfg, err := in.Config.settle()
	if err != nil {
		return fmt.Errorf("evidence of a mean: %w", err)
	}
	var s meanState
	whole, real := s.fields()
	units := s.units()
	rest, err := unpack(in.State, append(whole, pointers(units[:])...), real)
	if err == nil {
		rest, err = unpackCoarse(rest, &s.Errors.On)
	}
	if err == nil {
		rest, err = unpackCoarse(rest, &s.Errors.Off)
	}
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("state is %d bytes too long", len(rest))
	}
	if err == nil {
		s.setUnits(units)
		err = s.check(cfg)
	}
	if err != nil {
		return fmt.Errorf("evidence of a mean: %w", err)
	}
	*m = Mean{cfg: cfg, s: s}
	return nil
}

// fields are the numbers of the state but those by bucket, in the order in which
// they are stored.
func (s *meanState) fields() ([]*int64, []*float64) {
	return []*int64{&s.At, &s.Ticks, &s.Step, &s.Phase, &s.Started},
		[]*float64{&s.Exposure, &s.Done, &s.Now, &s.Base, &s.Want, &s.R, &s.Q}
}

// units are those in force: whole numbers.
func (s *meanState) units() (out [2 * bucketCount]int64) {
	for i := range bucketCount {
		out[i], out[bucketCount+i] = int64(s.Units.On[i]), int64(s.Units.Off[i])
	}
	return out
}

func (s *meanState) setUnits(in [2 * bucketCount]int64) {
	for i := range bucketCount {
		s.Units.On[i], s.Units.Off[i] = float64(in[i]), float64(in[bucketCount+i])
	}
}

func (s *meanState) check(cfg MeanConfig) error {
	switch {
	case s.Ticks < 0 || s.Started < 0 || s.Started > int64(cfg.Phases):
		return errors.New("a count cannot be")
	case s.Ticks > 0 && !(s.Exposure > 0 && s.Exposure < 1):
		return fmt.Errorf("exposure is %g", s.Exposure)
	case min(s.Done, s.Base, s.Want, s.R, s.Q) < 0:
		return errors.New("a sum is negative")
	}
	for i := range bucketCount {
		if s.Units.On[i] < 0 || s.Units.Off[i] < 0 {
			return errors.New("an arm has fewer units than none")
		}
	}
	return nil
}
