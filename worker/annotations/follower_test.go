package annotations_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/worker/annotations"
)

func TestMain(m *testing.M) {
	flagstore.SilenceDriver()
	os.Exit(m.Run())
}

const patience = time.Minute // for what a loaded machine does slowly

// A fakeGrafana keeps annotations, and fails as a test wants.
type fakeGrafana struct {
	*httptest.Server
	mu     sync.Mutex
	kept   []mark
	tokens []string
	asked  int
	fail   func(r *http.Request) int // status to answer with instead; 0: none
	after  func()                    // an annotation is kept, and before that is said
}

type mark struct {
	Time, TimeEnd int64
	Tags          []string
	Text          string
}

func newFakeGrafana(t *testing.T) *fakeGrafana {
	g := &fakeGrafana{}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *fakeGrafana) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.asked++
	g.tokens = append(g.tokens, r.Header.Get("Authorization"))
	fail, after := g.fail, g.after
	g.mu.Unlock()
	if fail != nil {
		if status := fail(r); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.URL.Path != "/grafana/api/annotations" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if r.Method == http.MethodGet {
		found := []mark{}
		for _, m := range g.kept {
			if !slices.ContainsFunc(r.URL.Query()["tags"], func(tag string) bool { return !slices.Contains(m.Tags, tag) }) {
				found = append(found, m)
			}
		}
		_ = json.NewEncoder(w).Encode(found)
		return
	}
	var m mark
	body, _ := io.ReadAll(r.Body)
	if json.Unmarshal(body, &m) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	g.kept = append(g.kept, m)
	if after != nil {
		after()
	}
}

func (g *fakeGrafana) set(fail func(*http.Request) int, after func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail, g.after = fail, after
}

func (g *fakeGrafana) texts() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []string
	for _, m := range g.kept {
		all = append(all, m.Text)
	}
	return all
}

// site is an environment with a flag, whose changes are followed.
type site struct {
	t       *testing.T
	store   *flagstore.Store
	grafana *fakeGrafana
	fence   int64
}

func newSite(t *testing.T) *site {
	s := &site{t: t, grafana: newFakeGrafana(t), fence: time.Now().UnixMilli()}
	var err error
	s.store, err = flagstore.Open(flagstore.Options{URL: redistest.Start(t).URL(), Environment: "production"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.store.Close()) })
	require.NoError(t, s.store.Setup(t.Context(), "a-namespace"))
	s.expose(0, "", "of old")
	return s
}

func (s *site) expose(to rampart.Percent, phase rampart.Phase, why string) {
	s.t.Helper()
	s.fence++
	launch := rampart.LaunchID("production", "cart")
	f := rampart.Flag{Name: "cart", Exposure: to, Phase: phase, Launch: launch, Salt: "cart", HashVersion: rampart.HashVersion, Unit: rampart.User,
		Off: []byte("false"), On: []byte("true"), Type: rampart.Release, Lifecycle: rampart.Ramping, Owner: "team", Purpose: "See"}
	_, err := s.store.Put(s.t.Context(), flagstore.Write{Flag: f, Pen: rampart.Pen{Owner: launch, Fence: s.fence}, Verb: "expose", By: "rita", Reason: why})
	require.NoError(s.t, err)
}

// follow lets a worker annotate until the returned function is called.
func (s *site) follow(registry *prometheus.Registry, spoil ...func(*annotations.Grafana)) (stop func()) {
	s.t.Helper()
	where := annotations.Grafana{URL: s.grafana.URL + "/grafana/", Token: "t0ken"}
	for _, f := range spoil {
		f(&where)
	}
	f, err := annotations.New(annotations.Options{Store: s.store, Grafana: where, Registerer: registry, Log: zap.NewNop(), Every: 10 * time.Millisecond})
	require.NoError(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	stop = func() { cancel(); <-done }
	s.t.Cleanup(stop)
	return stop
}

func (s *site) await(want ...string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return slices.Equal(want, s.grafana.texts()) }, patience, 10*time.Millisecond, "not %q", want)
}

