package evidence

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
)

type storedSampleRatio struct {
	Version int         `json:"v"`
	State   []byte      `json:"s"`
	Spread  *Dispersion `json:"b,omitempty"`
}

func (s *sampleState) fields() ([]*int64, []*float64) {
	real := []*float64{&s.On, &s.Off, &s.Expected}
	for j := range s.LogA {
		real = append(real, &s.LogA[j])
	}
	return []*int64{&s.At, &s.Step, &s.Started, &s.StartedAt, &s.Restarts, &s.Reached, &s.Acked}, real
}

// MarshalJSON writes the state, about three hundred bytes.
func (r *SampleRatio) MarshalJSON() ([]byte, error) {
	var out []byte
	whole, real := r.s.fields()
	for _, v := range whole {
		out = binary.AppendVarint(out, *v)
	}
	for _, v := range real {
		out = binary.BigEndian.AppendUint64(out, math.Float64bits(*v))
	}
	return json.Marshal(storedSampleRatio{Version: version, State: out, Spread: r.spread})
}

// UnmarshalJSON reads what MarshalJSON wrote. It refuses other versions and states
// that no counts could have led to.
func (r *SampleRatio) UnmarshalJSON(data []byte) error {
	var in storedSampleRatio
	if err := decode(data, &in, &in.Version); err != nil {
		return fmt.Errorf("evidence of a sample ratio: %w", err)
	}
	var s sampleState
	whole, real := s.fields()
	rest := in.State
	for _, v := range whole {
		n := 0
		if *v, n = binary.Varint(rest); n <= 0 || *v < 0 {
			return fmt.Errorf("evidence of a sample ratio: state is cut short or negative")
		}
		rest = rest[n:]
	}
	if len(rest) != 8*len(real) {
		return fmt.Errorf("evidence of a sample ratio: %d bytes of numbers instead of %d", len(rest), 8*len(real))
	}
	for i, v := range real {
		*v = math.Float64frombits(binary.BigEndian.Uint64(rest[8*i:]))
		if math.IsNaN(*v) || math.IsInf(*v, 0) {
			return fmt.Errorf("evidence of a sample ratio: a number is %g", *v)
		}
	}
	if s.On < 0 || s.Off < 0 || s.Expected < 0 {
		return fmt.Errorf("evidence of a sample ratio: negative units")
	}
	*r = SampleRatio{s: s, spread: in.Spread}
	return nil
}
