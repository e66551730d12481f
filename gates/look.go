package gates

import (
	"context"
	"time"

	"github.com/rampart-dev/rampart"
)

// A Look is one look at the gates of a step.
type Look struct {
	Flag        string
	Environment string
	Gates       []rampart.Gate  // of the stage, with their breach policies: Plan.GatesOf
	Alpha       rampart.Percent // the error budget of this attempt of the launch; 0 means 5 %
	Phase       rampart.Phase
	PhaseIndex  int             // among the plan's stages
	Phases      int             // stages of the plan
	Schedule    Schedule        // of the plan; the zero value foresees no restarts
	Exposure    rampart.Percent // by bucket
	Exposing    bool            // somebody is on, be it by rule

	At    time.Time     // the tick, a multiple of Every
	Every time.Duration // between two ticks

	FirstExposed time.Time // zero before the first exposure
	NotBefore    time.Time // when this launch took over from another one of the flag; zero: there was none
	StepSince    time.Time // when the step's exposure was written
	HoldOver     bool      // the hold is over if the gates pass

	SampleRatio bool              // compare the units of the arms with the allocation: where the unit is not the request
	Goals       []rampart.Goal    // of the plan; counted in the maximum power ramp
	NonInferior bool              // not to be worse is enough, goals or not
	Decide      bool              // its hold is over: say what it comes to
	CapAt       time.Time         // when it ends at the latest, however often it is extended
	LooksEvery  time.Duration     // between two looks at goals; 0: a day
	Recommend   bool              // say how far the ramp may go
	Ladder      []rampart.Percent // the steps that may be chosen, up to the stage's cap

	pace time.Duration // that was to pass since the last look: Every, or some of it
}

// A Source answers for metrics. [Prometheus] is the one of production.
//
// Its errors mean that there was no answer, except *[NoData], which means that the
// answer did not have what was asked for.
type Source interface {
	// Value evaluates a query that has one value at an instant.
	Value(ctx context.Context, query string, at time.Time) (float64, error)
	// Count tells by how much counters grew, one answer for each counter asked for.
	Count(ctx context.Context, q CountQuery) []Counted
}

// NoData is the error of a source that answered, but without what was asked for.
type NoData struct{ Reason string }

// Error implements error.
func (e *NoData) Error() string { return e.Reason }

func (l Look) check() error {
	switch {
	case l.Flag == "":
		return rampart.Errorf(rampart.Invalid, "a look needs a flag")
	case l.Every <= 0:
		return rampart.Errorf(rampart.Invalid, "the gates of %s are to be judged every %s", l.Flag, l.Every)
	case l.At.IsZero():
		return rampart.Errorf(rampart.Invalid, "a look at the gates of %s has no tick", l.Flag)
	case l.Exposure < 0 || l.Exposure > rampart.Full:
		return rampart.Errorf(rampart.Invalid, "%s cannot be exposed to %s", l.Flag, l.Exposure)
	case l.Alpha < 0 || l.Alpha >= rampart.Full:
		return rampart.Errorf(rampart.Invalid, "%s cannot have an error budget of %s", l.Flag, l.Alpha)
	}
	for _, g := range l.Gates {
		if err := Judges(g); err != nil {
			return err
		}
	}
	return nil
}

// alpha returns the error budget as a fraction of one.
func (l Look) alpha() float64 {
	if l.Alpha == 0 {
		return rampart.DefaultAlpha.Share()
	}
	return l.Alpha.Share()
}

// tick returns the time that identifies the look's tick.
func (l Look) tick() int64 { return l.At.UnixMilli() }
