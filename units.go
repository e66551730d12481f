package rampart

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Duration is a span of time that people can type: 90s, 30m, 12h, 7d, 2w, 1d12h.
// A day is 24 hours.
type Duration time.Duration

// D returns the duration as the standard library's.
func (d Duration) D() time.Duration { return time.Duration(d) }

var durationUnits = []struct {
	name string
	unit time.Duration
}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// MaxDuration bounds what a person may type: ten years.
const MaxDuration = Duration(3650 * 24 * time.Hour)

// ParseDuration reads a duration. Fractions, signs and other units are refused:
// a plan says 90m, not 1.5h.
func ParseDuration(s string) (Duration, error) {
	rest, total, last := s, time.Duration(0), -1
	if s == "0" {
		return 0, nil
	}
	for rest != "" {
		i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if i <= 0 || i > 9 {
			return 0, badDuration(s)
		}
		n, err := strconv.ParseInt(rest[:i], 10, 64)
		if err != nil {
			return 0, badDuration(s)
		}
		k := unitIndex(rest[i : i+1])
		if k <= last {
			return 0, badDuration(s)
		}
		if n > int64(time.Duration(MaxDuration)/durationUnits[k].unit) {
			return 0, Errorf(Invalid, "%q is longer than ten years", s).WithHint("durations go up to 3650d")
		}
		total += time.Duration(n) * durationUnits[k].unit
		rest, last = rest[i+1:], k
	}
	if s == "" {
		return 0, badDuration(s)
	}
	return Duration(total), nil
}

func unitIndex(name string) int {
	for k, u := range durationUnits {
		if u.name == name {
			return k
		}
	}
	return -1
}

func badDuration(s string) error {
	return Errorf(Invalid, "%q is not a duration", s).WithHint("write whole numbers with s, m, h, d or w, largest first: 90s, 30m, 12h, 7d, 1d12h")
}

// String writes the duration as a person would: the largest units first, nothing
// below a second unless there is nothing else.
func (d Duration) String() string {
	t := time.Duration(d)
	if t == 0 {
		return "0s"
	}
	if t < 0 {
		return "-" + Duration(-t).String()
	}
	if t%time.Second != 0 {
		return t.String()
	}
	var b strings.Builder
	for _, u := range durationUnits[1:] { // weeks are read but days are written
		if n := t / u.unit; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			t -= n * u.unit
		}
	}
	return b.String()
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It also reads what
// MarshalText writes for spans below a second, which people cannot type in plans.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := ParseDuration(string(b))
	if err != nil {
		std, stdErr := time.ParseDuration(string(b))
		if stdErr != nil || std%time.Second == 0 {
			return err
		}
		v = Duration(std)
	}
	*d = v
	return nil
}

// A Percent is a share in basis points: 100 of them are one percent. It is typed
// as a number of percent or as "2%", and is no finer than 0.01.
type Percent int

// Full is everybody.
const Full Percent = 10000

// ParsePercent reads "5", "0.25" or "2%".
func ParsePercent(s string) (Percent, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "%")), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, Errorf(Invalid, "%q is not a percentage", s).WithHint("write a number from 0 to 100, such as 5 or 0.25")
	}
	return PercentOf(f)
}

// PercentOf returns f percent; it refuses what is not a whole number of basis points.
func PercentOf(f float64) (Percent, error) {
	bps := math.Round(f * 100)
	if math.Abs(bps-f*100) > 1e-6 {
		return 0, Errorf(Invalid, "%g %% is finer than 0.01 %%", f).WithHint("exposure moves in steps of 0.01 %%")
	}
	if math.Abs(bps) > 1e6 {
		return 0, Errorf(Invalid, "%g %% is out of range", f).WithHint("write a number from 0 to 100")
	}
	return Percent(bps), nil
}

// Float returns the number of percent.
func (p Percent) Float() float64 { return float64(p) / 100 }

// Share returns the share as a fraction of one.
func (p Percent) Share() float64 { return float64(p) / 10000 }

// String writes the percentage with its sign: "5 %".
func (p Percent) String() string { return strconv.FormatFloat(p.Float(), 'f', -1, 64) + " %" }

// MarshalJSON writes a number of percent.
func (p Percent) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, p.Float(), 'f', -1, 64), nil
}

// UnmarshalJSON reads a number of percent, or a string such as "2%".
func (p *Percent) UnmarshalJSON(b []byte) error {
	s := string(b)
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
	}
	v, err := ParsePercent(s)
	if err != nil {
		return err
	}
	*p = v
	return nil
}

// A Date is a calendar day, written 2027-03-31. The zero Date is no day.
type Date string

// Time returns midnight UTC of the day.
func (d Date) Time() (time.Time, error) { return time.Parse(time.DateOnly, string(d)) }
