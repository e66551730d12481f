package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/bench/figure"
	"github.com/rampart-dev/rampart/internal/devstack"
	"github.com/rampart-dev/rampart/starter"
)

// harming takes what harm costs on the real stack, in seconds and in requests: launches
// that are held at 5 % begin to fail in the midst of it, by the real client, counters,
// Prometheus, worker, Temporal and Redis. What other policies would have done is read
// off the same traffic.
var harming = benchmark{names: []string{
	"harm_to_all_off_s_x2", "harm_to_all_off_s_x5", "harm_ticks_to_off_x2", "harm_ticks_to_off_x5",
	"bad_requests_served_x2", "bad_requests_served_x5", "harm_bad_requests_vs_best_other_x2", "harm_bad_requests_vs_best_other_x5",
}, run: harm}

const (
	harmPercent = rampart.Percent(500)
	harmScrape  = 5 * time.Second
	harmTick    = 15 * time.Second // between two looks, unless told otherwise
	// harmAfter is how long a step was held when the first of the launches is harmed.
	harmAfter = 90 * time.Second
	// harmApart is an odd part of a tick and of a scrape, so that harm begins anywhere
	// between two.
	harmApart = 4500 * time.Millisecond
	// harmWatched is for how long others may go on deciding after the harm began.
	harmWatched = 10 * time.Minute
	harmReaders = 3
)

// sizes are how many times as often requests of the on arm fail.
var sizes = []float64{2, 5}

func harm(ctx context.Context, b *bench) (figures []figure.Figure, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	stack := devstack.Options{Say: b.say, Scrape: harmScrape, Environment: "harm", Worker: []string{program, workerCommand}}
	err = devstack.Run(ctx, stack, func(ctx context.Context, s *devstack.Stack) error {
		h := &harmer{bench: b, stack: s}
		each := b.samples(12, 3)
		for i := range each * len(sizes) {
			size := sizes[i%len(sizes)]
			h.launches = append(h.launches, &harmedLaunch{flag: fmt.Sprintf("harmed-x%.0f-%d", size, i/len(sizes)), ratio: size})
		}
		if err := h.open(ctx, program); err != nil {
			return err
		}
		if err := h.run(ctx); err != nil {
			return err
		}
		figures = h.figures()
		return nil
	})
	return figures, errors.Join(err, ctx.Err())
}

// harmer is launches that are harmed, and the service that they are launches of.
type harmer struct {
	*bench
	stack    *devstack.Stack
	control  string // URL of the service's
	launches []*harmedLaunch
}

// harmedLaunch is one launch, and what was measured of it.
type harmedLaunch struct {
	flag    string
	ratio   float64
	since   time.Time // the step began
	outcome rampart.Outcome
	told    told
	minutes []minute // from a minute after the beginning of the step
}

// open starts the service, and has its readers scraped.
func (h *harmer) open(ctx context.Context, program string) error {
	ports, err := devstack.FreePorts(1 + harmReaders)
	if err != nil {
		return err
	}
	var addresses, flags []string
	for _, port := range ports {
		addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", port))
	}
	for _, l := range h.launches {
		flags = append(flags, l.flag)
	}
	h.control = "http://" + addresses[0]
	err = h.stack.Launch(ctx, devstack.Process{Name: "service", Program: program, Args: []string{
		serviceCommand, "-redis", h.stack.Redis, "-env", h.stack.Starter().Environment(), "-control", addresses[0],
		"-metrics", strings.Join(addresses[1:], ","), "-flags", strings.Join(flags, ","),
	}}, func(ctx context.Context) error { return ready(ctx, h.control+"/metrics") })
	if err != nil {
		return err
	}
	for i, address := range addresses {
		if err := h.stack.Scrape(fmt.Sprintf("service-%d", i), address); err != nil {
			return err
		}
	}
	return nil
}

