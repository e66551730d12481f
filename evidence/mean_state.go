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
	counts := m.s.counts()
	out := pack(append(whole, pointers(counts[:])...), real)
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
	counts := s.counts()
	rest, err := unpack(in.State, append(whole, pointers(counts[:])...), real)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("state is %d bytes too long", len(rest))
	}
	if err == nil {
		s.count(counts)
		err = s.check(cfg)
	}
	if err != nil {
		return fmt.Errorf("evidence of a mean: %w", err)
	}
	*m = Mean{cfg: cfg, s: s}
	return nil
}

// fields are the numbers of the state but those that count units, in the order in
// which they are stored.
func (s *meanState) fields() ([]*int64, []*float64) {
	real := []*float64{&s.Exposure, &s.Done, &s.Now, &s.Tau, &s.Base}
	real = append(append(real, pointers(s.Values.On[:])...), pointers(s.Values.Off[:])...)
	return []*int64{&s.At, &s.Ticks, &s.Step, &s.Phase, &s.Started}, real
}

// counts are the units in force, and their seconds: whole numbers.
func (s *meanState) counts() (out [4 * bucketCount]int64) {
	for k, sums := range s.sums() {
		for i, v := range sums {
			out[k*bucketCount+i] = int64(v)
		}
	}
	return out
}

func (s *meanState) count(in [4 * bucketCount]int64) {
	for k, sums := range s.sums() {
		for i := range sums {
			sums[i] = float64(in[k*bucketCount+i])
		}
	}
}

func (s *meanState) sums() [4]*[bucketCount]float64 {
	return [...]*[bucketCount]float64{&s.Units.On, &s.Units.Off, &s.Time.On, &s.Time.Off}
}

func (s *meanState) check(cfg MeanConfig) error {
	switch {
	case s.Ticks < 0 || s.Started < 0 || s.Started > int64(cfg.Phases):
		return errors.New("a count cannot be")
	case s.Ticks > 0 && !(s.Exposure > 0 && s.Exposure < 1):
		return fmt.Errorf("exposure is %g", s.Exposure)
	case s.Done < 0 || s.Tau < 0 || s.Base < 0:
		return errors.New("a sum is negative")
	}
	for _, sums := range append(s.arrays(), &s.Values.On, &s.Values.Off) {
		for _, v := range sums {
			if v < 0 {
				return errors.New("a sum is negative")
			}
		}
	}
	return nil
}

func (s *meanState) arrays() []*[bucketCount]float64 {
	sums := s.sums()
	return sums[:]
}
