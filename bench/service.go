package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// serviceCommand makes this program a service that asks flags, and that can be harmed.
const serviceCommand = "service"

// The traffic of each flag: the reference case of everything that is said of delays.
const (
	serviceRate  = 500.0 // requests a second
	serviceBase  = 0.005 // of them fail
	serviceUsers = 20_000
)

// A service answers requests for many flags through several readers, of which each has
// a client of its own. Requests come as if by chance; whether one fails is chance, too.
type service struct {
	harmed  []*harmed
	readers []*reader
	asIf    *prometheus.CounterVec
}

// harmed is one flag, and what its requests meet with.
type harmed struct {
	name  string
	count [2][2]prometheus.Counter // as if the flag were never turned back: by arm and outcome

	mu      sync.Mutex
	members []bool // who was on when the harm began, by user; nil before
	ratio   float64
	told    told
}

// told is what came of the harm to one flag, in microseconds since 1970.
type told struct {
	Onset int64   `json:"onset"`
	Bad   []int64 `json:"bad"`  // responses of the on arm since then
	AsIf  []int64 `json:"asIf"` // such as would have been, had nobody turned it back
	Off   []int64 `json:"off"`  // by reader: when it decided off
}

func serveRequests(ctx context.Context, args []string) error {
	var redis, environment, control, metrics, flags string
	fs := flag.NewFlagSet(serviceCommand, flag.ExitOnError)
	fs.StringVar(&redis, "redis", "", "URL of the flag store")
	fs.StringVar(&environment, "env", "", "environment whose flags are read")
	fs.StringVar(&control, "control", "", "address at which harm is done and told")
	fs.StringVar(&metrics, "metrics", "", "addresses of the readers' metrics")
	fs.StringVar(&flags, "flags", "", "flags that are asked")
	_ = fs.Parse(args) // it exits by itself
	addresses := strings.Split(metrics, ",")
	s := newService(strings.Split(flags, ","), len(addresses))
	for i, address := range addresses {
		r, err := s.read(ctx, i, redis, environment)
		if err != nil {
			return err
		}
		defer func() { _ = r.client.Close() }()
		s.readers = append(s.readers, r)
		if err := listen(ctx, address, promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{})); err != nil {
			return err
		}
	}
	if err := listen(ctx, control, s.control()); err != nil {
		return err
	}
	var all sync.WaitGroup
	for _, r := range s.readers {
		all.Go(func() { r.run(ctx) })
	}
	all.Wait()
	return nil
}

func listen(ctx context.Context, address string, handler http.Handler) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { _ = server.Serve(l) }()
	return nil
}

var arms, outcomes = [2]string{"off", "on"}, [2]string{"ok", "error"}

func newService(flags []string, readers int) *service {
	s := &service{asIf: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: asIfCounter, Help: "Requests as they would be, had nobody turned the flag back.",
	}, []string{"flag", "arm", "outcome"})}
	for _, name := range flags {
		h := &harmed{name: name, told: told{Off: make([]int64, readers)}}
		for arm := range arms {
			for outcome := range outcomes {
				h.count[arm][outcome] = s.asIf.WithLabelValues(name, arms[arm], outcomes[outcome])
			}
		}
		s.harmed = append(s.harmed, h)
	}
	return s
}

const asIfCounter = "as_if_requests_total"

