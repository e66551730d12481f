package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/client/relayed"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/relay"
)

const (
	production = "production"
	patience   = time.Minute
	tick       = 5 * time.Millisecond
	asRelay    = "RAMPART_TEST_AS_RELAY" // what the relay that this program is to be is told
)

var ann = &rampart.Subject{Key: "ann"}

// TestMain lets the test program be a relay, so that a real process can be killed.
func TestMain(m *testing.M) {
	flagstore.SilenceDriver()
	if text := os.Getenv(asRelay); text != "" {
		listen, rest, _ := strings.Cut(text, " ")
		redis, rest, _ := strings.Cut(rest, " ")
		metrics, bootstrap, _ := strings.Cut(rest, " ")
		c := relay.Config{
			Store: flagstore.Options{URL: redis, Environment: production}, Listen: listen, Metrics: metrics,
			Readers: 1000, Bootstrap: bootstrap, StopTimeout: time.Second, Log: zap.NewNop(),
		}
		if err := relay.Run(context.Background(), c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A stand is a store and the address of a relay of it.
type stand struct {
	t      *testing.T
	store  *flagstore.Store
	redis  *redistest.Server
	config relay.Config
}

func newStand(t *testing.T) *stand {
	t.Helper()
	server := redistest.Start(t, redistest.Users(t, production)...)
	store, err := flagstore.Open(flagstore.Options{URL: server.WriterURL(), Environment: production})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	require.NoError(t, store.Setup(t.Context(), "namespace-1"))
	folder, err := os.MkdirTemp("", "relay") // the paths of sockets must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return &stand{t: t, store: store, redis: server, config: relay.Config{
		Store:  flagstore.Options{URL: server.ReaderURL(), Environment: production},
		Listen: "unix://" + filepath.Join(folder, "relay.sock"), Metrics: "off", Readers: 1000, StopTimeout: time.Second,
	}}
}

// process starts a relay of its own process.
func (s *stand) process() *exec.Cmd {
	s.t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asRelay+"="+strings.Join([]string{s.config.Listen, s.config.Store.URL, s.config.Metrics, s.config.Bootstrap}, " "))
	c.Stderr = os.Stderr
	require.NoError(s.t, c.Start())
	s.t.Cleanup(func() { kill(c) })
	feed := s.feed()
	eventually(s.t, "the relay answers", func() bool {
		_, err := feed.Load(s.t.Context())
		return err == nil
	})
	return c
}

// kill is kill -9.
func kill(c *exec.Cmd) {
	_ = c.Process.Kill()
	_ = c.Wait()
}

func (s *stand) feed() *relayed.Feed {
	s.t.Helper()
	feed, err := relayed.Dial(s.config.Listen, production)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = feed.Close() })
	return feed
}

// read opens a reader that follows the relay.
func (s *stand) read(change ...func(*client.Options)) *client.Client {
	s.t.Helper()
	o := client.Options{Relay: s.config.Listen, Environment: production, Service: "shop", Wait: patience, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&o)
	}
	c, err := client.Open(s.t.Context(), o)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

func checkout(version int64, exposure rampart.Percent) rampart.Flag {
	return rampart.Flag{
		Format: 1, Name: "checkout-v2", Version: version, Exposure: exposure, Off: json.RawMessage("false"), On: json.RawMessage("true"),
		Unit: rampart.User, Salt: "checkout-v2", HashVersion: 1, Type: rampart.Operations,
	}
}

func (s *stand) write(f rampart.Flag, change ...func(*flagstore.Write)) flagstore.Ack {
	s.t.Helper()
	w := flagstore.Write{Flag: f, Pen: rampart.Pen{Owner: rampart.FlagID(production, f.Name), Fence: f.Version}, Verb: "set", By: "ann@example.com", Reason: "test"}
	for _, c := range change {
		c(&w)
	}
	ack, err := s.store.Put(s.t.Context(), w)
	require.NoError(s.t, err)
	return ack
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, patience, tick, what)
}

