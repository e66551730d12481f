package gates

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
)

// maxFlags is how many flags are asked for in one query.
const maxFlags = 200

// crowds ask for many flags in one query. Launches come one by one, each with its
// own flag, but at the same ticks: so a query for one of them asks for the others
// too that are known to be about to come.
type crowds struct {
	maxSeries int   // of one answer
	maxBytes  int64 // likewise
	parallel  int   // queries of one scope at once

	mu    sync.Mutex
	all   map[scope]*crowd
	swept time.Time // when those that are over were last looked for
}

// A scope is what a crowd asks about its flags.
type scope struct {
	selector string
	window   time.Duration
}

// reap asks for some flags at once.
type reap func(ctx context.Context, flags []string) (*harvest, error)

// get returns what there is of a flag at an instant.
func (c *crowds) get(ctx context.Context, s scope, q CountQuery, ask reap) found {
	return c.of(s).get(ctx, q, ask)
}

// of returns the crowd of a scope, and drops those whose launches are over.
func (c *crowds) of(s scope) *crowd {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.swept) > forgetCrowds/4 {
		c.swept = now
		for old, idle := range c.all {
			if now.Sub(idle.used) > forgetCrowds {
				delete(c.all, old)
			}
		}
	}
	w := c.all[s]
	if w == nil {
		w = &crowd{limits: c, size: maxFlags, lastAsked: map[string]instant{}}
		if c.all == nil {
			c.all = map[scope]*crowd{}
		}
		c.all[s] = w
	}
	w.used = now
	return w
}

// forgetCrowds is when the samples of a crowd are let go of that nobody has asked for.
// Launches whose ticks lie further apart begin anew.
const forgetCrowds = 10 * time.Minute

// A crowd is the flags that are asked for in one scope.
type crowd struct {
	limits *crowds
	used   time.Time // guarded by limits.mu

	mu        sync.Mutex
	size      int                // flags of one query, fewer where they have many series
	lastAsked map[string]instant // by flag
	rounds    []*round           // oldest first
}

// An instant is when a flag was last asked for, and how long after the time before.
type instant struct {
	at   time.Time
	pace time.Duration
}

// due reports whether the flag is likely to be asked for at a later instant: not
// before its pace is over.
func (i instant) due(to time.Time) bool { return to.Sub(i.at) >= i.pace && !i.gone(to) }

// gone reports whether nobody is likely to ask for the flag again.
func (i instant) gone(to time.Time) bool { return to.Sub(i.at) > 3*i.pace }

// A round is all queries for one instant.
type round struct {
	to      time.Time
	queries map[string]*query // by flag
	waiting []*query          // for a place among those that run
	running int
}

// A query asks for some flags. It is read once done is closed.
type query struct {
	flags []string
	asked time.Time
	done  chan struct{}
	found map[string]found
}

// keepRounds is how many instants are kept: the present one, and the one before it
// for launches that are late.
const keepRounds = 2

// get returns what there is of a flag at an instant. The query goes on when the
// first who wanted it gives up.
func (w *crowd) get(ctx context.Context, q CountQuery, ask reap) found {
	query := w.join(context.WithoutCancel(ctx), q, ask)
	select {
	case <-query.done:
		return query.found[q.Flag]
	case <-ctx.Done():
		return found{err: ctx.Err()}
	}
}

// join returns the query that has the flag, and makes one where there is none.
func (w *crowd) join(ctx context.Context, q CountQuery, ask reap) *query {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.round(q.To)
	before := w.lastAsked[q.Flag]
	if q.To.After(before.at) {
		w.lastAsked[q.Flag] = instant{q.To, or(q.Pace, q.Every)}
	}
	if running := r.queries[q.Flag]; running != nil && !running.failed(q.Flag) {
		return running
	}
	if n := len(r.waiting); n == 0 || len(r.waiting[n-1].flags) >= w.size {
		r.waiting = append(r.waiting, &query{done: make(chan struct{}), found: map[string]found{}})
	}
	mine := r.waiting[len(r.waiting)-1]
	mine.flags = append(mine.flags, q.Flag)
	r.queries[q.Flag] = mine
	if before.due(q.To) {
		w.start(ctx, r, ask)
		return mine
	}
	// Nobody could tell that this flag would come, as after the start of a worker. It
	// seldom comes alone then.
	time.AfterFunc(linger, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.start(ctx, r, ask)
	})
	return mine
}

