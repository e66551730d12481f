package load

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/examples/shop"
)

// Options describe the customers. URL is required; the zero value of every other
// field means its default.
type Options struct {
	URL   string        // of the shop
	Users int           // 2,000
	Staff []string      // further users, by name, who click as much as an average one
	Rate  float64       // clicks a second, over a day; 500
	Day   time.Duration // how long a day takes; 24 h
	Swing float64       // by how much the busiest hour is above the mean, and the quietest below, from 0 to 1; 0.4

	Concurrent int           // clicks under way at once; more are turned away; 200
	Patience   time.Duration // of a customer with an answer; 5 s
	Seed       uint64        // of chance
}

// A Load is customers at work.
type Load struct {
	options Options
	users   *users
	client  *http.Client
	slots   chan struct{}
	seen    seen
	missed  atomic.Int64
}

// New returns customers, none of whom has clicked yet.
func New(o Options) (*Load, error) {
	o = o.withDefaults()
	if at, err := url.Parse(o.URL); err != nil || at.Host == "" {
		return nil, rampart.Errorf(rampart.Invalid, "%q is no address of a shop", o.URL).WithHint("write it as http://127.0.0.1:8080")
	}
	if o.Users < 0 || o.Rate < 0 || o.Rate > 100_000 || o.Swing < 0 || o.Swing > 1 || o.Day < 0 || o.Concurrent < 0 {
		return nil, rampart.Errorf(rampart.Invalid, "there cannot be customers such as these: %+v", o)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = o.Concurrent, o.Concurrent
	return &Load{
		options: o,
		users:   newUsers(o),
		slots:   make(chan struct{}, o.Concurrent),
		client: &http.Client{Transport: transport, Timeout: o.Patience, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirection is an answer; what follows is another click
		}},
	}, nil
}

func (o Options) withDefaults() Options {
	o.Users = or(o.Users, 2000)
	o.Rate = or(o.Rate, 500)
	o.Day = or(o.Day, 24*time.Hour)
	o.Swing = or(o.Swing, 0.4)
	o.Concurrent = or(o.Concurrent, 200)
	o.Patience = or(o.Patience, 5*time.Second)
	return o
}

// Run lets the customers click until the context ends, and returns when the last
// click has been answered. Clicks come as if by chance, at a rate that follows the
// day, and do not wait for each other: customers do not know how the shop is doing.
func (l *Load) Run(ctx context.Context) {
	chance := rand.New(rand.NewPCG(l.options.Seed, 1)) // #nosec G404 -- chance, not a secret
	var clicks sync.WaitGroup
	defer clicks.Wait()
	began, next := time.Now(), time.Duration(0)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		// A timer may come late; the clicks of that time are made up for.
		for elapsed := time.Since(began); next <= elapsed; {
			user := l.users.pick(chance)
			select {
			case l.slots <- struct{}{}:
				clicks.Go(func() {
					defer func() { <-l.slots }()
					l.click(ctx, user)
				})
			default:
				l.missed.Add(1)
			}
			next += time.Duration(chance.ExpFloat64() / l.RateAt(next) * float64(time.Second))
		}
		timer.Reset(next - time.Since(began))
	}
}

// RateAt returns how many clicks a second come at a time since the start, which is
// six in the morning: a wave that is highest at noon and lowest at midnight.
func (l *Load) RateAt(t time.Duration) float64 {
	day := 2 * math.Pi * float64(t%l.options.Day) / float64(l.options.Day)
	return max(l.options.Rate*(1+l.options.Swing*math.Sin(day)), 1e-3)
}

// Seen returns what the customers have seen so far.
func (l *Load) Seen() Seen {
	s := l.seen.sum()
	s.Missed = l.missed.Load()
	return s
}

// click is one customer's next step.
func (l *Load) click(ctx context.Context, u *user) {
	method, path := u.next()
	began := time.Now()
	status, version, err := l.ask(ctx, u.name, method, path)
	if ctx.Err() != nil {
		return // the customer was called away
	}
	failed := err != nil || status >= http.StatusInternalServerError
	ordered := !failed && path == orderPath && status == http.StatusOK
	l.seen.add(version, u, failed, ordered, time.Since(began))
	u.went(version, failed, ordered || status == http.StatusSeeOther)
}

// ask makes one request, and reads the answer to its end.
func (l *Load) ask(ctx context.Context, user, method, path string) (status int, version string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, l.options.URL+path, nil)
	if err != nil {
		return 0, "", fmt.Errorf("click: %w", err)
	}
	req.Header.Set("X-User", user)
	resp, err := l.client.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("click: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return 0, "", fmt.Errorf("click: %w", err)
	}
	return resp.StatusCode, resp.Header.Get(shop.VersionHeader), nil
}

func or[T comparable](v, instead T) T {
	var zero T
	if v == zero {
		return instead
	}
	return v
}