// run harms all launches, each at a time of its own, and measures.
func (h *harmer) run(ctx context.Context) error {
	all, every := errgroup.WithContext(ctx)
	for i, l := range h.launches {
		after := harmAfter + time.Duration(i)*harmApart
		all.Go(func() error {
			if err := h.walk(every, l, after); err != nil {
				return fmt.Errorf("%s: %w", l.flag, err)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	var told map[string]told
	if err := fetch(ctx, h.control+"/told", &told); err != nil {
		return err
	}
	for _, l := range h.launches {
		l.told = told[l.flag]
		slices.Sort(l.told.Bad) // the readers wrote at the same time
		slices.Sort(l.told.AsIf)
		if err := h.recall(ctx, l); err != nil {
			return fmt.Errorf("%s: %w", l.flag, err)
		}
		if err := l.check(); err != nil {
			return fmt.Errorf("%s: %w", l.flag, err)
		}
	}
	return nil
}

// walk launches one flag, harms it in the midst of its step, and waits for what others
// need to decide.
func (h *harmer) walk(ctx context.Context, l *harmedLaunch, after time.Duration) error {
	s := &site{starter: h.stack.Starter()}
	if _, err := s.starter.Start(ctx, starter.Launching{Plan: l.plan(s.starter.Environment(), h.tick), By: "bench"}); err != nil {
		return err
	}
	p, err := s.until(ctx, l.flag, func(p rampart.Progress) bool {
		return p.State == rampart.Watching && p.Exposure == harmPercent && p.StepSince > 0
	})
	if err != nil {
		return err
	}
	l.since = time.UnixMilli(p.StepSince)
	if err := pause(ctx, time.Until(l.since.Add(after))); err != nil {
		return err
	}
	if err := h.harm(ctx, l); err != nil {
		return err
	}
	watched := time.Now().Add(harmWatched)
	within, cancel := context.WithDeadline(ctx, watched)
	defer cancel()
	if l.outcome, err = s.starter.Wait(within, l.flag); err != nil {
		return err
	}
	return pause(ctx, time.Until(watched))
}

// plan is the standard one from the second step of debug on.
func (l *harmedLaunch) plan(environment string, tick time.Duration) rampart.Plan {
	stages := rampart.StandardStages()[1:]
	stages[0].Steps = []rampart.Step{{Percent: harmPercent, Hold: rampart.Duration(24 * time.Hour)}}
	return rampart.Plan{
		Flag: l.flag, Owner: "bench", Purpose: "To be harmed", RetireBy: "2099-12-31",
		Environment: environment, Every: rampart.Duration(tick), Stages: stages,
	}
}

func (h *harmer) harm(ctx context.Context, l *harmedLaunch) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	at := fmt.Sprintf("%s/harm?flag=%s&ratio=%g", h.control, l.flag, l.ratio)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, nil)
	if err != nil {
		return err
	}
	return answer(req, nil)
}

// recall reads from Prometheus what others would have read, at the times at which
// they would have checked.
func (h *harmer) recall(ctx context.Context, l *harmedLaunch) error {
	for _, arm := range arms {
		query := fmt.Sprintf(`sum(rate(%[1]s{flag=%[2]q,arm=%[3]q,outcome="error"}[1m])) / sum(rate(%[1]s{flag=%[2]q,arm=%[3]q}[1m]))`, asIfCounter, l.flag, arm)
		values, err := h.rangeOf(ctx, query, l.first(), time.UnixMicro(l.told.Onset).Add(harmWatched))
		if err != nil {
			return err
		}
		if l.minutes == nil {
			l.minutes = make([]minute, len(values))
		}
		if len(values) != len(l.minutes) {
			return fmt.Errorf("the arms have %d and %d rates", len(l.minutes), len(values))
		}
		for i, v := range values {
			if arm == "on" {
				l.minutes[i].on = v
			} else {
				l.minutes[i].off = v
			}
		}
	}
	return nil
}

// first is the time of the first check: a minute of the step is there.
func (l *harmedLaunch) first() time.Time { return l.since.Add(time.Minute) }

func (h *harmer) rangeOf(ctx context.Context, query string, from, until time.Time) ([]float64, error) {
	at := url.Values{
		"query": {query}, "step": {fmt.Sprint(minutesEvery.Seconds())},
		"start": {seconds(from)}, "end": {seconds(until)},
	}
	var got struct {
		Data struct {
			Result []struct {
				Values [][2]json.RawMessage `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := fetch(ctx, h.stack.Prometheus+"/api/v1/query_range?"+at.Encode(), &got); err != nil {
		return nil, err
	}
	if len(got.Data.Result) != 1 {
		return nil, fmt.Errorf("%s has %d series", query, len(got.Data.Result))
	}
	var values []float64
	for _, pair := range got.Data.Result[0].Values {
		var v float64
		if _, err := fmt.Sscanf(string(pair[1]), `"%g"`, &v); err != nil {
			return nil, fmt.Errorf("read a rate: %w", err)
		}
		values = append(values, v)
	}
	return values, nil
}

func seconds(t time.Time) string { return fmt.Sprintf("%.3f", float64(t.UnixMilli())/1000) }

func fetch(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	return answer(req, into)
}

func answer(req *http.Request, into any) error {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", req.URL, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// check returns an error where the launch did not do what is measured.
func (l *harmedLaunch) check() error {
	switch {
	case l.outcome.State != rampart.TurnedBack || l.outcome.Cause != rampart.CauseBreach:
		return fmt.Errorf("was not turned back: %s: %s", l.outcome.State, l.outcome.Reason)
	case len(l.told.Bad) == 0:
		return errors.New("was turned back before anything bad was served: " + l.outcome.Reason)
	case slices.Contains(l.told.Off, 0):
		return errors.New("is not off at every reader")
	}
	return nil
}

// toOff is the time from the first bad response to the last reader off.
func (l *harmedLaunch) toOff() float64 {
	return time.Duration((slices.Max(l.told.Off) - l.told.Bad[0]) * int64(time.Microsecond)).Seconds()
}

// served returns how many bad responses would have been served had it been turned back
// at the check of that number; all that there were where it is negative.
func (l *harmedLaunch) served(check int) float64 {
	if check < 0 {
		return float64(len(l.told.AsIf))
	}
	off := l.first().Add(time.Duration(check) * minutesEvery).UnixMicro()
	n, _ := slices.BinarySearch(l.told.AsIf, off)
	return float64(n)
}

// later is the time from the first bad response to that check.
func (l *harmedLaunch) later(check int) float64 {
	if check < 0 {
		return harmWatched.Seconds()
	}
	return l.first().Add(time.Duration(check) * minutesEvery).Sub(time.UnixMicro(l.told.Bad[0])).Seconds()
}
