package shop_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/examples/shop"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

const patience = 20 * time.Second

// An open shop, and the flag that it reads from a real store.
type rig struct {
	t     *testing.T
	url   string
	store *flagstore.Store
	flags *client.Client
	flag  rampart.Flag
}

func open(t *testing.T, o shop.Options) *rig {
	t.Helper()
	server := redistest.Start(t)
	store, err := flagstore.Open(flagstore.Options{URL: server.URL(), Environment: "production"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	require.NoError(t, store.Setup(t.Context(), "a namespace"))
	r := &rig{t: t, store: store}
	r.flag = rampart.Plan{Flag: shop.FlagName, Owner: "team", Purpose: "a test"}.WithDefaults().NewFlag()
	r.flag.Launch, r.flag.Phase, r.flag.Lifecycle = rampart.LaunchID("production", shop.FlagName), rampart.Debug, rampart.Ramping

	o.Registry = prometheus.NewRegistry()
	o.Flags, err = client.Open(t.Context(), client.Options{
		Redis: server.URL(), Environment: "production", Service: "shop", Wait: patience,
		Registerer: o.Registry, Events: []string{shop.EventCompleted}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = o.Flags.Close() })
	r.flags = o.Flags
	s, err := shop.New(o)
	require.NoError(t, err)
	front := httptest.NewServer(s.Handler())
	t.Cleanup(front.Close)
	r.url = front.URL
	return r
}

// expose writes the flag, and waits until the shop has it.
func (r *rig) expose(percent rampart.Percent) {
	r.t.Helper()
	r.flag.Version, r.flag.Exposure, r.flag.HighWater = r.flag.Version+1, percent, percent
	_, err := r.store.Put(r.t.Context(), flagstore.Write{
		Flag: r.flag, Pen: rampart.Pen{Owner: r.flag.Launch, Fence: r.flag.Version}, Acknowledged: r.flag.Version - 1, Verb: "expose",
	})
	require.NoError(r.t, err)
	require.Eventually(r.t, func() bool {
		doc, ok := r.flags.Flag(shop.FlagName).Document()
		return ok && doc.Version >= r.flag.Version
	}, patience, time.Millisecond)
}

// ask makes a request as a user, and does not follow redirections.
func (r *rig) ask(method, path, user string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, nil)
	require.NoError(r.t, err)
	req.Header.Set("X-User", user)
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(r.t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return resp, string(body)
}

// metric returns the lines of a metric at the shop, in which all of the labels are.
func (r *rig) metric(name string, labels ...string) []string {
	r.t.Helper()
	_, body := r.ask(http.MethodGet, "/metrics", "")
	var lines []string
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		ok := strings.HasPrefix(line, name+"{") || strings.HasPrefix(line, name+" ")
		for _, label := range labels {
			ok = ok && strings.Contains(line, label)
		}
		if ok && !strings.HasSuffix(line, " 0") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestCustomersWalkThroughTheCheckoutThatTheirFlagSays(t *testing.T) {
	r := open(t, shop.Options{})
	for _, c := range []struct {
		name     string
		exposure rampart.Percent
		version  string
		pages    []string // what is on them, after the cart
	}{
		{"three steps while the flag is off", 0, shop.ThreeStep, []string{"Where to?", "How do you pay?", "Is everything right?", "Thank you, ann"}},
		{"one page while it is on", rampart.Full, shop.OnePage, []string{"on one page", "Thank you, ann"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.expose(c.exposure)
			_, page := r.ask(http.MethodGet, "/", "ann")
			require.Contains(t, page, "Your cart")
			method, path := http.MethodGet, "/checkout"
			for i, want := range c.pages {
				resp, page := r.ask(method, path, "ann")
				require.Equal(t, http.StatusOK, resp.StatusCode)
				require.Equal(t, c.version, resp.Header.Get(shop.VersionHeader))
				require.Contains(t, page, want)
				if i < len(c.pages)-1 {
					method, path = http.MethodPost, action(t, page)
				}
			}
		})
	}
	require.Equal(t, []string{`rampart_events_total{arm="off",bucket="` + bucket("ann") + `",event="checkout_completed",flag="checkout-v2"} 1`},
		r.metric("rampart_events_total", `arm="off"`))
	require.Len(t, r.metric("rampart_requests_total", `arm="off"`, `outcome="ok"`), 1)
	require.Equal(t, []string{`http_requests_total{code="200",service="shop"} 8`}, r.metric("http_requests_total"))
}

// action returns where the page's form goes to: the first one, as the second is the
// footer's.
func action(t *testing.T, page string) string {
	found := regexp.MustCompile(`method="post" action="([^"]+)"`).FindStringSubmatch(page)
	require.Len(t, found, 2)
	return found[1]
}

func bucket(user string) string { return strconv.Itoa(rampart.TelemetryBucket(user)) }

func TestCustomerWhoseFlagChangesInTheMiddleBeginsTheOtherCheckout(t *testing.T) {
	r := open(t, shop.Options{})
	r.expose(rampart.Full)
	resp, _ := r.ask(http.MethodPost, "/checkout/payment", "ann")
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	require.Equal(t, "/checkout", resp.Header.Get("Location"))
}

func TestTroubleHitsWhomItShould(t *testing.T) {
	var crashed sync.WaitGroup
	faults := shop.NewFaults(crashed.Done)
	r := open(t, shop.Options{Faults: faults})
	slow := rampart.Duration(50 * time.Millisecond)
	for _, c := range []struct {
		name     string
		trouble  shop.Trouble
		on, off  int           // statuses
		onTakes  time.Duration // at least
		offTakes time.Duration
	}{
		{name: "none", on: 200, off: 200},
		{name: "errors of the new checkout", trouble: shop.Trouble{NewErrors: rampart.Full}, on: 503, off: 200},
		{name: "latency of the new checkout", trouble: shop.Trouble{NewLatency: slow}, on: 200, off: 200, onTakes: slow.D()},
		{name: "errors of the database", trouble: shop.Trouble{DatabaseErrors: rampart.Full}, on: 503, off: 503},
		{name: "latency of the database", trouble: shop.Trouble{DatabaseLatency: slow}, on: 200, off: 200, onTakes: slow.D(), offTakes: slow.D()},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, faults.Set(c.trouble))
			for exposure, want := range map[rampart.Percent]struct {
				status int
				takes  time.Duration
			}{0: {c.off, c.offTakes}, rampart.Full: {c.on, c.onTakes}} {
				r.expose(exposure)
				began := time.Now()
				resp, _ := r.ask(http.MethodGet, "/checkout", "ann")
				require.Equal(t, want.status, resp.StatusCode)
				require.GreaterOrEqual(t, time.Since(began), want.takes)
			}
		})
	}
	t.Run("a crash of the new checkout", func(t *testing.T) {
		require.NoError(t, faults.Set(shop.Trouble{NewCrash: true}))
		crashed.Add(1) // Done more often than this panics
		r.expose(0)
		r.ask(http.MethodGet, "/checkout", "ann")
		r.expose(rampart.Full)
		r.ask(http.MethodGet, "/checkout", "ann")
		crashed.Wait()
	})
}

