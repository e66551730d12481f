package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/replace"
)

const (
	bootstrapFormat = 1
	bootstrapEvery  = 2 * time.Second // at most one write in so long
	maxBootstrap    = 256 << 20       // bytes; a file beyond is not ours
)

// A bootstrap is the file that keeps the last snapshot.
type bootstrap struct {
	Format      int                  `json:"format"`
	Environment string               `json:"environment"`
	SavedAt     time.Time            `json:"savedAt"`
	Revision    int64                `json:"revision"`
	Flags       []flagstore.Document `json:"flags,omitempty"`
	Kills       []rampart.Kill       `json:"kills,omitempty"`
	Segments    []flagstore.Document `json:"segments,omitempty"`
	Leases      []rampart.LeaseTerm  `json:"leases,omitempty"`
}

// readBootstrap joins the file. It is joined before the store is asked, whether or
// not the store answers: so a process that starts beside a store that has lost
// everything knows what the last one knew.
func (c *Client) readBootstrap() {
	if c.options.Bootstrap == "" {
		return
	}
	b, err := loadBootstrap(c.options.Bootstrap, c.options.Environment)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.log.Warn("bootstrap file cannot be used", "file", c.options.Bootstrap, "error", err)
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := time.Since(b.SavedAt); age > 0 {
		c.position.proved = time.Now().Add(-age) // from here on by the clock that nobody sets
	}
	c.joinSnapshot(flagstore.Snapshot{Flags: b.Flags, Kills: b.Kills, Segments: b.Segments}, FromBootstrap)
	for _, t := range b.Leases {
		if f := c.flags[t.Flag]; f != nil && f.registers.doc.Version == t.Version {
			c.boundLease(f, time.UnixMilli(t.End))
		}
	}
	c.publishNames()
}

func loadBootstrap(file, environment string) (b bootstrap, err error) {
	r, err := os.Open(file)
	if err != nil {
		return b, err
	}
	defer r.Close()
	if err := json.NewDecoder(io.LimitReader(r, maxBootstrap)).Decode(&b); err != nil {
		return b, err
	}
	if b.Format != bootstrapFormat || b.Environment != environment {
		return b, fmt.Errorf("format %d of environment %q", b.Format, b.Environment)
	}
	return b, nil
}

// writeBootstraps keeps the file up to date.
func (c *Client) writeBootstraps(ctx context.Context) {
	if c.options.Bootstrap == "" {
		<-ctx.Done()
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
			c.writeBootstrap()
			pause(ctx, bootstrapEvery)
		}
	}
}

// writeLastBootstrap writes the file once more if it is behind. It comes after
// everything that follows the store has ended: what came meanwhile was served, and the
// next process must know it.
func (c *Client) writeLastBootstrap() {
	select {
	case <-c.changed:
		if c.options.Bootstrap != "" {
			c.writeBootstrap()
		}
	default:
	}
}

func (c *Client) writeBootstrap() {
	b := c.bootstrapNow()
	doc, err := json.Marshal(b)
	if err == nil {
		err = replace.File(c.options.Bootstrap, doc)
	}
	if err != nil && c.unknown.first("bootstrap "+err.Error()) {
		c.log.Warn("bootstrap file cannot be written", "file", c.options.Bootstrap, "error", err)
	}
}

func (c *Client) bootstrapNow() bootstrap {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := bootstrap{Format: bootstrapFormat, Environment: c.options.Environment, SavedAt: time.Now(), Revision: c.position.revision}
	for _, f := range c.flags {
		r := &f.registers
		if r.doc.Version > 0 {
			b.Flags = append(b.Flags, r.doc)
		}
		if r.kill.Version > 0 {
			b.Kills = append(b.Kills, r.kill)
		}
		if end := r.leaseEnd(); !end.IsZero() {
			b.Leases = append(b.Leases, rampart.LeaseTerm{Flag: f.name, Version: r.doc.Version, End: end.UnixMilli()})
		}
	}
	for _, s := range c.segments {
		b.Segments = append(b.Segments, s.doc)
	}
	return b
}
