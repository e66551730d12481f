package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/bench/deciding"
	"github.com/rampart-dev/rampart/bench/figure"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/relay"
)

// keeping measures what a replica of a thousand flags takes of memory.
var keeping = benchmark{names: []string{"snapshot_bytes_per_flag"}, run: keep}

func keep(ctx context.Context, b *bench) ([]figure.Figure, error) {
	const replicas = 20
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what finalizers of the first let go of
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before, open := heap(), make([]*client.Client, 0, replicas)
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for range replicas {
		c, err := deciding.Open(ctx)
		if err != nil {
			return nil, err
		}
		open = append(open, c)
	}
	each := (heap() - before) / replicas / deciding.Flags
	b.say(fmt.Sprintf("%d replicas of %d flags, %d of them with a launch and its counters", replicas, deciding.Flags, deciding.Launched))
	return []figure.Figure{{Name: "snapshot_bytes_per_flag", Value: each, Told: true}}, nil
}

// following measures what following costs: a whole resynchronisation beside one bare
// HGETALL of the same thousand flags, and what an idle reader asks of Redis, directly and
// behind a relay.
var following = benchmark{names: []string{"resync_over_hgetall_1000", "reader_redis_ops_per_s", "relayed_reader_redis_ops_per_s"}, run: follow}

func follow(ctx context.Context, b *bench) ([]figure.Figure, error) {
	rdb, err := dial(b.stack.Redis)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rdb.Close() }()
	store := flagstore.New(rdb, "bench-follow")
	if err := store.Setup(ctx, "bench"); err != nil {
		return nil, err
	}
	for i := range deciding.Flags {
		f := rampart.Plan{Flag: deciding.FlagName(i), Owner: "bench", Purpose: "To be followed"}.WithDefaults().NewFlag()
		f.Exposure = deciding.Share
		if _, err := store.Put(ctx, flagstore.Write{Flag: f, Pen: rampart.Pen{Owner: "bench", Fence: time.Now().UnixMilli()}, Verb: "set", By: "bench", Reason: "bench"}); err != nil {
			return nil, err
		}
	}
	ratio, err := resync(ctx, b, store, rdb)
	if err != nil {
		return nil, err
	}
	direct, relayed, err := asked(ctx, b, store, rdb)
	if err != nil {
		return nil, err
	}
	return []figure.Figure{
		{Name: "resync_over_hgetall_1000", Value: ratio, Most: 3},
		{Name: "reader_redis_ops_per_s", Value: direct, Told: true},
		{Name: "relayed_reader_redis_ops_per_s", Value: relayed, Told: true},
	}, nil
}

// resync takes turns between a bare HGETALL and a gap in what a client follows, up to
// where it follows again.
func resync(ctx context.Context, b *bench, store *flagstore.Store, rdb *redis.Client) (float64, error) {
	feed := &gapFeed{Store: store, gap: make(chan struct{}), idle: make(chan struct{})}
	c, err := openReader(ctx, func(o *client.Options) { o.Feed = feed })
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	var bare, whole figure.Samples
	await := func(ch <-chan struct{}) error {
		select {
		case <-ch:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := await(feed.idle); err != nil {
		return 0, err
	}
	for range b.samples(300, 60) {
		began := time.Now()
		if fields, err := rdb.HGetAll(ctx, "rampart:{"+store.Environment()+"}:state").Result(); err != nil || len(fields) < deciding.Flags {
			return 0, fmt.Errorf("read %d fields: %w", len(fields), err)
		}
		bare = append(bare, float64(time.Since(began).Microseconds()))
		began = time.Now()
		feed.gap <- struct{}{}
		if err := await(feed.idle); err != nil {
			return 0, err
		}
		whole = append(whole, float64(time.Since(began).Microseconds()))
	}
	b.table("\tp50 us\tp99 us",
		fmt.Sprintf("bare HGETALL of %d flags\t%.0f\t%.0f", deciding.Flags, bare.Median(), bare.Quantile(0.99)),
		fmt.Sprintf("resynchronisation of a client\t%.0f\t%.0f", whole.Median(), whole.Quantile(0.99)))
	return whole.Over(bare).Median(), nil
}

// gapFeed is a store's feed in which a message is missing when one asks for it.
type gapFeed struct {
	*flagstore.Store
	gap, idle chan struct{}
}

// Follow implements flagstore.Feed.
func (g *gapFeed) Follow(context.Context) (flagstore.Subscription, error) { return gaps{g}, nil }

type gaps struct{ *gapFeed }

// Next implements flagstore.Subscription. That it is called says that all before it is
// done.
func (g gaps) Next(ctx context.Context) (flagstore.Change, error) {
	select {
	case g.idle <- struct{}{}:
	case <-ctx.Done():
		return flagstore.Change{}, ctx.Err()
	}
	select {
	case <-g.gap:
		return flagstore.Change{}, nil // which no reader understands, so it loads
	case <-ctx.Done():
		return flagstore.Change{}, ctx.Err()
	}
}

// Close implements flagstore.Subscription.
func (gaps) Close() error { return nil }

func openReader(ctx context.Context, change func(*client.Options)) (*client.Client, error) {
	o := client.Options{Environment: "bench-follow", Service: "bench", Logger: slog.New(slog.DiscardHandler), Wait: killPatience}
	change(&o)
	return client.Open(ctx, o)
}

// asked counts the commands that Redis is asked while readers have nothing to do.
func asked(ctx context.Context, b *bench, store *flagstore.Store, rdb *redis.Client) (direct, relayed float64, err error) {
	r, err := relay.Open(ctx, relay.Options{Store: flagstore.Options{URL: b.stack.Redis, Environment: store.Environment()}, Log: zap.NewNop()})
	if err != nil {
		return 0, 0, err
	}
	server := httptest.NewServer(r)
	defer func() {
		_ = r.Close()
		server.CloseClientConnections()
		server.Close()
	}()
	if direct, err = idle(ctx, b, rdb, func(o *client.Options) { o.Redis = b.stack.Redis }); err != nil {
		return 0, 0, err
	}
	relayed, err = idle(ctx, b, rdb, func(o *client.Options) { o.Relay = server.URL })
	return direct, relayed, err
}

// idle returns the commands a second and reader, less what Redis is asked without them.
func idle(ctx context.Context, b *bench, rdb *redis.Client, how func(*client.Options)) (float64, error) {
	const many = 50
	span := time.Duration(b.samples(30, 12)) * time.Second
	count := func() (float64, error) {
		began, err := commands(ctx, rdb)
		if err != nil {
			return 0, err
		}
		select {
		case <-time.After(span):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		ended, err := commands(ctx, rdb)
		return (ended - began) / span.Seconds(), err
	}
	alone, err := count()
	if err != nil {
		return 0, err
	}
	for range many {
		c, err := openReader(ctx, how)
		if err != nil {
			return 0, err
		}
		defer func() { _ = c.Close() }()
	}
	with, err := count()
	return (with - alone) / many, err
}

// commands returns how many commands Redis has done.
func commands(ctx context.Context, rdb *redis.Client) (float64, error) {
	info, err := rdb.Info(ctx, "stats").Result()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(info) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "total_commands_processed:"); ok {
			return strconv.ParseFloat(n, 64)
		}
	}
	return 0, fmt.Errorf("INFO has no total_commands_processed")
}