// linger is how long a flag that comes unexpectedly waits for others.
const linger = 20 * time.Millisecond

// start runs the first waiting query where there is a place for it. While there is
// none, those who come join the last.
func (w *crowd) start(ctx context.Context, r *round, ask reap) {
	if len(r.waiting) == 0 || r.running >= w.limits.parallel {
		return
	}
	next := r.waiting[0]
	r.waiting = r.waiting[1:]
	r.running++
	w.invite(r, next)
	next.asked = time.Now()
	go func() {
		h := w.run(ctx, next.flags, next.found, ask)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.learn(h)
		close(next.done)
		r.running--
		w.start(ctx, r, ask)
	}()
}

// invite adds flags to a query that are about to be asked for.
func (w *crowd) invite(r *round, next *query) {
	for flag, last := range w.lastAsked {
		switch {
		case last.gone(r.to):
			delete(w.lastAsked, flag)
		case len(next.flags) >= w.size:
			return
		case last.due(r.to) && r.queries[flag] == nil:
			next.flags = append(next.flags, flag)
			r.queries[flag] = next
		}
	}
}

// run asks for flags, and where the answer is too large, for half of them at a time.
// It returns the largest harvest.
func (w *crowd) run(ctx context.Context, flags []string, into map[string]found, ask reap) *harvest {
	slices.Sort(flags) // the same flags make the same query
	h, err := ask(ctx, flags)
	if len(flags) > 1 && (errors.Is(err, errTooMany) || errors.Is(err, errTooLarge)) {
		half := len(flags) / 2
		a, b := w.run(ctx, flags[:half], into, ask), w.run(ctx, flags[half:], into, ask)
		if a == nil || b != nil && b.samples > a.samples {
			return b
		}
		return a
	}
	if errors.Is(err, errTooMany) || errors.Is(err, errTooLarge) {
		err = rampart.Errorf(rampart.Unreachable, "%s: %s has more than %d series or %d bytes of samples",
			err, flags[0], w.limits.maxSeries, w.limits.maxBytes).WithHint("narrow the selector, or aggregate labels away when scraping")
	}
	for _, flag := range flags {
		if err != nil {
			into[flag] = found{err: err}
			continue
		}
		into[flag] = found{series: h.flags[flag], targets: h.targets}
	}
	return h
}

// learn fits the size of a query to what flags have, so that an answer has half of
// what would be too large.
func (w *crowd) learn(h *harvest) {
	if h == nil || h.series == 0 || len(h.flags) == 0 {
		return
	}
	const seriesBytes, sampleBytes = 250, 26 // of JSON: labels; time and value
	n := len(h.flags)
	bySeries := w.limits.maxSeries / 2 * n / h.series
	byBytes := int(w.limits.maxBytes / 2 * int64(n) / int64(h.series*seriesBytes+h.samples*sampleBytes))
	w.size = min(maxFlags, max(1, min(bySeries, byBytes)))
}

// failed reports whether the flag's answer is a failure that is old enough to ask
// again.
func (q *query) failed(flag string) bool {
	select {
	case <-q.done:
		return q.found[flag].err != nil && time.Since(q.asked) > rememberFailures
	default:
		return false
	}
}

// round returns that of an instant, and drops old ones.
func (w *crowd) round(to time.Time) *round {
	for _, r := range w.rounds {
		if r.to.Equal(to) {
			return r
		}
	}
	r := &round{to: to, queries: map[string]*query{}}
	w.rounds = append(w.rounds, r)
	if len(w.rounds) > keepRounds {
		w.rounds = slices.Delete(w.rounds, 0, len(w.rounds)-keepRounds)
	}
	return r
}