// control lets harm begin (POST /harm), and tells what came of it (GET /told).
func (s *service) control() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.asIf)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("POST /harm", func(w http.ResponseWriter, r *http.Request) {
		ratio, err := strconv.ParseFloat(r.FormValue("ratio"), 64)
		if err == nil {
			err = s.harm(r.FormValue("flag"), ratio)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("GET /told", func(w http.ResponseWriter, _ *http.Request) { _ = s.tell(w) })
	return mux
}

// harm has requests of the on arm fail so many times as often, from now on.
func (s *service) harm(flag string, ratio float64) error {
	for i, h := range s.harmed {
		if h.name != flag {
			continue
		}
		members := make([]bool, serviceUsers)
		some := false
		for user := range members {
			members[user] = s.readers[0].handles[i].On(&s.readers[0].subjects[user])
			some = some || members[user]
		}
		if !some {
			return fmt.Errorf("nobody has %s", flag)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.members, h.ratio, h.told.Onset = members, ratio, time.Now().UnixMicro()
		return nil
	}
	return fmt.Errorf("no flag %q", flag)
}

func (s *service) tell(w io.Writer) error {
	all := map[string]told{}
	for _, h := range s.harmed {
		h.mu.Lock()
		defer h.mu.Unlock()
		all[h.name] = h.told
	}
	return json.NewEncoder(w).Encode(all)
}

// answer says whether a request fails. The same luck decides what would have become of
// it had the flag been left on, so that the two can be compared request by request.
func (h *harmed) answer(user int, on bool, luck float64, now time.Time) (failed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	asIf, ratio := on, 1.0
	if h.members != nil {
		asIf, ratio = h.members[user], h.ratio
	}
	failed, would := fails(on, ratio, luck), fails(asIf, ratio, luck)
	h.count[index(asIf)][index(would)].Inc()
	if h.members != nil && on && failed {
		h.told.Bad = append(h.told.Bad, now.UnixMicro())
	}
	if h.members != nil && asIf && would {
		h.told.AsIf = append(h.told.AsIf, now.UnixMicro())
	}
	return failed
}

func fails(on bool, ratio, luck float64) bool {
	if on {
		return luck < serviceBase*ratio
	}
	return luck < serviceBase
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A reader is one process of the service, as far as flags are concerned.
type reader struct {
	number   int
	of       *service
	client   *client.Client
	registry *prometheus.Registry
	handles  []*client.Flag
	subjects []rampart.Subject
	chance   *rand.Rand
}

func (s *service) read(ctx context.Context, number int, redis, environment string) (*reader, error) {
	r := &reader{
		number: number, of: s, registry: prometheus.NewRegistry(),
		chance: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), uint64(number))), // #nosec G404 -- chance, not a secret
	}
	var err error
	r.client, err = client.Open(ctx, client.Options{
		Redis: redis, Environment: environment, Service: "harmed", Registerer: r.registry, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	for _, h := range s.harmed {
		r.handles = append(r.handles, r.client.Flag(h.name))
	}
	for user := range serviceUsers {
		r.subjects = append(r.subjects, rampart.Subject{Key: fmt.Sprintf("user-%05d", user)})
	}
	return r, nil
}

// run answers requests until the context ends.
func (r *reader) run(ctx context.Context) {
	rate := serviceRate * float64(len(r.handles)) / float64(len(r.of.readers))
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for next := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for now := time.Now(); next.Before(now); next = next.Add(time.Duration(r.chance.ExpFloat64() / rate * float64(time.Second))) {
			r.serve(ctx, r.chance.IntN(len(r.handles)), r.chance.IntN(serviceUsers))
		}
		r.notice()
	}
}

// serve answers one request, as any service would that counts by what it decided.
func (r *reader) serve(ctx context.Context, flag, user int) {
	ctx, request := r.client.Begin(ctx, r.subjects[user])
	on := r.handles[flag].OnContext(ctx)
	request.End(r.of.harmed[flag].answer(user, on, r.chance.Float64(), time.Now()))
}

// notice notes when this reader decides off for those who were on.
func (r *reader) notice() {
	for i, h := range r.of.harmed {
		h.mu.Lock()
		for user := range h.members {
			if !h.members[user] || h.told.Off[r.number] != 0 {
				continue
			}
			if !r.handles[i].On(&r.subjects[user]) {
				h.told.Off[r.number] = time.Now().UnixMicro()
			}
			break // one of them tells for all
		}
		h.mu.Unlock()
	}
}
