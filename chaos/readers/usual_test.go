package readers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/redistest"
)

// usual is how flags are usually kept: one hash, a revision that is counted up, and a
// message a change. Owners keep it beside the real store, in the same Redis, and repair
// it as they repair that; only the copies that count read it.
type usual struct {
	rdb *redis.Client
}

const usualFlags, usualRevision, usualChanges = "usual:flags", "usual:revision", "usual:changes"

// A record is what it keeps of one flag.
type record struct {
	Flag     string          `json:"flag"`
	Version  int64           `json:"version"`
	Exposure rampart.Percent `json:"exposure"`
	Killed   bool            `json:"killed"`
	Revision int64           `json:"revision,omitempty"`
}

// usualScript writes a record with the next revision, and tells everybody.
var usualScript = redis.NewScript(`
local revision = redis.call('INCR', KEYS[2])
local text = string.sub(ARGV[2], 1, -2) .. ',"revision":' .. revision .. '}'
redis.call('HSET', KEYS[1], ARGV[1], text)
redis.call('PUBLISH', KEYS[3], text)
return revision`)

func newUsual(w *world) *usual {
	return &usual{rdb: dialUsually(w, "writer", 0)}
}

// dialUsually connects as everybody does who has sentinels.
func dialUsually(w *world, kind string, i int) *redis.Client {
	c := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: redistest.Master, SentinelAddrs: w.redis.Sentinels(),
		Username: userName(kind, i), Password: password, ContextTimeoutEnabled: true,
		// Who waits for it must not be late for the real store.
		DialTimeout: 500 * time.Millisecond, ReadTimeout: 500 * time.Millisecond, MaxRetries: -1,
	})
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// put writes a record until it is acknowledged.
func (u *usual) put(ctx context.Context, r record) {
	text, err := json.Marshal(r)
	for err == nil && ctx.Err() == nil {
		if usualScript.Run(ctx, u.rdb, []string{usualFlags, usualRevision, usualChanges}, r.Flag, text).Err() == nil {
			return
		}
		pause(ctx, again)
	}
}

// keep writes a record again where another one is stored, or none.
func (u *usual) keep(ctx context.Context, want record) {
	text, err := u.rdb.HGet(ctx, usualFlags, want.Flag).Result()
	if err != nil && err != redis.Nil {
		return
	}
	var got record
	_ = json.Unmarshal([]byte(text), &got)
	got.Revision = 0
	if got != want {
		u.put(ctx, want)
	}
}

// loadUsual returns all records, and the revision.
func loadUsual(ctx context.Context, rdb *redis.Client) (all map[string]record, revision int64, err error) {
	var fields *redis.MapStringStringCmd
	var counted *redis.StringCmd
	_, err = rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		fields, counted = p.HGetAll(ctx, usualFlags), p.Get(ctx, usualRevision)
		return nil
	})
	if err != nil && err != redis.Nil {
		return nil, 0, err
	}
	all = map[string]record{}
	for flag, text := range fields.Val() {
		var r record
		if json.Unmarshal([]byte(text), &r) == nil {
			all[flag] = r
		}
	}
	revision, _ = counted.Int64()
	return all, revision, nil
}

// edit is a hand in the real store.
func (u *usual) edit(ctx context.Context, doc rampart.Flag, text []byte) error {
	return u.rdb.HSet(ctx, "rampart:{"+environment+"}:state", "f:"+doc.Name, fmt.Sprintf("%d %s", doc.Version, text)).Err()
}
