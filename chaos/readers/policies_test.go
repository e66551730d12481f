package readers_test

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/readers"
	"github.com/rampart-dev/rampart/flagstore"
)

// A policy is a usual way to keep a copy of flags.
type policy struct {
	name   string
	what   string // for the report
	rights func(reader, all []string) []string
	follow func(context.Context, *world, int, *copied) // until the context ends
}

const (
	pollEvery = time.Second
	backoff   = 100 * time.Millisecond
)

// policies are the usual ones. The first two read the real store by the same calls as
// the client does, and differ from it by what they do with what they read.
var policies = []policy{
	{"replace", "load everything whenever the subscription is new, and replace the copy; apply messages as they come", readersRights, replace},
	{"poll", "load everything once a second, and replace the copy", readersRights, poll},
	{"count", "count revisions with INCR, and apply only what has a later one", allRights, count},
}

func readersRights(reader, _ []string) []string { return reader }
func allRights(_, all []string) []string        { return all }

// A kind is the copies of one policy, and who watches them.
type kind struct {
	policy
	witness *readers.Witness
	copies  []*copied
}

// A copied is one copy.
type copied struct {
	mu    sync.Mutex
	flags map[string]readers.Sight
}

func (c *copied) sight(flag string) readers.Sight {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.flags[flag]
	s.Flag = flag
	return s
}

func (c *copied) change(change func(map[string]readers.Sight)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c.flags)
}

func (c *copied) replace(all map[string]readers.Sight) {
	c.change(func(flags map[string]readers.Sight) {
		clear(flags)
		maps.Copy(flags, all)
	})
}

func replace(ctx context.Context, w *world, i int, c *copied) {
	store := w.open("replace", i)
	for {
		_ = followAndReplace(ctx, store, c)
		if !pause(ctx, backoff) {
			return
		}
	}
}

func followAndReplace(ctx context.Context, store *flagstore.Store, c *copied) error {
	sub, err := store.Follow(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Close() }()
	snap, err := store.Load(ctx)
	if err != nil {
		return err
	}
	c.replace(copyOf(snap))
	for {
		change, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		c.change(func(flags map[string]readers.Sight) {
			if d := change.Flag; d != nil {
				flags[d.Name] = sightOf(*d, flags[d.Name].Killed)
			}
			if k := change.Kill; k != nil {
				s := flags[k.Flag]
				s.Killed = k.Killed
				flags[k.Flag] = s
			}
		})
	}
}

func poll(ctx context.Context, w *world, i int, c *copied) {
	store := w.open("poll", i)
	for {
		if snap, err := store.Load(ctx); err == nil {
			c.replace(copyOf(snap))
		}
		if !pause(ctx, pollEvery) {
			return
		}
	}
}

func copyOf(snap flagstore.Snapshot) map[string]readers.Sight {
	killed := map[string]bool{}
	for _, k := range snap.Kills {
		killed[k.Flag] = k.Killed
	}
	all := map[string]readers.Sight{}
	for _, d := range snap.Flags {
		all[d.Name] = sightOf(d, killed[d.Name])
	}
	return all
}

func sightOf(d flagstore.Document, killed bool) readers.Sight {
	var doc rampart.Flag
	_ = json.Unmarshal(d.JSON, &doc)
	return readers.Sight{Version: d.Version, Served: doc.Exposure, Killed: killed}
}

func count(ctx context.Context, w *world, i int, c *copied) {
	rdb := dialUsually(w, "count", i)
	var revision int64
	for {
		_ = followAndCount(ctx, rdb, c, &revision)
		if !pause(ctx, backoff) {
			return
		}
	}
}

func followAndCount(ctx context.Context, rdb *redis.Client, c *copied, revision *int64) error {
	sub := rdb.Subscribe(ctx, usualChanges)
	defer func() { _ = sub.Close() }()
	defer context.AfterFunc(ctx, func() { _ = sub.Close() })()
	if _, err := sub.Receive(ctx); err != nil {
		return err
	}
	all, loaded, err := loadUsual(ctx, rdb)
	if err != nil {
		return err
	}
	if loaded > *revision {
		*revision = loaded
		c.change(func(flags map[string]readers.Sight) {
			for _, r := range all {
				flags[r.Flag] = readers.Sight{Version: r.Version, Served: r.Exposure, Killed: r.Killed}
			}
		})
	}
	for {
		message, err := sub.ReceiveMessage(ctx)
		if err != nil {
			return err
		}
		var r record
		if json.Unmarshal([]byte(message.Payload), &r) != nil || r.Revision <= *revision {
			continue
		}
		*revision = r.Revision
		c.change(func(flags map[string]readers.Sight) {
			flags[r.Flag] = readers.Sight{Version: r.Version, Served: r.Exposure, Killed: r.Killed}
		})
	}
}
