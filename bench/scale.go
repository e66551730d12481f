package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rampart-dev/rampart/bench/figure"
	"github.com/rampart-dev/rampart/internal/devstack"
)

// scaling watches many launches at once with one worker, on a stack of its own, and
// doubles their number until looks are no longer taken in time. All parts share the
// machine, so the figures are of all of them together.
type scaling struct {
	launches int           // to begin with
	most     int           // to end with
	every    time.Duration // between two looks

	// keep is told figures as soon as they are known: doubling takes long, and may be
	// interrupted.
	keep func([]figure.Figure) error
}

const (
	// onTime is the share of looks in time that is promised.
	onTime = 0.99
	// A look is in time within this part of the time between two looks.
	inTimePart = 10
	// scaleScrape is what Prometheus does by default.
	scaleScrape = 15 * time.Second
	// breaching is how many launches find harm at the same tick.
	breaching = 20
)

func (o scaling) name(figure string) string { return fmt.Sprintf("%s_%d", figure, o.launches) }

func (b *bench) scale(ctx context.Context, o scaling) (figures []figure.Figure, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	stack := devstack.Options{
		Say: b.say, Scrape: scaleScrape, Environment: "scale", Worker: []string{program, workerCommand},
		// The limits of the server are those of one machine. What is measured is the machine.
		Temporal: []string{"frontend.namespaceRPS=20000", "frontend.namespaceBurst=20000", "frontend.rps=20000", "history.rps=20000", "matching.rps=20000"},
	}
	err = devstack.Run(ctx, stack, func(ctx context.Context, s *devstack.Stack) error {
		l, err := openLoad(s.Starter(), o.every)
		if err != nil {
			return err
		}
		defer l.close()
		if err := s.Scrape("scaled", l.address); err != nil {
			return err
		}
		figures, err = b.climb(ctx, o, &reach{stack: s, load: l, say: b.say})
		return err
	})
	return figures, errors.Join(err, ctx.Err())
}

// climb measures at the first number of launches, and doubles it for as long as looks
// are in time.
func (b *bench) climb(ctx context.Context, o scaling, r *reach) ([]figure.Figure, error) {
	if err := r.raise(ctx, o.launches); err != nil {
		return nil, err
	}
	first, err := r.watch(ctx, b.samples(6, 3))
	if err != nil {
		return nil, err
	}
	b.table(levelHeader, first.row())
	off, err := b.breachMany(ctx, o, r)
	if err != nil {
		return nil, err
	}
	figures := []figure.Figure{
		{Name: o.name("watch_on_time_share"), Value: first.share(), Least: onTime},
		{Name: o.name("worker_rss_mb"), Value: first.after.rss / (1 << 20), Most: 1024},
		{Name: "worker_cpu_ms_per_watch", Value: first.cpuPerLook(), Most: perLook(o.every)},
		{Name: o.name("prometheus_queries_per_tick"), Value: first.queriesPerTick(), Most: queriesFor(o.launches)},
		{Name: o.name("verdict_to_off_p99_ms"), Value: off.Quantile(0.99), Most: 50},
	}
	if err := o.keep(figures); err != nil {
		return nil, err
	}
	limit, last := 0, first
	for n := 2 * o.launches; last.share() >= onTime; n *= 2 {
		if limit = last.launches; n > o.most {
			break
		}
		if err := r.raise(ctx, n); err != nil {
			return nil, err
		}
		if last, err = r.watch(ctx, 3); err != nil {
			return nil, err
		}
		b.table(levelHeader, last.row())
	}
	part, busy := last.busiest()
	b.say(fmt.Sprintf("%s used the most processor time at %d launches: %.0f %% of all cores", part, last.launches, 100*busy))
	more := []figure.Figure{
		{Name: "scale_limit_launches", Value: float64(limit), Least: float64(o.launches)},
		{Name: "scale_limit_part", Text: part},
	}
	return append(figures, more...), o.keep(more)
}

// perLook is what a look may cost where ten thousand launches have two cores.
func perLook(every time.Duration) float64 { return 2 * ms(every) / 10_000 }

// queriesFor is one query for each of two metrics and 200 flags.
func queriesFor(launches int) float64 { return float64(2 * ((launches + 199) / 200)) }

