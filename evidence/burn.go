package evidence

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// BudgetPeriod is the time that an error budget is for: an objective of 99.9 %
// lets one unit in a thousand be bad, over thirty days.
const BudgetPeriod = 30 * 24 * time.Hour

// A BurnRule is broken where the error budget was spent Factor times too fast both
// over a long window, so that it matters, and over a short one, so that it still
// goes on.
type BurnRule struct {
	Factor      float64
	Long, Short time.Duration
}

// BurnRules returns those of the Site Reliability Workbook, chapter 5, whose breach
// is worth waking somebody for: an hour at 14.4 spends 2 % of the budget of thirty
// days, and six hours at 6 spend 5 %.
func BurnRules() []BurnRule {
	return []BurnRule{
		{14.4, time.Hour, 5 * time.Minute},
		{6, 6 * time.Hour, 30 * time.Minute},
	}
}

// burnLeast is how many bad units the short window must have: of few, one is a
// large share.
const burnLeast = 10

// A Burn sums bad and all units over windows of time that was counted: time in
// which nobody looked, or nothing answered, is in no window.
//
// The sums are kept in cells that get wider with age, a minute, then ten, then an
// hour, 19 of them at most, so a window may reach back further than asked for, by
// less than a third of it. A window that reaches to before the first tick is as
// long as what was counted, but a rule is not judged before its short window is
// full.
type Burn struct {
	s burnState
}

type burnState struct {
	bad, all float64 // since the first tick
	span     int64   // ms that were counted
	rings    [len(burnRings)][]burnCell
}

// A burnCell is what was counted in some stretch of time. The last of a ring is
// the youngest.
type burnCell struct {
	ms       int64
	bad, all float64
}

// burnRings are how wide cells are, and how many full ones there are, from the
// youngest on: what falls out of one ring falls into the next.
var burnRings = [...]struct {
	ms   int64
	keep int
}{{60_000, 5}, {600_000, 6}, {3_600_000, 5}}

// Add counts one tick that lasted for so long. Impossible counts are a *BadTick
// and change nothing.
func (b *Burn) Add(t Tick, span time.Duration) error {
	if err := t.Check(); err != nil {
		return err
	}
	if span < 0 {
		return &BadTick{t.At, fmt.Sprintf("it lasted %s", span)}
	}
	c := burnCell{span.Milliseconds(), t.X1 + t.X0, t.N1 + t.N0}
	b.s.bad, b.s.all, b.s.span = b.s.bad+c.bad, b.s.all+c.all, b.s.span+c.ms
	b.put(0, c)
	return nil
}

// put adds to the youngest cell of a ring, or begins another one once that is
// full; the oldest goes on to the next ring.
func (b *Burn) put(ring int, c burnCell) {
	if ring == len(burnRings) {
		return
	}
	cells, is := b.s.rings[ring], burnRings[ring]
	if n := len(cells); n > 0 && cells[n-1].ms < is.ms {
		last := &cells[n-1]
		*last = burnCell{last.ms + c.ms, last.bad + c.bad, last.all + c.all}
	} else {
		cells = append(cells, c)
	}
	if len(cells) > is.keep+1 {
		b.put(ring+1, cells[0])
		cells = append(cells[:0:0], cells[1:]...)
	}
	b.s.rings[ring] = cells
}

// Over sums what was counted in the last stretch of counted time, which is shorter
// where less was counted.
func (b *Burn) Over(window time.Duration) (bad, all float64) {
	var ms int64
	for _, cells := range b.s.rings {
		for i := len(cells) - 1; i >= 0; i-- {
			if ms >= window.Milliseconds() {
				return bad, all
			}
			ms, bad, all = ms+cells[i].ms, bad+cells[i].bad, all+cells[i].all
		}
	}
	return bad, all
}

// Rate is how many times too fast the budget of a line was spent in a window: 1
// spends it in just [BudgetPeriod]. It is 0 where nothing was counted.
func (b *Burn) Rate(line float64, window time.Duration) float64 {
	bad, all := b.Over(window)
	if all == 0 {
		return 0
	}
	return bad / all / line
}

// Broken returns the first rule that is broken for a line. A rule whose factor no
// share of bad units can reach is passed over.
func (b *Burn) Broken(line float64) (BurnRule, bool) {
	for _, r := range BurnRules() {
		bad, _ := b.Over(r.Short)
		full := b.s.span >= r.Short.Milliseconds()
		if full && bad >= burnLeast && b.Rate(line, r.Long) >= r.Factor && b.Rate(line, r.Short) >= r.Factor {
			return r, true
		}
	}
	return BurnRule{}, false
}

// Spent is the share of the budget of [BudgetPeriod] that was spent since the first
// tick, were traffic as it was so far.
func (b *Burn) Spent(line float64) float64 {
	if b.s.all == 0 {
		return 0
	}
	return b.s.bad / b.s.all / line * float64(b.s.span) / float64(BudgetPeriod.Milliseconds())
}

// MarshalJSON packs the sums into some three hundred characters.
func (b *Burn) MarshalJSON() ([]byte, error) {
	out := binary.AppendUvarint(nil, version)
	put := func(values ...float64) {
		for _, v := range values {
			out = binary.AppendUvarint(out, uint64(v))
		}
	}
	put(b.s.bad, b.s.all, float64(b.s.span))
	for _, cells := range b.s.rings {
		put(float64(len(cells)))
		for _, c := range cells {
			put(float64(c.ms), c.bad, c.all)
		}
	}
	return json.Marshal(base64.RawStdEncoding.EncodeToString(out))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (b *Burn) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("error budget: %w", err)
	}
	packed, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("error budget: %w", err)
	}
	r := burnReader{in: packed}
	if v := r.next(); r.err == nil && v != version {
		return fmt.Errorf("error budget: version %d is not %d", v, version)
	}
	var s burnState
	s.bad, s.all, s.span = float64(r.next()), float64(r.next()), int64(r.next())
	for i, is := range burnRings {
		n := int(min(r.next(), math.MaxInt32))
		if n > is.keep+1 {
			return fmt.Errorf("error budget: %d cells where there are at most %d", n, is.keep+1)
		}
		for range n {
			s.rings[i] = append(s.rings[i], burnCell{int64(r.next()), float64(r.next()), float64(r.next())})
		}
	}
	if r.err == nil && len(r.in) > 0 {
		r.err = errors.New("state is too long")
	}
	if r.err != nil {
		return fmt.Errorf("error budget: %w", r.err)
	}
	b.s = s
	return nil
}

// A burnReader reads numbers until there is an error.
type burnReader struct {
	in  []byte
	err error
}

func (r *burnReader) next() uint64 {
	v, n := binary.Uvarint(r.in)
	switch {
	case r.err != nil:
		return 0
	case n <= 0 || v > maxCount<<8:
		r.err = errCutShort
		return 0
	}
	r.in = r.in[n:]
	return v
}
