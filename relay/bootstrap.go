package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/client/relayed"
	"github.com/rampart-dev/rampart/internal/replace"
)

const (
	bootstrapFormat = 1
	bootstrapEvery  = 2 * time.Second // at most one write in so long
)

// A bootstrap is the file that keeps the last state, so that a relay which starts while
// the store is away has something to hand on.
type bootstrap struct {
	Format      int                 `json:"format"`
	Environment string              `json:"environment"`
	Proved      time.Time           `json:"proved"` // when the state was last known to be the store's
	State       json.RawMessage     `json:"state"`  // a relayed.State
	Terms       []rampart.LeaseTerm `json:"terms,omitempty"`
	Clock       time.Time           `json:"clock"` // of the store,
	At          time.Time           `json:"at"`    // when ours said so
}

// restore takes up the file, before the store is asked, whether or not that answers: so
// a relay that starts beside a store which has lost everything knows what the last knew.
func (r *Relay) restore(file string) {
	b, err := loadBootstrap(file, r.environment)
	var s relayed.State
	if err == nil {
		err = json.Unmarshal(b.State, &s)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.log.Warn("bootstrap file cannot be used", zap.String("file", file), zap.Error(err))
		}
		return
	}
	// From here on by the clock that nobody sets.
	now := time.Now()
	since := func(at time.Time) time.Time { return now.Add(-max(0, now.Sub(at))) }
	r.proved = since(b.Proved)
	r.leases.restore(b.Terms, b.Clock, since(b.At))
	r.held.restore(s, since(b.At))
}

func loadBootstrap(file, environment string) (b bootstrap, err error) {
	f, err := os.Open(file)
	if err != nil {
		return b, err
	}
	defer func() { _ = f.Close() }()
	if err := json.NewDecoder(io.LimitReader(f, relayed.MaxState)).Decode(&b); err != nil {
		return b, err
	}
	if b.Format != bootstrapFormat || b.Environment != environment {
		return b, fmt.Errorf("format %d of environment %q", b.Format, b.Environment)
	}
	return b, nil
}

// keepBootstrap writes the file whenever it is behind, and once more at the end.
func (r *Relay) keepBootstrap(ctx context.Context, file string) {
	tick := time.NewTicker(bootstrapEvery)
	defer tick.Stop()
	var written keptUntil
	failing := false
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		until, err := r.writeBootstrap(file, written)
		if err != nil && !failing {
			r.log.Warn("bootstrap file cannot be written", zap.String("file", file), zap.Error(err))
		}
		failing = err != nil
		written = until
	}
}

// keptUntil says what a file holds: so many changes of the state, and readings of leases
// that brought news.
type keptUntil struct{ changes, terms uint64 }

func (r *Relay) writeBootstrap(file string, written keptUntil) (until keptUntil, err error) {
	until = keptUntil{r.held.count(), r.leases.count()}
	status := r.client.Status()
	if until == written || status.Source != client.FromStore {
		return written, nil // nothing that the file does not hold
	}
	b := bootstrap{Format: bootstrapFormat, Environment: r.environment, Proved: time.Now().Add(-status.Staleness)}
	if b.State, err = r.held.state(); err != nil {
		return written, err
	}
	b.Terms, b.Clock, b.At = r.leases.kept()
	text, err := json.Marshal(b)
	if err == nil {
		err = replace.File(file, text)
	}
	if err != nil {
		return written, err
	}
	return until, nil
}