// changes waits until the changes with these reasons are marked, each once and in their
// order.
func (s *site) changes(reasons ...string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		var got []string
		for _, text := range s.grafana.texts() {
			if _, reason, ok := strings.Cut(text, "by rita: "); ok {
				got = append(got, reason)
			}
		}
		return slices.Equal(reasons, got)
	}, patience, 10*time.Millisecond, "not %q", reasons)
}

// begun waits until the follower has its place, before which nothing is annotated.
func (s *site) begun() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		kept, _, err := s.store.HoldCursor(s.t.Context(), "annotations", "nobody", time.Millisecond, "")
		return err == nil && kept != ""
	}, patience, 10*time.Millisecond)
}

func total(r *prometheus.Registry, result string) float64 {
	all, _ := r.Gather()
	for _, f := range all {
		for _, m := range f.GetMetric() {
			if f.GetName() == "rampart_annotations_total" && m.GetLabel()[0].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

func TestEveryChangeIsMarkedWithTheStepThatItEnded(t *testing.T) {
	s, registry := newSite(t), prometheus.NewRegistry()
	s.follow(registry)
	s.begun()
	s.expose(500, rampart.Debug, "a <step>")
	s.await("cart 0 % → 5 % in debug (expose), by rita: a &lt;step&gt;")
	_, err := s.store.Kill(t.Context(), "cart", "ann@example.com", "on fire")
	require.NoError(t, err)
	_, err = s.store.PutSegment(t.Context(), rampart.Segment{Name: "internal", Purpose: "Us"}, "bob", "joined")
	require.NoError(t, err)

	require.Eventually(t, func() bool { return len(s.grafana.texts()) == 4 }, patience, 10*time.Millisecond)
	s.grafana.mu.Lock()
	defer s.grafana.mu.Unlock()
	change, held, killed := s.grafana.kept[0], s.grafana.kept[2], s.grafana.kept[1]
	require.Equal(t, "cart killed, off for everybody, by ann@example.com: on fire", killed.Text)
	require.Regexp(t, `^cart held at 5 % in debug for `, held.Text)
	require.Equal(t, change.Time, held.Time)
	require.Equal(t, killed.Time, held.TimeEnd)
	require.Equal(t, []string{"rampart", "environment:production", "flag:cart", "verb:expose"}, change.Tags[2:6])
	require.Subset(t, change.Tags, []string{"change", "phase:debug", "launch:launch/production/cart"})
	require.Subset(t, held.Tags, []string{"held", "flag:cart"})
	require.Contains(t, s.grafana.kept[3].Tags, "segment:internal")
	for _, token := range s.grafana.tokens {
		require.Equal(t, "Bearer t0ken", token)
	}
	require.Equal(t, 4.0, total(registry, "sent"))
}

func TestNothingIsMissedWhileGrafanaFails(t *testing.T) {
	for name, status := range map[string]int{"it is down": 503, "it refuses the token": 401, "it is busy": 429, "it is not there": 404} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, registry := newSite(t), prometheus.NewRegistry()
			s.grafana.set(func(*http.Request) int { return status }, nil)
			s.follow(registry)
			s.begun()
			s.expose(500, rampart.Debug, "one")
			s.expose(0, rampart.Debug, "two")
			require.Eventually(t, func() bool { return total(registry, "failed") > 1 }, patience, 10*time.Millisecond)
			require.Positive(t, gauge(registry, "rampart_annotations_waiting_seconds"))
			s.grafana.set(nil, nil)
			s.changes("one", "two")
			require.Eventually(t, func() bool { return gauge(registry, "rampart_annotations_waiting_seconds") == 0 }, patience, 10*time.Millisecond)
		})
	}
}

