package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/bench/figure"
	"github.com/rampart-dev/rampart/flagstore"
)

// killing compares kills with bare publishes, of as many bytes to as many
// subscribers, taken in turns. A kill has been seen by a reader when the reader's
// decision is off, a publish when the subscriber has received it. The clock starts
// before the call and stops when the last one of them has seen it.
var killing = benchmark{names: []string{"kill_p99_over_publish_p99"}, run: kill}

const (
	readers      = 1000
	killedFlags  = 20 // each is killed in its turn, and then all are restored
	killPatience = 30 * time.Second
)

func killed(i int) string { return fmt.Sprintf("checkout-v%d", i%killedFlags) }

func kill(ctx context.Context, b *bench) ([]figure.Figure, error) {
	rdb, err := dial(b.stack.Redis)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rdb.Close() }()
	store := flagstore.New(rdb, "bench-kill")
	size, err := prepareKills(ctx, store, rdb)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	f, err := openFleet(ctx, b.stack.Redis, store.Environment())
	if err != nil {
		return nil, err
	}
	defer f.close()
	subscribers, err := subscribe(ctx, b.stack.Redis)
	if err != nil {
		return nil, err
	}
	defer subscribers.close()
	b.say(fmt.Sprintf("%d clients with their replicas and %d bare subscribers, ready after %s; messages of %d bytes",
		readers, readers, time.Since(began).Round(100*time.Millisecond), size))

	d := &duel{store: store, fleet: f, rdb: rdb, bare: subscribers, payload: strings.Repeat("x", size)}
	if err := d.run(ctx, b.samples(300, 60)); err != nil {
		return nil, err
	}
	b.table("\tp50 ms\tp99 ms\tlargest ms",
		"kill, to the last of the readers\t"+spread(d.kills),
		"bare publish, to the last of the subscribers\t"+spread(d.publishes),
		"kill, acknowledged by the store\t"+spread(d.acknowledged),
		"kill, confirmed by all readers in the store\t"+spread(d.confirmed))
	p50, p99 := d.kills.Median()/d.publishes.Median(), d.kills.Quantile(0.99)/d.publishes.Quantile(0.99)
	b.say(fmt.Sprintf("ratio of the p50: %.2f, of the p99: %.2f", p50, p99))
	return []figure.Figure{{Name: "kill_p99_over_publish_p99", Value: p99, Most: 1.5}}, nil
}

// prepareKills writes the flags, with everybody on, and returns the size of the
// message that a kill publishes.
func prepareKills(ctx context.Context, store *flagstore.Store, rdb *redis.Client) (int, error) {
	if err := store.Setup(ctx, "bench"); err != nil {
		return 0, err
	}
	pen := rampart.Pen{Owner: "bench", Fence: time.Now().UnixMilli()}
	for i := range killedFlags {
		plan := rampart.Plan{Flag: killed(i), Owner: "bench", Purpose: "To be killed"}.WithDefaults()
		f := plan.NewFlag()
		f.Exposure = rampart.Full
		if _, err := store.Put(ctx, flagstore.Write{Flag: f, Pen: pen, Verb: "set", By: "bench"}); err != nil {
			return 0, err
		}
	}
	listener := rdb.PSubscribe(ctx, "rampart:{"+store.Environment()+"}:*")
	defer func() { _ = listener.Close() }()
	if _, err := listener.Receive(ctx); err != nil {
		return 0, fmt.Errorf("listen: %w", err)
	}
	k, err := store.Kill(ctx, killed(0), "bench", reason(0))
	if err != nil {
		return 0, err
	}
	message, err := listener.ReceiveMessage(ctx)
	if err != nil {
		return 0, fmt.Errorf("listen: %w", err)
	}
	_, err = store.Lift(ctx, killed(0), "bench", "the next round", k.Kill.Version)
	return len(message.Payload), err
}

// reason differs from kill to kill, because the same kill within ten seconds is a
// retry, and is as long as a person's.
func reason(i int) string { return fmt.Sprintf("support queue on fire, round %04d", i) }

// duel is kills and publishes in turns.
type duel struct {
	store   *flagstore.Store
	fleet   *fleet
	rdb     *redis.Client
	bare    *subscribers
	payload string
	dead    []rampart.Kill

	kills, publishes, acknowledged, confirmed figure.Samples // ms
}

// run alternates strictly, so that either kind finds caches as cold as the other.
func (d *duel) run(ctx context.Context, rounds int) error {
	for i := range rounds {
		if err := d.kill(ctx, i); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		if err := d.publish(ctx); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		if i%10 == 0 {
			runtime.GC() // of a thousand services at once, as nowhere else: not in the midst of a sample
		}
		if len(d.dead) == killedFlags {
			if err := d.restore(ctx); err != nil {
				return fmt.Errorf("round %d: %w", i+1, err)
			}
		}
	}
	return nil
}

func (d *duel) kill(ctx context.Context, i int) error {
	seen := d.fleet.expect(killed(i), false)
	began := time.Now()
	k, err := d.store.Kill(ctx, killed(i), "bench", reason(i+1))
	if err != nil {
		return err
	}
	acknowledged := time.Since(began)
	last, err := seen.wait(ctx)
	if err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	if err := d.quiet(ctx, k.Revision); err != nil {
		return err
	}
	d.kills = append(d.kills, ms(last.Sub(began)))
	d.acknowledged = append(d.acknowledged, ms(acknowledged))
	d.confirmed = append(d.confirmed, ms(time.Since(began)-settle))
	d.dead = append(d.dead, k.Kill)
	return nil
}

// restore brings every flag back on.
func (d *duel) restore(ctx context.Context) error {
	for _, k := range d.dead {
		seen := d.fleet.expect(k.Flag, true)
		if _, err := d.store.Lift(ctx, k.Flag, "bench", "the next round", k.Version); err != nil {
			return err
		}
		if _, err := seen.wait(ctx); err != nil {
			return fmt.Errorf("lift: %w", err)
		}
	}
	d.dead = nil
	meta, err := d.store.Meta(ctx)
	if err != nil {
		return err
	}
	if err := d.quiet(ctx, meta.Revision); err != nil {
		return err
	}
	return pause(ctx, 25*settle) // each of the changes is confirmed, the last one not last
}

func (d *duel) publish(ctx context.Context) error {
	seen := d.bare.expect()
	began := time.Now()
	if err := d.rdb.Publish(ctx, bareChannel, d.payload).Err(); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	last, err := seen.wait(ctx)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	d.publishes = append(d.publishes, ms(last.Sub(began)))
	return pause(ctx, settle)
}

// settle is how long everything rests before the next sample.
const settle = 20 * time.Millisecond

// quiet waits until all readers have confirmed, so that what they tell the store
// about one sample is no burden on the next.
func (d *duel) quiet(ctx context.Context, revision int64) error {
	got, _, err := d.store.WaitConfirmed(ctx, revision, killPatience)
	if err != nil {
		return err
	}
	if got.Confirmed < readers {
		return fmt.Errorf("%d of %d readers have confirmed after %s", got.Confirmed, got.Readers, killPatience)
	}
	return pause(ctx, settle)
}

func spread(s figure.Samples) string {
	return fmt.Sprintf("%.1f\t%.1f\t%.1f", s.Median(), s.Quantile(0.99), s.Quantile(1))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