// Two hundred readers behind a relay are two hundred readers to the store, and one to
// its feed.
func TestReadersBehindARelaySeeAKillAndAreCounted(t *testing.T) {
	s := newStand(t)
	s.write(checkout(1, rampart.Full))
	s.process()
	direct := s.read(func(o *client.Options) { o.Relay, o.Redis = "", s.redis.ReaderURL() })
	readers := []*client.Client{direct}
	for range 200 {
		readers = append(readers, s.read())
	}
	for _, c := range readers {
		require.True(t, c.On("checkout-v2", ann))
	}
	eventually(t, "the store knows of all", func() bool {
		all, err := s.store.Readers(t.Context())
		return err == nil && len(all) == len(readers)
	})
	killed, err := s.store.Kill(t.Context(), "checkout-v2", "ann@example.com", "fire")
	require.NoError(t, err)
	confirmed, lagging, err := s.store.WaitConfirmed(t.Context(), killed.Revision, patience)
	require.NoError(t, err)
	require.Empty(t, lagging)
	require.Equal(t, len(readers), confirmed.Confirmed)
	for _, c := range readers {
		require.Equal(t, rampart.ReasonKilled, c.Decide("checkout-v2", ann).Reason)
	}
	following, err := s.redis.Client().PubSubNumSub(t.Context(), "rampart:{"+production+"}:changes").Result()
	require.NoError(t, err)
	for _, n := range following {
		require.EqualValues(t, 2, n, "the relay and the one that follows directly")
	}
	all, err := s.store.Readers(t.Context())
	require.NoError(t, err)
	via := map[bool]int{}
	for _, r := range all {
		via[r.Via != ""]++
	}
	require.Equal(t, map[bool]int{true: 200, false: 1}, via)

	require.NoError(t, readers[1].Close())
	eventually(t, "who leaves is not waited for", func() bool {
		all, err := s.store.Readers(t.Context())
		return err == nil && len(all) == len(readers)-1
	})
}

func TestRelayThatIsKilledIsFollowedAgain(t *testing.T) {
	s := newStand(t)
	s.write(checkout(1, rampart.Full))
	first := s.process()
	c := s.read(func(o *client.Options) { o.StaleAfter = 500 * time.Millisecond })
	kill(first)
	eventually(t, "its reader knows", func() bool { return c.Status().State == client.Stale })
	require.True(t, c.On("checkout-v2", ann), "and serves the last state")

	_, err := s.store.Kill(t.Context(), "checkout-v2", "ann@example.com", "while nobody relayed")
	require.NoError(t, err)
	s.process() // which finds the socket of the one that died
	eventually(t, "the kill comes through", func() bool { return c.Decide("checkout-v2", ann).Reason == rampart.ReasonKilled })
	eventually(t, "it is current again", func() bool { return c.Status().State == client.Current })
}

func TestRelayThatIsCutOffHidesItFromNobody(t *testing.T) {
	s := newStand(t)
	s.write(checkout(1, rampart.Full))
	s.process()
	c := s.read(func(o *client.Options) { o.StaleAfter = time.Second })
	s.redis.Freeze()
	eventually(t, "the reader is stale", func() bool { return c.Status().State == client.Stale })
	feed := s.feed()
	eventually(t, "what is known is answered with its age", func() bool {
		snapshot, err := feed.Load(t.Context())
		require.NoError(t, err)
		return snapshot.Age > 0
	})
	_, _, err := feed.Revision(t.Context())
	require.ErrorContains(t, err, "has not heard of the store")
	late := s.read(func(o *client.Options) { o.StaleAfter = time.Second })
	require.True(t, late.On("checkout-v2", ann), "who comes now has the last state")
	require.Equal(t, client.Stale, late.Status().State, "and knows that it is old")

	s.redis.Thaw()
	for _, reader := range []*client.Client{c, late} {
		eventually(t, "it is current again", func() bool { return reader.Status().State == client.Current })
	}
}