func TestShopWithoutFaultsHasNoTrouble(t *testing.T) {
	r := open(t, shop.Options{})
	r.expose(rampart.Full)
	resp, _ := r.ask(http.MethodGet, "/checkout", "ann")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		resp, _ := r.ask(method, "/faults", "ann")
		require.NotEqual(t, http.StatusOK, resp.StatusCode, "faults are served at an address of their own only")
	}
}

func TestDatabaseFailsByItselfAsOftenAsItShould(t *testing.T) {
	r := open(t, shop.Options{Database: shop.DatabaseOptions{Failures: rampart.Full}})
	r.expose(0)
	resp, page := r.ask(http.MethodGet, "/checkout", "ann")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Contains(t, page, "That did not work")
	require.NotContains(t, page, "connection reset", "customers do not get to read errors")
	require.NotEmpty(t, r.metric("rampart_requests_total", `outcome="error"`))
	require.NotEmpty(t, r.metric("http_requests_total", `code="503"`))
}

func TestBothCheckoutsShareOnePoolOfConnections(t *testing.T) {
	faults := shop.NewFaults(nil)
	r := open(t, shop.Options{Faults: faults, Database: shop.DatabaseOptions{Connections: 1, Patience: 50 * time.Millisecond}})
	r.expose(0)
	require.NoError(t, faults.Set(shop.Trouble{DatabaseLatency: rampart.Duration(400 * time.Millisecond)}))
	statuses := make(chan int, 2)
	for _, user := range []string{"ann", "bo"} {
		go func() {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/checkout", nil)
			req.Header.Set("X-User", user)
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				statuses <- 0
				return
			}
			_ = resp.Body.Close()
			statuses <- resp.StatusCode
		}()
	}
	require.ElementsMatch(t, []int{200, 503}, []int{<-statuses, <-statuses})
}

