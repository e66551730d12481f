package flagstore

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
)

// An Entry is all that the store knows of one flag.
type Entry struct {
	Flag  rampart.Flag       `json:"flag"`
	Kill  *rampart.Kill      `json:"kill,omitempty"`
	Lease *rampart.LeaseTerm `json:"lease,omitempty"`
	Owner string             `json:"owner,omitempty"` // who holds the pen

	// Unreadable says why the document could not be decoded; Flag then holds what
	// could. One such document spoils no other.
	Unreadable string `json:"unreadable,omitempty"`
}

// Get reads one flag. Flags that were removed are not found.
func (s *Store) Get(ctx context.Context, flag string) (Entry, error) {
	e, version, err := s.find(ctx, flag)
	if err != nil {
		return e, wrap("read "+flag, err)
	}
	if version == 0 || e.Flag.Removed {
		return Entry{}, notFound("flag", flag)
	}
	return e, nil
}

// List reads all flags, sorted by name.
func (s *Store) List(ctx context.Context) ([]Entry, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var state, pens, leases *redis.MapStringStringCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		state, pens, leases = p.HGetAll(ctx, s.key("state")), p.HGetAll(ctx, s.key("pens")), p.HGetAll(ctx, s.key("leases"))
		return nil
	})
	if err != nil {
		return nil, s.fault("list flags", err)
	}
	var all []Entry
	for _, field := range slices.Sorted(maps.Keys(state.Val())) {
		name, ok := strings.CutPrefix(field, "f:")
		if !ok {
			continue
		}
		e, version := entry(name, state.Val()[field], state.Val()["k:"+name], pens.Val()["owner:"+name], leases.Val()[name])
		if version > 0 && !e.Flag.Removed {
			all = append(all, e)
		}
	}
	return all, nil
}

// find reads one flag, and the version that its field has: 0 where there is none.
func (s *Store) find(ctx context.Context, flag string) (Entry, int64, error) {
	if err := rampart.CheckName("a flag", flag); err != nil {
		return Entry{}, 0, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var state *redis.SliceCmd
	var pen, lease *redis.StringCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		state = p.HMGet(ctx, s.key("state"), "f:"+flag, "k:"+flag)
		pen, lease = p.HGet(ctx, s.key("pens"), "owner:"+flag), p.HGet(ctx, s.key("leases"), flag)
		return nil
	})
	if err != nil && err != redis.Nil {
		return Entry{}, 0, s.fault("read", err)
	}
	a := texts(state.Val())
	e, version := entry(flag, a.text(0), a.text(1), pen.Val(), lease.Val())
	return e, version, nil
}

// entry puts together what the fields of one flag say.
func entry(name, document, kill, owner, lease string) (Entry, int64) {
	e := Entry{Owner: owner}
	version, text := split(document)
	if version > 0 {
		f, err := rampart.DecodeFlag([]byte(text))
		if err != nil {
			e.Unreadable = err.Error()
		}
		f.Name, f.Version = name, version
		e.Flag = f
	}
	if v, text := split(kill); v > 0 {
		if k, err := readKill(name, v, text); err == nil {
			e.Kill = &k
		}
	}
	e.Lease = readLease(name, lease)
	return e, version
}

func readLease(flag, field string) *rampart.LeaseTerm {
	version, text := split(field)
	end, err := strconv.ParseInt(text, 10, 64)
	if version == 0 || err != nil {
		return nil
	}
	return &rampart.LeaseTerm{Flag: flag, Version: version, End: end}
}

// split reads a field "version text". What cannot be read counts as not there, as
// it does for the scripts: whoever owns it finds it lost, and writes it again.
func split(field string) (version int64, text string) {
	number, text, ok := strings.Cut(field, " ")
	version, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || version < 0 {
		return 0, ""
	}
	return version, text
}
