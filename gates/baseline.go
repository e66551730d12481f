package gates

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// A baseline is learnt from the same hour of up to four earlier weeks. Four instants
// of each, with the tick before, are 32 queries an hour at most.
const (
	pastWeeks    = 4
	pastInstants = 4
	// pastAgain is how long after a past that was too short it is asked for again: a
	// service that is two weeks old next week need not be asked about at every tick.
	pastAgain = 10 * time.Minute
	// falseAlarms is how far apart false alarms of one baseline are, at the least and
	// on average.
	falseAlarms = 365 * 24 * time.Hour
)

// A seasonal is what is remembered of a gate that compares a query with its own past.
type seasonal struct {
	Hour  int64             `json:"hour"`            // of which the past is known
	Asked int64             `json:"asked,omitempty"` // the tick at which it was asked for
	Past  evidence.Season   `json:"past,omitzero"`   // of no scale where it is too short
	Why   string            `json:"why,omitempty"`   // it is too short
	Found evidence.Detector `json:"found,omitzero"`
}

// hourOf is the hour of the past that an instant is compared with. Hours of different
// queries begin at different minutes, so that launches do not all ask at once.
func hourOf(query string, at time.Time) int64 {
	return (at.Unix() - hourShift(query)) / 3600
}

func hourShift(query string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(query))
	return int64(h.Sum32() % 3600)
}

// seasoned asks for the value of now and, where it is a new hour, for its past.
func (s *sight) seasoned(ctx context.Context, source Source, look Look, b rampart.Baseline, known *seasonal, at time.Time) {
	if s.value, s.err = source.Value(ctx, b.Query, at); s.err != nil {
		return
	}
	hour := hourOf(b.Query, at)
	if known != nil && known.Hour == hour && (known.Past.Scale > 0 || look.tick()-known.Asked < pastAgain.Milliseconds()) {
		return
	}
	pairs, err := pastOf(ctx, source, b.Query, time.Unix(hour*3600+hourShift(b.Query), 0), look.Every)
	if err != nil {
		// The hour before is near enough until the provider answers again.
		if known == nil || known.Past.Scale == 0 || hour-known.Hour > 1 {
			s.err = err
		}
		return
	}
	s.past = &seasonal{Hour: hour, Asked: look.tick()}
	var before evidence.Season
	if known != nil {
		before = known.Past
	}
	if s.past.Past, err = evidence.NewSeason(pairs, before); err != nil {
		s.past.Why = err.Error()
	}
}

// pastOf asks for the values at one hour of earlier weeks. Values that are not there
// are left out; the error is that of a provider that does not answer.
func pastOf(ctx context.Context, source Source, query string, hour time.Time, every time.Duration) ([]evidence.Pair, error) {
	type answer struct {
		value float64
		err   error
	}
	var answers [pastWeeks * pastInstants][2]answer
	var all sync.WaitGroup
	for i := range answers {
		part := time.Hour / pastInstants
		at := hour.Add(-time.Duration(1+i/pastInstants)*7*24*time.Hour + part*time.Duration(i%pastInstants) + part/2)
		for j, instant := range []time.Time{at.Add(-every), at} {
			all.Go(func() { answers[i][j].value, answers[i][j].err = source.Value(ctx, query, instant) })
		}
	}
	all.Wait()
	var pairs []evidence.Pair
	for _, a := range answers {
		if err := errors.Join(a[0].err, a[1].err); err == nil {
			pairs = append(pairs, evidence.Pair{Before: a[0].value, Now: a[1].value})
		}
		for _, one := range a {
			var none *NoData
			if one.err != nil && !errors.As(one.err, &none) {
				return nil, one.err
			}
		}
	}
	return pairs, nil
}

// season takes the value of one tick into what is known of a change.
func (g *gate) season(look Look, b rampart.Baseline, saw sight) error {
	if g.Season == nil {
		g.Season = new(seasonal)
	}
	s := g.Season
	if saw.past != nil {
		s.Hour, s.Asked, s.Past, s.Why = saw.past.Hour, saw.past.Asked, saw.past.Past, saw.past.Why
	}
	g.Value = saw.value
	if s.Past.Scale == 0 {
		return &NoData{s.Why + ", of the same hour of at least two earlier weeks"}
	}
	_, err := s.Found.Fold(look.tick(), saw.value, s.Past, b.Worse == rampart.WorseLower, look.Every, alarm(look))
	return err
}

// alarm is the logarithm of the evidence of a change at which a baseline is broken: as
// many ticks as there are in a year, because that is how far apart false alarms then
// are on average.
func alarm(look Look) float64 { return math.Log(max(1000, float64(falseAlarms/look.Every))) }

// changed reads the verdict on a baseline off what is known of it. It is a bound with
// a stated rate of false alarms a year, and not one a launch, so that it passes as
// bounds do.
func (g *gate) changed(look Look, name string, v *rampart.GateVerdict) {
	s, limit := g.Season, alarm(look)
	how := fmt.Sprintf("%s %s, usually %s ± %s at this hour of the week", name, number(g.Value), number(s.Past.Median), number(s.Past.Scale))
	e := s.Found.LogE()
	v.Value, v.LogE, v.Share = &g.Value, digits(e), digits(min(1, math.Exp(e-limit)))
	switch {
	case e >= limit:
		v.Word, v.Reason = rampart.Breach, how+": it has changed"
	case !look.HoldOver:
		v.Word, v.Reason = rampart.Holding, how
	case g.Run < enough:
		v.Word, v.Reason = rampart.Holding, fmt.Sprintf("%s, at %d of %d ticks in a row", how, g.Run, enough)
	default:
		v.Word, v.Reason = rampart.Pass, how
	}
}