// Whatever Redis forgets, a relay remembers, also for readers that come later.
func TestStoreThatIsEmptyMovesNobodyBackBehindARelay(t *testing.T) {
	s := newStand(t)
	s.write(checkout(1, rampart.Full))
	_, err := s.store.Kill(t.Context(), "checkout-v2", "ann@example.com", "fire")
	require.NoError(t, err)
	s.process()
	c := s.read()
	require.Equal(t, rampart.ReasonKilled, c.Decide("checkout-v2", ann).Reason)
	before := c.Status()
	s.redis.Restart()
	eventually(t, "the reader has come as far as the new store", func() bool { return c.Status().Epoch != before.Epoch })
	require.Equal(t, rampart.ReasonKilled, c.Decide("checkout-v2", ann).Reason)
	require.Equal(t, rampart.ReasonKilled, s.read().Decide("checkout-v2", ann).Reason)

	require.NoError(t, s.store.RestoreMeta(t.Context(), "namespace-1"))
	other := checkout(5, rampart.Full)
	other.Name = "new-cart"
	s.write(other)
	eventually(t, "what is written then comes through", func() bool { return c.On("new-cart", ann) })
}

func TestLeaseEndsWithRelayAndStoreBothGone(t *testing.T) {
	s := newStand(t)
	p := s.process()
	c := s.read()
	s.write(checkout(1, rampart.Full), func(w *flagstore.Write) { w.Lease = 5 * time.Second })
	eventually(t, "the exposure is there", func() bool { _, known := c.Flag("checkout-v2").Document(); return known })
	kill(p)
	s.redis.Kill()
	eventually(t, "nobody writes, and it is off", func() bool { return c.Decide("checkout-v2", ann).Reason == rampart.ReasonLeaseEnded })
}

// A reader that does not read is cut, and those beside it hear of everything.
func TestSlowReaderIsCutAndHoldsUpNobody(t *testing.T) {
	s := newStand(t)
	s.process()
	stuck, err := net.Dial("unix", s.config.Listen[len("unix://"):])
	require.NoError(t, err)
	defer stuck.Close()
	_, err = fmt.Fprintf(stuck, "GET %s HTTP/1.1\r\nHost: relay\r\n\r\n", relayed.Path(production, relayed.PathChanges))
	require.NoError(t, err)
	c := s.read()
	large := checkout(0, rampart.Full)
	large.Purpose = string(make([]byte, 8<<10)) // six times as long in JSON
	for version := range int64(1200) {
		large.Version = version + 1
		s.write(large)
	}
	eventually(t, "the other is there", func() bool {
		doc, ok := c.Flag("checkout-v2").Document()
		return ok && doc.Version == 1200
	})
	// What is still in buffers can be read, and then the end: the relay has hung up.
	require.NoError(t, stuck.SetReadDeadline(time.Now().Add(patience)))
	read := 0
	for buffer := make([]byte, 1<<20); err == nil; {
		var n int
		n, err = stuck.Read(buffer)
		read += n
	}
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Less(t, read, 1200*6*(8<<10), "less than all that was written")
}

func TestRelayRefusesWhatItCannotServe(t *testing.T) {
	s := newStand(t)
	s.process()
	other, err := relayed.Dial(s.config.Listen, "staging")
	require.NoError(t, err)
	_, err = other.Load(t.Context())
	require.ErrorContains(t, err, "this relay has the flags of production")

	feed := s.feed()
	_, err = feed.Confirm(t.Context(), flagstore.Reader{})
	require.ErrorContains(t, err, "does not name a reader")
	_, err = feed.Confirm(t.Context(), flagstore.Reader{ID: string(make([]byte, 5000))})
	require.ErrorContains(t, err, "too large")

	require.ErrorContains(t, relay.Run(t.Context(), s.config), "another relay has")
}