func TestConnectionThatTheNewCheckoutKeepsIsMissedByTheOldOne(t *testing.T) {
	faults := shop.NewFaults(nil)
	r := open(t, shop.Options{Faults: faults, Database: shop.DatabaseOptions{Connections: 1, Patience: 50 * time.Millisecond}})
	require.NoError(t, faults.Set(shop.Trouble{NewKeeps: rampart.Duration(10 * time.Second)}))
	r.expose(0)
	for range 2 {
		resp, _ := r.ask(http.MethodGet, "/checkout", "ann")
		require.Equal(t, http.StatusOK, resp.StatusCode, "the old one gives its connection back at once")
	}
	r.expose(rampart.Full)
	resp, _ := r.ask(http.MethodGet, "/checkout", "ann")
	require.Equal(t, http.StatusOK, resp.StatusCode, "who keeps it has been answered")
	require.Equal(t, []string{"shop_database_connections_in_use 1"}, r.metric("shop_database_connections_in_use"))
	require.Equal(t, []string{"shop_database_connections 1"}, r.metric("shop_database_connections"))
	r.expose(0)
	resp, _ = r.ask(http.MethodGet, "/checkout", "ann")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "and nobody else is, whichever checkout it is")
}

func TestFaultsAreToldOverHTTP(t *testing.T) {
	faults := shop.NewFaults(nil)
	server := httptest.NewServer(faults.Handler())
	defer server.Close()
	ask := func(method, body, host string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/faults", strings.NewReader(body))
		require.NoError(t, err)
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, strings.TrimSpace(string(b))
	}
	for _, c := range []struct {
		name, method, body, host string
		status                   int
		says                     string
		after                    shop.Trouble
	}{
		{"trouble is set", "PUT", `{"newErrors": 30, "databaseLatency": "50ms"}`, "", 200, `{"newErrors":30,"databaseLatency":"50ms"}`,
			shop.Trouble{NewErrors: 3000, DatabaseLatency: rampart.Duration(50 * time.Millisecond)}},
		{"and told", "GET", "", "localhost:1", 200, `{"newErrors":30,"databaseLatency":"50ms"}`,
			shop.Trouble{NewErrors: 3000, DatabaseLatency: rampart.Duration(50 * time.Millisecond)}},
		{"a mistyped key changes nothing", "PUT", `{"newError": 30}`, "", 400, "unknown field", shop.Trouble{NewErrors: 3000, DatabaseLatency: rampart.Duration(50 * time.Millisecond)}},
		{"nor do more errors than requests", "PUT", `{"newErrors": 130}`, "", 400, "share", shop.Trouble{NewErrors: 3000, DatabaseLatency: rampart.Duration(50 * time.Millisecond)}},
		{"nor a connection that is never given back", "PUT", `{"newKeeps": "1h"}`, "", 400, "from 0 to 10s", shop.Trouble{NewErrors: 3000, DatabaseLatency: rampart.Duration(50 * time.Millisecond)}},
		{"nor an endless latency", "PUT", `{"newLatency": "1h"}`, "", 400, "from 0 to 10s", shop.Trouble{NewErrors: 3000, DatabaseLatency: rampart.Duration(50 * time.Millisecond)}},
		{"nor a page that has rebound a name to loopback", "DELETE", "", "evil.example", 403, "loopback", shop.Trouble{NewErrors: 3000, DatabaseLatency: rampart.Duration(50 * time.Millisecond)}},
		{"trouble is ended", "DELETE", "", "", 200, "{}", shop.Trouble{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, says := ask(c.method, c.body, c.host)
			require.Equal(t, c.status, status)
			require.Contains(t, says, c.says)
			require.Equal(t, c.after, faults.Trouble())
		})
	}
}

func TestPersonCanLookAsAnotherUser(t *testing.T) {
	r := open(t, shop.Options{})
	r.expose(0)
	resp, _ := r.ask(http.MethodGet, "/as?user="+url.QueryEscape("user-0042"), "")
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	require.Equal(t, "user=user-0042; Path=/; HttpOnly; SameSite=Lax", resp.Header.Get("Set-Cookie"))
	resp, _ = r.ask(http.MethodGet, "/as?user="+url.QueryEscape("<script>"), "")
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	_, page := r.ask(http.MethodGet, "/", "<script>")
	require.Contains(t, page, "guest’s cart")
}

func TestShopIsWellOnceItHasItsFlags(t *testing.T) {
	r := open(t, shop.Options{})
	r.expose(0)
	resp, _ := r.ask(http.MethodGet, "/healthz", "")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Empty(t, r.metric("http_requests_total"), "neither health nor metrics are customers")
}
