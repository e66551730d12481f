package annotations

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// Options say what is annotated, and where.
type Options struct {
	Store      *flagstore.Store
	Grafana    Grafana
	Registerer prometheus.Registerer
	Log        *zap.Logger
	Every      time.Duration // between two looks at the stream, a second by default
}

// A Follower marks the changes of one environment.
type Follower struct {
	store   *flagstore.Store
	grafana *grafana
	log     *zap.Logger
	every   time.Duration
	holder  string
	meter   meter

	place   string // of the last event that is done with; empty: what the store has kept
	unsure  bool   // the next event may have been marked before
	failing bool
}

const (
	// cursor is the name of the follower's place in the store.
	cursor = "annotations"
	// life is how long a worker that says nothing holds the place: longer than it waits
	// between two attempts.
	life = time.Minute
	// maxWait is between two attempts while Grafana does not take annotations.
	maxWait = 30 * time.Second
)

// New returns a follower. It connects to nobody.
func New(o Options) (*Follower, error) {
	g, err := newGrafana(o.Grafana)
	if err != nil {
		return nil, err
	}
	f := &Follower{store: o.Store, grafana: g, log: o.Log, every: o.Every, holder: rand.Text()}
	if f.every == 0 {
		f.every = time.Second
	}
	f.meter = newMeter(o.Registerer)
	return f, nil
}

// Run follows until the context ends, and then lets another worker follow.
func (f *Follower) Run(ctx context.Context) {
	defer func() {
		if err := f.store.ReleaseCursor(context.WithoutCancel(ctx), cursor, f.holder); err != nil {
			f.log.Warn("another worker annotates only after a while", zap.Duration("while", life), zap.Error(err))
		}
	}()
	wait := f.every
	for {
		err := f.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			wait, f.failing = f.every, false
		default:
			f.complain(err)
			wait = min(2*wait, max(maxWait, f.every))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// complain logs the first failure of several, because a Grafana that is away stays so
// for a while; each is counted.
func (f *Follower) complain(err error) {
	f.meter.counted(failed)
	if !f.failing {
		f.log.Warn("changes of exposure are not annotated for now", zap.Error(err), zap.String("hint", rampart.HintOf(err)))
	}
	f.failing = true
}

// pass marks what has happened since the last.
func (f *Follower) pass(ctx context.Context) error {
	held, err := f.hold(ctx)
	if err != nil || !held {
		f.meter.waiting.Set(0)
		return err
	}
	events, err := f.store.EventsAfter(ctx, f.place)
	if err != nil {
		return err
	}
	for _, e := range events {
		f.meter.waiting.Set(max(0, time.Since(time.UnixMilli(e.At)).Seconds()))
		if err := f.annotate(ctx, e); err != nil {
			return err
		}
		f.place, f.unsure = e.ID, false
		if held, err := f.hold(ctx); err != nil || !held {
			return err
		}
	}
	f.meter.waiting.Set(0)
	return nil
}

// hold claims the place or keeps it. Where nobody has followed before, what has happened
// until now is not annotated.
func (f *Follower) hold(ctx context.Context) (bool, error) {
	kept, held, err := f.store.HoldCursor(ctx, cursor, f.holder, life, f.place)
	switch {
	case err != nil:
		return false, err
	case !held:
		f.place = ""
		return false, nil
	case kept == "":
		last, err := f.store.Events(ctx, "", 1)
		if err != nil {
			return false, err
		}
		f.place = "0-0"
		if len(last) > 0 {
			f.place = last[0].ID
		}
		_, held, err = f.store.HoldCursor(ctx, cursor, f.holder, life, f.place)
		return held, err
	case f.place != kept: // another one has followed until there
		f.place, f.unsure = kept, true
	}
	return true, nil
}

// annotate marks one event: the change, and the step that it ended.
func (f *Follower) annotate(ctx context.Context, e rampart.Event) error {
	if !changes(e) {
		return nil
	}
	before, err := f.before(ctx, e)
	if err != nil {
		return err
	}
	for _, a := range marks(f.store.Environment(), e, before) {
		if f.unsure {
			// The first two tags name the event, and the kind of mark.
			switch known, err := f.grafana.has(ctx, a.Tags[:2]...); {
			case err != nil:
				return err
			case known:
				f.meter.counted(repeated)
				continue
			}
		}
		switch err := f.grafana.mark(ctx, a); {
		case err == nil:
			f.meter.counted(sent)
		case rampart.KindOf(err) == rampart.Refused:
			f.meter.counted(refused)
			f.log.Error("an annotation was refused", zap.String("flag", e.Flag), zap.String("event", e.ID), zap.Error(err))
		default:
			return err
		}
	}
	return nil
}

// before returns the change of the flag before this one, or nil.
func (f *Follower) before(ctx context.Context, e rampart.Event) (*rampart.Event, error) {
	const enough = 20 // among which are takings of the pen, and kills
	all, err := f.store.HistoryBefore(ctx, e.Flag, e.ID, enough)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if changes(all[i]) {
			return &all[i], nil
		}
	}
	return nil, nil
}
