package flagstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/rampart-dev/rampart"
)

const (
	// MaxPoints bounds the series of a launch. Where there are as many, every second
	// one is dropped, so a launch of two months is told as evenly as one of an hour.
	MaxPoints = 256
	// SeriesLife is how long a series outlives its last point: a flag is retired, and
	// its launch looked back at, within a year.
	SeriesLife = 400 * 24 * time.Hour
)

// A Point is what one look came to, as plots and reports show it. Figures are kept to
// four digits, and units in whole.
type Point struct {
	At          int64           `json:"at"` // the tick, ms since 1970
	Phase       rampart.Phase   `json:"phase"`
	Exposure    rampart.Percent `json:"exposure"`
	Word        rampart.Word    `json:"word"`
	Share       float64         `json:"share,omitempty"`       // of the launch's limit that its evidence has reached
	SampleRatio *RatioPoint     `json:"sampleRatio,omitempty"` // of the arms
	Gates       []GatePoint     `json:"gates,omitempty"`
}

// A RatioPoint is that of [rampart.SampleRatio] which changes.
type RatioPoint struct {
	On   int64   `json:"on"` // units first seen since first exposure
	Off  int64   `json:"off"`
	LogE float64 `json:"logE"`
}

// A GatePoint is what one look came to at one gate. The fields are those of
// [rampart.GateVerdict].
type GatePoint struct {
	Gate  string           `json:"gate"`
	Kind  rampart.GateKind `json:"kind"`
	Word  rampart.Word     `json:"word"`
	Value *float64         `json:"value,omitempty"`
	Low   *float64         `json:"low,omitempty"`
	High  *float64         `json:"high,omitempty"`
	LogE  float64          `json:"logE,omitempty"`
	Share float64          `json:"share,omitempty"`
	OnN   float64          `json:"onN,omitempty"`
	OffN  float64          `json:"offN,omitempty"`
	Phi   float64          `json:"phi,omitempty"`
}

// PutLook keeps what a look came to: the evidence as [Store.PutEvidence] does, and with
// it, in the same breath, the point of the launch's series. A tick that is refused adds
// no point, and one that is written again adds none either.
func (s *Store) PutLook(ctx context.Context, flag, run string, blob []byte, p Point) error {
	packed, layout, err := p.pack()
	if err != nil {
		return fmt.Errorf("keep the look at %s: %w", flag, err)
	}
	return s.putEvidence(ctx, flag, run, p.At, blob, packed, layout)
}

// Series returns the points of a launch, the oldest first: at most [MaxPoints] that lie
// evenly among the looks, and the last. It is empty where there are none.
func (s *Store) Series(ctx context.Context, flag, run string) ([]Point, error) {
	do := "read the series of " + flag
	key, err := s.runKey("series", flag, run)
	if err != nil {
		return nil, wrap(do, err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	fields, err := s.rdb.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, s.fault(do, err)
	}
	var all []Point
	for i := 0; ; i++ {
		part, there := fields["points:"+strconv.Itoa(i)]
		if !there {
			break
		}
		if all, err = unpack(all, part, fields); err != nil {
			return nil, wrap(do, err)
		}
	}
	all, err = unpack(all, fields["latest"], fields)
	return all, wrap(do, err)
}
