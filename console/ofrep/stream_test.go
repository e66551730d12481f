package ofrep_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/console/access"
	"github.com/rampart-dev/rampart/console/ofrep"
	"github.com/rampart-dev/rampart/flagstore"
)

const production = "production"

// A feed is a store in memory with one flag.
type feed struct {
	changes  chan flagstore.Change
	revision atomic.Int64
	flag     atomic.Pointer[flagstore.Document]
}

func (f *feed) Load(context.Context) (flagstore.Snapshot, error) {
	s := flagstore.Snapshot{Epoch: "e", Revision: f.revision.Load(), Now: time.Now()}
	if doc := f.flag.Load(); doc != nil {
		s.Flags = []flagstore.Document{*doc}
	}
	return s, nil
}
func (f *feed) Revision(context.Context) (string, int64, error) { return "e", f.revision.Load(), nil }
func (f *feed) Leases(context.Context) ([]rampart.LeaseTerm, time.Time, error) {
	return nil, time.Now(), nil
}
func (f *feed) Follow(context.Context) (flagstore.Subscription, error) { return f, nil }
func (f *feed) Confirm(context.Context, flagstore.Reader) (int, error) { return 1, nil }
func (f *feed) Leave(context.Context, string) error                    { return nil }
func (f *feed) Close() error                                           { return nil }
func (f *feed) Next(ctx context.Context) (flagstore.Change, error) {
	select {
	case c := <-f.changes:
		return c, nil
	case <-ctx.Done():
		return flagstore.Change{}, ctx.Err()
	}
}

// write changes the flag.
func (f *feed) write() {
	now := f.lose()
	f.changes <- flagstore.Change{Previous: now - 1, Revision: now, Flag: f.flag.Load()}
	synctest.Wait()
}

// lose changes the flag, and the message of it is lost.
func (f *feed) lose() (revision int64) {
	json, _ := json.Marshal(rampart.Flag{Format: 1, Name: "checkout-v2", HashVersion: rampart.HashVersion, Off: []byte("false"), On: []byte("true")})
	now := f.revision.Load() + 1
	f.flag.Store(&flagstore.Document{Name: "checkout-v2", Version: now, JSON: json})
	f.revision.Store(now)
	return now
}

// pipes are connections without a network: nothing is buffered, so a reader that does
// not read is felt at the first byte.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, errors.New("closed")
	}
}
func (p pipes) Close() error   { close(p.done); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A world is a handler under a clock of the test's.
type world struct {
	*feed
	t        *testing.T
	pipes    pipes
	registry *prometheus.Registry
	handler  http.Handler
}

func begin(t *testing.T, rate access.Rate) *world {
	t.Helper()
	w := &world{feed: &feed{changes: make(chan flagstore.Change)}, t: t, pipes: pipes{make(chan net.Conn), make(chan struct{})}, registry: prometheus.NewRegistry()}
	w.revision.Store(1)
	flags, err := client.Open(t.Context(), client.Options{Feed: w.feed, Environment: production, Service: "console", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	grants, err := access.Open(access.Options{Environment: production, Rate: rate})
	require.NoError(t, err)
	h := ofrep.New(ofrep.Options{
		Flags: flags, Environment: production, Grants: grants, Addresses: access.NewAddresses(access.Rate{}), Registerer: w.registry, Log: zap.NewNop(),
	})
	mux := http.NewServeMux()
	h.Route(mux)
	w.handler = mux
	server := http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	go func() { _ = server.Serve(w.pipes) }()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { h.Keep(ctx); close(ended) }()
	t.Cleanup(func() {
		stop()
		<-ended
		_ = server.Close()
		_ = flags.Close()
	})
	synctest.Wait()
	return w
}

// connect opens a stream and returns what comes on it.
func (w *world) connect(headers string) *bufio.Reader {
	w.t.Helper()
	ours, theirs := net.Pipe()
	w.t.Cleanup(func() { _ = ours.Close() })
	w.pipes.conns <- theirs
	go func() {
		_, _ = fmt.Fprintf(ours, "GET /ofrep/v1/events HTTP/1.1\r\nHost: localhost\r\n%s\r\n", headers)
	}()
	resp, err := http.ReadResponse(bufio.NewReaderSize(ours, 16), nil)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, resp.StatusCode)
	return bufio.NewReaderSize(resp.Body, 16)
}

// lines collects what comes on a stream, with the moment, and returns what has come.
func (w *world) lines(from *bufio.Reader) func() []string {
	var mu sync.Mutex
	var lines []string
	began := time.Now()
	go func() {
		for {
			line, err := from.ReadString('\n')
			if err != nil {
				return
			}
			if line = strings.TrimSpace(line); line != "" && line != "event: message" && !strings.HasPrefix(line, "retry: ") {
				mu.Lock()
				lines = append(lines, fmt.Sprintf("%s %s", time.Since(began).Round(10*time.Millisecond), line))
				mu.Unlock()
			}
		}
	}()
	synctest.Wait()
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(lines)
	}
}

func (w *world) metric(name, why string) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	require.NoError(w.t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (why == "" || m.GetLabel()[0].GetValue() == why) {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

func TestASlowReaderIsCutAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, access.Rate{})
		slow := w.connect("")
		quick := w.lines(w.connect(""))
		w.write()
		require.Len(t, quick(), 4, "the greeting and the change, at once: %s", quick())
		require.Equal(t, 2.0, w.metric("rampart_ofrep_streams", ""))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		require.Equal(t, 1.0, w.metric("rampart_ofrep_streams", ""))
		w.write()
		require.Contains(t, quick()[len(quick())-1], `11s data: {"type":"refetchEvaluation","etag":"3"}`)
		_ = slow
	})
}

func TestWhatAStreamSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, access.Rate{})
		said := w.lines(w.connect(""))
		require.Len(t, said(), 2)
		require.Contains(t, said()[1], `0s data: {"type":"refetchEvaluation","etag":"`)
		time.Sleep(time.Second)
		w.write()
		for range 5 {
			w.write()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, said(), 6, "a burst is two events: %s", said())
		require.Contains(t, said()[3], `1s data: {"type":"refetchEvaluation","etag":"2"}`)
		require.Contains(t, said()[5], `1.2s data: {"type":"refetchEvaluation","etag":"7"}`)
		time.Sleep(100 * time.Second)
		synctest.Wait()
		require.Subset(t, said()[6:], []string{"15s :", "30s :", "1m30s :"}, "it outlives the time that a usual answer may take")
		require.Len(t, said()[6:], 6+2*2, "and what was told last is told twice more: %s", said())
		told := slices.DeleteFunc(said()[6:], func(line string) bool { return !strings.Contains(line, `"etag":"7"`) })
		require.Len(t, told, 2, "%s", said())

		_, last, _ := strings.Cut(said()[4], "id: ")
		require.Empty(t, w.lines(w.connect("Last-Event-ID: "+last+"\r\n"))(), "it has heard everything")
		require.Len(t, w.lines(w.connect("Last-Event-ID: another-3\r\n"))(), 2)
	})
}

func TestSoManyThatTheirTokenWouldNotLetThemAskAreToldInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, access.Rate{PerSecond: 10, Burst: 10})
		var all []func() []string
		for range 9 {
			all = append(all, w.lines(w.connect("")))
		}
		told := func() (n int) {
			for _, said := range all {
				n += len(said())/2 - 1
			}
			return n
		}
		require.Zero(t, told())
		w.write()
		require.Equal(t, 6, told(), "half of the burst and the next")
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, 9, told())
	})
}

// An event comes from a console that knows, and the question goes to one that has missed
// what the event told of.
func TestAConsoleThatHasMissedAMessageIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, access.Rate{})
		w.write()
		ask := func(path, etag string) *httptest.ResponseRecorder {
			answer, question := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(`{"context":{}}`))
			question.Header.Set("If-None-Match", etag)
			w.handler.ServeHTTP(answer, question)
			return answer
		}
		const bulk = "/ofrep/v1/evaluate/flags"
		for range 10 {
			known := ask(bulk, "").Header().Get("ETag")
			require.Equal(t, http.StatusNotModified, ask(bulk, known).Code)
			revision := w.lose()
			answer := ask(fmt.Sprintf("%s?flagConfigEtag=%d", bulk, revision), known)
			require.Equal(t, http.StatusOK, answer.Code)
			require.Contains(t, answer.Body.String(), fmt.Sprintf(`"flagVersion":%d`, revision))
		}
		began := time.Now()
		for _, told := range []string{"9223372036854775807", strconv.FormatInt(time.Now().Add(time.Hour).UnixMicro(), 10), "-1", "x", ""} {
			ask(bulk+"?flagConfigEtag="+told, "")
		}
		require.Zero(t, time.Since(began), "what no console can have told of is not waited for")

		var all sync.WaitGroup
		begun := time.Now()
		quick := atomic.Int64{}
		for range 300 {
			all.Go(func() {
				ask(bulk+"?flagConfigEtag=1000", "")
				if time.Since(begun) == 0 {
					quick.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 44, quick.Load(), "nor by more than so many at once")
	})
}
