package evidence

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// bucketCount is how many telemetry buckets there are: the client labels its
// counters with a second hash of the unit, modulo 20.
const bucketCount = 20

// Buckets are the events, or the units, of one tick by arm and telemetry bucket.
type Buckets struct {
	On  [bucketCount]float64 `json:"on"`
	Off [bucketCount]float64 `json:"off"`
}

// Dispersion measures by how much counts vary more than Poisson counts do:
// bursts and persistent heavy users make every test on requests lie. It sums
// events by bucket since first exposure, never by tick and never since the phase
// began, because the noise of persistent users grows with time.
type Dispersion struct {
	sum Buckets
}

// Add counts the events of one tick.
func (d *Dispersion) Add(b Buckets) {
	for i := range bucketCount {
		d.sum.On[i] += b.On[i]
		d.sum.Off[i] += b.Off[i]
	}
}

// pool counts the events of one tick of both arms as those of one.
func (d *Dispersion) pool(b Buckets) {
	for i := range bucketCount {
		d.sum.On[i] += b.On[i] + b.Off[i]
	}
}

// events is how many were counted.
func (d *Dispersion) events() float64 {
	var n float64
	for i := range bucketCount {
		n += d.sum.On[i] + d.sum.Off[i]
	}
	return n
}

// Phi is the mean over the arms of the variance-to-mean ratio over the buckets,
// and at least 1. An arm without events is left out.
func (d *Dispersion) Phi() float64 {
	var phi, arms float64
	for _, sums := range [...]*[bucketCount]float64{&d.sum.On, &d.sum.Off} {
		if ratio, ok := varianceToMean(sums); ok {
			phi += ratio
			arms++
		}
	}
	if arms == 0 {
		return 1
	}
	return max(1, phi/arms)
}

func varianceToMean(sums *[bucketCount]float64) (float64, bool) {
	var mean, squares float64
	for _, v := range sums {
		mean += v / bucketCount
	}
	if mean == 0 {
		return 0, false
	}
	for _, v := range sums {
		squares += (v - mean) * (v - mean)
	}
	return squares / (bucketCount - 1) / mean, true
}

// packedForm begins the text of sums that are written as how they differ. Texts
// without it have all sums in turn, as they were written at first.
const packedForm = "."

// MarshalJSON packs the forty sums into about a hundred characters, so that a
// dozen gates fit beside each other.
func (d *Dispersion) MarshalJSON() ([]byte, error) {
	var w writer
	w.buckets(wholes(d.sum.On))
	w.buckets(wholes(d.sum.Off))
	return json.Marshal(packedForm + base64.RawStdEncoding.EncodeToString(w))
}

// UnmarshalJSON reads what MarshalJSON wrote, and what it wrote at first.
func (d *Dispersion) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("dispersion: %w", err)
	}
	text, packed := strings.CutPrefix(text, packedForm)
	sums, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("dispersion: %w", err)
	}
	in := reader{left: sums}
	var on, off [bucketCount]int64
	if packed {
		on, off = in.buckets(), in.buckets()
	} else {
		for i := range bucketCount {
			on[i], off[i] = in.sum(), in.sum()
		}
	}
	if in.err != nil {
		return fmt.Errorf("dispersion: %w", in.err)
	}
	for i := range bucketCount {
		d.sum.On[i], d.sum.Off[i] = float64(on[i]), float64(off[i])
	}
	return nil
}

func wholes(sums [bucketCount]float64) (all [bucketCount]int64) {
	for i, v := range sums {
		all[i] = int64(v)
	}
	return all
}

// impossible tells which bucket has counts that cannot be, and why.
func (b *Buckets) impossible() string { return b.impossibleAs("events") }

func (b *Buckets) impossibleAs(what string) string {
	if b == nil {
		return ""
	}
	for i := range bucketCount {
		if reason := impossible(b.On[i], false); reason != "" {
			return fmt.Sprintf("%s of bucket %d of the on arm: %s", what, i, reason)
		}
		if reason := impossible(b.Off[i], false); reason != "" {
			return fmt.Sprintf("%s of bucket %d of the off arm: %s", what, i, reason)
		}
	}
	return ""
}