func TestRelaySaysWhatIsWrongWithItsConfiguration(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*relay.Config)
		want   string
	}{
		"an address of the network": {func(c *relay.Config) { c.Listen = "http://0.0.0.0:8090" }, "would tell everybody"},
		"a name of another machine": {func(c *relay.Config) { c.Listen = "http://relay.example.com:8090" }, "would tell everybody"},
		"no port":                   {func(c *relay.Config) { c.Listen = "http://127.0.0.1" }, "cannot listen on"},
		"no scheme":                 {func(c *relay.Config) { c.Listen = "/run/relay.sock" }, "cannot listen on"},
		"metrics of nowhere":        {func(c *relay.Config) { c.Metrics = "here" }, "--metrics-listen"},
	} {
		t.Run(name, func(t *testing.T) {
			c := relay.Config{Listen: relay.DefaultListen, Metrics: relay.DefaultMetrics}
			tt.change(&c)
			require.ErrorContains(t, c.Validate(), tt.want)
		})
	}
	err := relay.Run(t.Context(), relay.Config{Metrics: "here", Log: zap.NewNop()})
	require.ErrorContains(t, err, "--metrics-listen")
	require.NotContains(t, err.Error(), "--listen:", "what is not said is as usual")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorContains(t, relay.Run(t.Context(), relay.Config{Listen: "unix://" + file, Metrics: "off", Log: zap.NewNop()}), "is no socket")
	require.FileExists(t, file)
	for _, address := range []string{"", "relay", "unix://", "unix://host/path", "https://127.0.0.1:1", "http://u:p@127.0.0.1:1", "http://127.0.0.1:1/x"} {
		_, err := relayed.Dial(address, production)
		require.ErrorContains(t, err, "is no address of a relay", address)
	}
	_, err = client.Open(t.Context(), client.Options{Environment: production, Redis: "redis://127.0.0.1:1", Relay: relay.DefaultListen})
	require.ErrorContains(t, err, "both a flag store and a relay")
}

func TestRelayTellsOfItself(t *testing.T) {
	s := newStand(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.config.Metrics = l.Addr().String()
	require.NoError(t, l.Close())
	s.write(checkout(1, rampart.Full))
	s.process()
	s.read()
	for path, status := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/v1/production/state": 404} {
		answer, err := http.Get("http://" + s.config.Metrics + path)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, status, answer.StatusCode, path)
	}
}

// A page of the web can have a browser ask what listens on this machine.
func TestRelayAnswersNoBrowser(t *testing.T) {
	s := newStand(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.config.Listen = "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	s.process()
	for name, tt := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"a service":                         {func(*http.Request) {}, 200},
		"a page of another site":            {func(q *http.Request) { q.Header.Set("Origin", "https://example.com") }, 403},
		"a page's form":                     {func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"a name that leads here":            {func(q *http.Request) { q.Host = "rebound.example.com:8090" }, 403},
		"localhost":                         {func(q *http.Request) { q.Host = "localhost" }, 200},
		"the loopback address of version 6": {func(q *http.Request) { q.Host = "[::1]:8090" }, 200},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.config.Listen+relayed.Path(production, relayed.PathRevision), nil)
			require.NoError(t, err)
			tt.change(q)
			answer, err := http.DefaultClient.Do(q)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, tt.want, answer.StatusCode)
		})
	}
}

func TestReaderLeavesThroughARelayThatHasNotHeardOfIt(t *testing.T) {
	s := newStand(t)
	_, err := s.store.Confirm(t.Context(), flagstore.Reader{ID: "shop-1", Service: "shop", Revision: 1})
	require.NoError(t, err)
	s.process()
	require.NoError(t, s.feed().Leave(t.Context(), "shop-1"))
	eventually(t, "it is gone", func() bool {
		all, err := s.store.Readers(t.Context())
		return err == nil && len(all) == 0
	})
}