func gauge(r *prometheus.Registry, name string) float64 {
	all, _ := r.Gather()
	for _, f := range all {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return -1
}

func TestWhatGrafanaRefusesForGoodIsLeftOut(t *testing.T) {
	s, registry := newSite(t), prometheus.NewRegistry()
	s.grafana.set(func(*http.Request) int { return http.StatusBadRequest }, nil)
	s.follow(registry)
	s.begun()
	s.expose(500, rampart.Debug, "one")
	require.Eventually(t, func() bool { return total(registry, "refused") == 1 }, patience, 10*time.Millisecond)
	s.grafana.set(nil, nil)
	s.expose(600, rampart.Debug, "two")
	s.changes("two")
}

// TestAWorkerThatDiesMarksNothingTwice has a worker die after Grafana kept an annotation
// and before the worker heard of it.
func TestAWorkerThatDiesMarksNothingTwice(t *testing.T) {
	s := newSite(t)
	dying := make(chan struct{})
	var once sync.Once
	s.grafana.set(nil, func() { once.Do(func() { close(dying) }) })
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.grafana.ServeHTTP(httptest.NewRecorder(), r)
		<-r.Context().Done() // the answer never comes
	}))
	defer first.Close()
	stop := s.follow(prometheus.NewRegistry(), func(g *annotations.Grafana) { g.URL = first.URL + "/grafana" })
	s.begun()
	s.expose(500, rampart.Debug, "one")
	<-dying
	stop()

	registry := prometheus.NewRegistry()
	s.follow(registry)
	require.Eventually(t, func() bool { return total(registry, "repeated") == 1 }, patience, 10*time.Millisecond)
	s.expose(600, rampart.Debug, "two")
	s.changes("one", "two")
}

func count(texts []string, part string) (n int) {
	for _, text := range texts {
		if strings.Contains(text, part) {
			n++
		}
	}
	return n
}

func TestTwoWorkersMarkEachChangeOnce(t *testing.T) {
	s := newSite(t)
	one, two := prometheus.NewRegistry(), prometheus.NewRegistry()
	s.follow(one)
	s.follow(two)
	s.begun()
	for i := range 10 {
		s.expose(rampart.Percent(100*(i%2)), rampart.Debug, "step")
	}
	require.Eventually(t, func() bool { return count(s.grafana.texts(), "step") == 10 }, patience, 10*time.Millisecond)
	require.Equal(t, float64(len(s.grafana.texts())), total(one, "sent")+total(two, "sent"))
}

func TestSlowGrafanaHoldsUpNoWrite(t *testing.T) {
	s := newSite(t)
	hang := make(chan struct{})
	var asked sync.WaitGroup
	asked.Add(1)
	var once sync.Once
	s.grafana.set(func(*http.Request) int { once.Do(asked.Done); <-hang; return 0 }, nil)
	s.follow(prometheus.NewRegistry())
	s.begun()
	s.expose(500, rampart.Debug, "one")
	asked.Wait()
	s.expose(0, rampart.Debug, "two") // returns, though nobody has answered yet
	require.Empty(t, s.grafana.texts())
	close(hang)
	s.changes("one", "two")
}

func TestTheTokenIsReadAgain(t *testing.T) {
	s, registry := newSite(t), prometheus.NewRegistry()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("old\n"), 0o600))
	s.grafana.set(func(r *http.Request) int {
		if r.Header.Get("Authorization") != "Bearer new" {
			return http.StatusUnauthorized
		}
		return 0
	}, nil)
	s.follow(registry, func(g *annotations.Grafana) { g.Token, g.TokenFile = "", file })
	s.begun()
	s.expose(500, rampart.Debug, "one")
	require.Eventually(t, func() bool { return total(registry, "failed") > 0 }, patience, 10*time.Millisecond)
	require.NoError(t, os.WriteFile(file, []byte("new\n"), 0o600))
	s.await("cart 0 % → 5 % in debug (expose), by rita: one")
}

func TestAGrafanaThatCannotBeAskedIsRefused(t *testing.T) {
	for name, c := range map[string]annotations.Grafana{
		"no URL":                    {URL: "grafana:3000", Token: "s3cret"},
		"no token":                  {URL: "http://grafana:3000"},
		"a password in the address": {URL: "http://ann:s3cret@grafana:3000", Token: "t"},
	} {
		_, err := annotations.New(annotations.Options{Grafana: c, Registerer: prometheus.NewRegistry()})
		require.Equal(t, rampart.Invalid, rampart.KindOf(err), name)
		require.NotContains(t, err.Error(), "s3cret")
		require.NotEmpty(t, rampart.HintOf(err))
	}
}