// breachMany adds launches and breaks them, some at each tick, while all the others
// are watched.
func (b *bench) breachMany(ctx context.Context, o scaling, r *reach) (figure.Samples, error) {
	groups := b.samples(5, 1)
	fresh, err := r.add(ctx, o.launches+groups*breaching)
	if err != nil {
		return nil, err
	}
	for i := range groups {
		if err := r.mid(ctx, 1); err != nil {
			return nil, err
		}
		r.load.fail(fresh[i*breaching : (i+1)*breaching])
	}
	s := &site{starter: r.load.starter}
	found := make([]turned, len(fresh))
	all, each := errgroup.WithContext(ctx)
	for i, flag := range fresh {
		all.Go(func() (err error) {
			found[i], err = s.turnedBack(each, flag)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	r.ended = len(fresh)
	var scheduled, off figure.Samples
	for _, t := range found {
		scheduled = append(scheduled, ms(t.scheduled.Sub(t.found)))
		off = append(off, ms(t.off.Sub(t.found)))
	}
	b.say(fmt.Sprintf("%d launches breached, %d at a tick, while %d others are watched", len(fresh), breaching, o.launches))
	b.table("\tp50 ms\tp99 ms\tlargest ms",
		"verdict to off in Redis\t"+spread(off),
		"verdict to the decision in Temporal\t"+spread(scheduled))
	return off, nil
}

// reach is a stack under load, and how to tell what it does.
type reach struct {
	stack *devstack.Stack
	load  *load
	say   func(string)
	ended int // launches that were turned back
}

// raise starts launches until n are watched, and waits until all of them are.
func (r *reach) raise(ctx context.Context, n int) error {
	_, err := r.add(ctx, n+r.ended)
	return err
}

func (r *reach) add(ctx context.Context, n int) ([]string, error) {
	began := time.Now()
	fresh, err := r.load.start(ctx, n)
	if err != nil {
		return nil, err
	}
	r.say(fmt.Sprintf("%d launches started in %s", len(fresh), time.Since(began).Round(time.Second)))
	return fresh, r.mid(ctx, 3) // the first looks find no counters yet
}

// mid waits for the middle between two ticks, after some more ticks.
func (r *reach) mid(ctx context.Context, ticks int) error {
	every := r.load.every
	now := time.Now()
	until := now.Truncate(every).Add(time.Duration(ticks)*every + every/2)
	if until.Sub(now) > time.Duration(ticks)*every {
		until = until.Add(-every)
	}
	return pause(ctx, until.Sub(now))
}

// watch measures over some ticks. It begins between two of them, and never stops
// early, so each launch is to be looked at so many times.
func (r *reach) watch(ctx context.Context, ticks int) (level, error) {
	l := level{launches: len(r.load.flags) - r.ended, ticks: ticks, allowed: fmt.Sprint((r.load.every / inTimePart).Seconds())}
	var err error
	if l.before, err = r.read(ctx); err != nil {
		return l, err
	}
	if err := r.mid(ctx, ticks); err != nil {
		return l, err
	}
	l.after, err = r.read(ctx)
	return l, err
}

// A level is what was measured with so many launches.
type level struct {
	launches, ticks int
	allowed         string // seconds that a look may be late
	before, after   reading
}

const levelHeader = "launches\ttaken\tin time\thalf within s\t99 % within s\tblind\tworker MiB\tworker ms a look\tqueries a tick\tprocessor time, % of one core\tload"

func (l level) row() string {
	var cpu []string
	for _, part := range parts {
		cpu = append(cpu, fmt.Sprintf("%s %.0f", part, 100*l.busy(part)))
	}
	return fmt.Sprintf("%d\t%.2f %%\t%.2f %%\t%s\t%s\t%.0f\t%.0f\t%.2f\t%.1f\t%s\t%s", l.launches,
		100*(l.after.looks-l.before.looks)/l.wanted(), 100*l.share(), l.late(0.5), l.late(0.99), l.after.blind-l.before.blind,
		l.after.rss/(1<<20), l.cpuPerLook(), l.queriesPerTick(), strings.Join(cpu, ", "), loadAverage())
}

func (l level) wanted() float64 { return float64(l.launches * l.ticks) }

// share is how many of the looks that were to be taken were taken in time.
func (l level) share() float64 {
	return (l.after.within[l.allowed] - l.before.within[l.allowed]) / l.wanted()
}

// late returns within how many seconds that part of the looks was taken.
func (l level) late(part float64) string {
	for _, seconds := range lateness {
		if l.after.within[seconds]-l.before.within[seconds] >= part*(l.after.looks-l.before.looks) {
			return seconds
		}
	}
	return "?"
}

func (l level) queriesPerTick() float64 {
	return (l.after.queries - l.before.queries) / float64(l.ticks)
}

func (l level) cpuPerLook() float64 {
	return ms(l.after.cpu["worker"]-l.before.cpu["worker"]) / (l.after.looks - l.before.looks)
}

// busy returns the processor time that a part used, in cores.
func (l level) busy(part string) float64 {
	return (l.after.cpu[part] - l.before.cpu[part]).Seconds() / l.after.at.Sub(l.before.at).Seconds()
}

// busiest returns the part that used the most processor time, and how much of all
// cores that was.
func (l level) busiest() (part string, share float64) {
	for _, p := range parts[:len(parts)-1] { // all but this process
		if used := l.busy(p) / float64(runtime.NumCPU()); used > share {
			part, share = p, used
		}
	}
	return part, share
}
