package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	syncv1grpc "buf.build/gen/go/open-feature/flagd/grpc/go/flagd/sync/v1/syncv1grpc"
	syncv1 "buf.build/gen/go/open-feature/flagd/protocolbuffers/go/flagd/sync/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/console"
	"github.com/rampart-dev/rampart/console/access"
	"github.com/rampart-dev/rampart/console/ofrep"
)

// link returns the address of the stream that a bulk answer names.
func (r *running) link() string {
	r.t.Helper()
	var body string
	require.Eventually(r.t, func() bool {
		var resp *http.Response
		resp, body = r.bulk()
		return resp.StatusCode == http.StatusOK
	}, patience, tick)
	var answer struct {
		EventStreams []struct{ Endpoint struct{ RequestURI string } }
	}
	require.NoError(r.t, json.Unmarshal([]byte(body), &answer))
	return answer.EventStreams[0].Endpoint.RequestURI
}

// dial opens a stream by hand and returns what comes on it.
func (r *running) dial(uri string) (*bufio.Reader, int) {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr["http"])
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", uri, r.addr["http"])
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(r.t, err)
	return bufio.NewReader(resp.Body), resp.StatusCode
}

func (r *running) metric(name string) string {
	r.t.Helper()
	resp, err := http.Get("http://" + r.addr["metrics"] + "/metrics")
	require.NoError(r.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func TestTheStoreDiesWhileTheConsoleServes(t *testing.T) {
	store, reach, server := openStore(t)
	put(t, store, "checkout-v2", 1, rampart.Full)
	bootstrap := t.TempDir() + "/flags.json"
	c := start(t, console.Config{Store: reach, Bootstrap: bootstrap, StaleAfter: 200 * time.Millisecond})
	served := func(r *running, state string) {
		t.Helper()
		require.Eventually(t, func() bool {
			resp, body := r.bulk()
			_, ready := r.ask(http.MethodGet, "/readyz", "")
			return resp.StatusCode == http.StatusOK && strings.Contains(body, `"key":"checkout-v2","value":true`) &&
				strings.Contains(body, `"state":"`+state+`"`) && strings.Contains(ready, `"state": "`+state+`"`)
		}, patience, tick)
	}
	served(c, "READY")
	events := c.events(func() string { _, body := c.bulk(); return body }())
	next(t, events)
	server.Kill()
	served(c, "STALE")
	require.Empty(t, events, "nothing is answered otherwise, so nobody need ask again")
	require.NoError(t, c.end())

	again := start(t, console.Config{Store: reach, Bootstrap: bootstrap, StaleAfter: 200 * time.Millisecond})
	served(again, "STALE")
	resp, ready := again.ask(http.MethodGet, "/readyz", "")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, ready, `"source": "bootstrap"`)

	bare := start(t, console.Config{Store: reach})
	resp, _ = bare.bulk()
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	resp, _ = bare.ask(http.MethodGet, "/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	resp, _ = bare.ask(http.MethodGet, "/healthz", "")
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestStreamsAreBoundedAndEndWithTheirToken(t *testing.T) {
	store, reach, _ := openStore(t)
	put(t, store, "checkout-v2", 1, rampart.Full)
	put(t, store, "unseen", 1, rampart.Full)
	file, secrets := tokenFile(t,
		access.Token{Name: "web", Kind: access.Browser, Environment: production, Flags: []string{"checkout-v2"}},
		access.Token{Name: "other", Kind: access.Browser, Environment: production, Flags: []string{"checkout-v2"}})
	c := start(t, console.Config{Store: reach, Tokens: file, Streams: ofrep.Limits{Total: 4, PerToken: 2, PerAddress: 3}})
	c.token = secrets["web"]
	link := c.link()

	first, code := c.dial(link)
	require.Equal(t, http.StatusOK, code)
	_, code = c.dial(link)
	require.Equal(t, http.StatusOK, code)
	_, code = c.dial(link)
	require.Equal(t, http.StatusTooManyRequests, code, "of one token")
	c.token = secrets["other"]
	_, code = c.dial(c.link())
	require.Equal(t, http.StatusOK, code)
	_, code = c.dial(c.link())
	require.Equal(t, http.StatusTooManyRequests, code, "of one address")
	require.Equal(t, "3", c.metric("rampart_ofrep_streams"))

	for _, forged := range []string{
		strings.Replace(link, "token=web", "token=other", 1), strings.Replace(link, "token=web", "token=nobody", 1),
		strings.Replace(link, "until=", "until=9", 1), strings.Replace(link, "signature=", "signature=x", 1),
		"/ofrep/v1/events", "/ofrep/v1/events?token=web", "/ofrep/v1/events?token=web&until=99999999999&signature=",
	} {
		_, code = c.dial(forged)
		require.Equal(t, http.StatusUnauthorized, code, forged)
	}

	line := func() string {
		for {
			text, err := first.ReadString('\n')
			require.NoError(t, err)
			if data, ok := strings.CutPrefix(text, "data: "); ok {
				return data
			}
		}
	}
	line() // the greeting
	put(t, store, "unseen", 2, 0)
	put(t, store, "checkout-v2", 2, 0)
	told := line()
	_, revision, err := store.Revision(t.Context())
	require.NoError(t, err)
	require.Contains(t, told, fmt.Sprintf(`"etag":"%d"`, revision), "the change of a flag that the token does not see woke nobody")

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var kept []string
	for l := range strings.Lines(string(text)) {
		if !strings.HasPrefix(l, "web ") {
			kept = append(kept, l)
		}
	}
	require.NoError(t, os.WriteFile(file+".new", []byte(strings.Join(kept, "")), 0o600))
	require.NoError(t, os.Rename(file+".new", file))
	_, err = io.Copy(io.Discard, first)
	require.NoError(t, err, "the stream ends in an orderly way")
	_, code = c.dial(link)
	require.Equal(t, http.StatusUnauthorized, code)
}

func TestWhoeverIsTooMuchIsTurnedAway(t *testing.T) {
	_, reach, _ := openStore(t)
	file, secrets := tokenFile(t,
		access.Token{Name: "server", Kind: access.Server, Environment: production},
		access.Token{Name: "web", Kind: access.Browser, Environment: production, Flags: []string{"checkout-v2"}})
	c := start(t, console.Config{
		Store: reach, Tokens: file, Origins: "https://shop.example.com",
		Token: access.Rate{PerSecond: 1, Burst: 6}, Address: access.Rate{PerSecond: 1, Burst: 3},
	})
	codes := func(token string, n int) (codes []int, last *http.Response) {
		c.token = token
		for range n {
			last, _ = c.bulk()
			codes = append(codes, last.StatusCode)
		}
		return codes, last
	}
	got, last := codes("a guess", 5)
	require.Equal(t, []int{401, 401, 401, 429, 429}, got, "guesses are limited by address")
	require.Equal(t, "1", last.Header.Get("Retry-After"))
	got, _ = codes(secrets["web"], 1)
	require.Equal(t, []int{429}, got, "and so are browsers")
	got, _ = codes(secrets["server"], 7)
	require.NotContains(t, got[:6], 429, "a server is not")
	require.Equal(t, 429, got[6], "but by its token")

	preflight := func(origin string) http.Header {
		resp, _ := c.ask(http.MethodOptions, "/ofrep/v1/evaluate/flags", "", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type,if-none-match")
		return resp.Header
	}
	require.Equal(t, "https://shop.example.com", preflight("https://shop.example.com").Get("Access-Control-Allow-Origin"))
	require.Empty(t, preflight("https://evil.example.com").Get("Access-Control-Allow-Origin"))

	resp, _ := c.ask(http.MethodGet, "/ofrep/v1/evaluate/flags", "")
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	resp, _ = c.ask(http.MethodGet, "/metrics", "")
	require.Equal(t, http.StatusNotFound, resp.StatusCode, "counters are for Prometheus alone")
}

func TestWithoutTokensOnlyThisMachineIsAnswered(t *testing.T) {
	_, reach, _ := openStore(t)
	c := start(t, console.Config{Store: reach})
	for host, want := range map[string]int{"localhost": 200, "127.0.0.1:80": 200, "[::1]": 200, "flags.evil.example.com": 403, "127.0.0.1.evil.example.com": 403} {
		req, err := http.NewRequest(http.MethodGet, "http://"+c.addr["http"]+"/healthz", nil)
		require.NoError(t, err)
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, want, resp.StatusCode, host)
	}
	scraped := start(t, console.Config{Store: reach, Metrics: "0.0.0.0:0"})
	for _, c := range []struct {
		listener string
		at       *running
		want     int
	}{{"metrics", c, 403}, {"metrics", scraped, 200}, {"http", scraped, 403}} {
		req, err := http.NewRequest(http.MethodGet, "http://"+c.at.addr[c.listener]+"/healthz", nil)
		require.NoError(t, err)
		req.Host = "console-0.example.internal:9465" // as Prometheus and kubelet know it
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, c.want, resp.StatusCode, "%s at %s", c.listener, c.at.addr[c.listener])
	}
	for _, c := range []struct {
		name   string
		config console.Config
		want   string
	}{
		{"every address", console.Config{Listen: ":8080"}, "would answer everybody"},
		{"another machine's name", console.Config{Listen: "flags.example.com:8080"}, "would answer everybody"},
		{"flagd's protocol", console.Config{Flagd: "0.0.0.0:8015"}, "would answer everybody"},
		{"flagd's protocol in the clear", console.Config{Flagd: "0.0.0.0:8015", Tokens: "tokens"}, "in the clear"},
		{"half of TLS", console.Config{Cert: "tls.crt"}, "needs a certificate and its key"},
		{"an origin with a path", console.Config{Origins: "https://shop.example.com/"}, "is no origin"},
		{"any origin", console.Config{Origins: "*"}, "is no origin"},
		{"a proxy that is none", console.Config{Proxies: "everybody"}, "is no network"},
		{"an address that is none", console.Config{Listen: "8080"}, "cannot listen"},
	} {
		t.Run(c.name, func(t *testing.T) { require.ErrorContains(t, c.config.Validate(), c.want) })
	}
}

func TestProvidersOfFlagdFollow(t *testing.T) {
	store, reach, _ := openStore(t)
	put(t, store, "checkout-v2", 1, rampart.Full)
	file, secrets := tokenFile(t,
		access.Token{Name: "java", Kind: access.Server, Environment: production},
		access.Token{Name: "web", Kind: access.Browser, Environment: production, Flags: []string{"checkout-v2"}},
		access.Token{Name: "elsewhere", Kind: access.Server, Environment: "staging"})
	c := start(t, console.Config{Store: reach, Tokens: file, Flagd: "127.0.0.1:0"})
	conn, err := grpc.NewClient(c.addr["flagd"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	provider := syncv1grpc.NewFlagSyncServiceClient(conn)
	as := func(token string) *syncv1.FetchAllFlagsResponse {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
		all, err := provider.FetchAllFlags(ctx, &syncv1.FetchAllFlagsRequest{}, grpc.WaitForReady(true))
		if err != nil {
			return nil
		}
		return all
	}
	require.Eventually(t, func() bool { return as(secrets["java"]) != nil }, patience, tick)
	for name, want := range map[string]codes.Code{"web": codes.PermissionDenied, "elsewhere": codes.PermissionDenied, "nobody": codes.Unauthenticated} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+secrets[name])
		_, err := provider.FetchAllFlags(ctx, &syncv1.FetchAllFlagsRequest{})
		require.Equal(t, want, status.Code(err), name)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+secrets["java"])
	_, err = provider.FetchAllFlags(metadata.AppendToOutgoingContext(ctx, "flagd-selector", "staging"), &syncv1.FetchAllFlagsRequest{})
	require.Equal(t, codes.NotFound, status.Code(err))

	// Older providers ask for metadata first, and add them to every evaluation.
	//lint:ignore SA1019 providers send it still
	about, err := provider.GetMetadata(ctx, &syncv1.GetMetadataRequest{})
	require.NoError(t, err)
	require.Empty(t, about.GetMetadata().GetFields())
	//lint:ignore SA1019 likewise
	_, err = provider.GetMetadata(t.Context(), &syncv1.GetMetadataRequest{})
	require.Equal(t, codes.Unauthenticated, status.Code(err))

	stream, err := provider.SyncFlags(ctx, &syncv1.SyncFlagsRequest{})
	require.NoError(t, err)
	got, err := stream.Recv()
	require.NoError(t, err)
	require.Contains(t, got.GetFlagConfiguration(), `"checkout-v2":{"state":"ENABLED","variants":{"off":false,"on":true},"defaultVariant":"on"`)
	_, err = store.Kill(t.Context(), "checkout-v2", "ann@example.com", "test")
	require.NoError(t, err)
	got, err = stream.Recv()
	require.NoError(t, err)
	require.Contains(t, got.GetFlagConfiguration(), `"checkout-v2":{"state":"ENABLED","variants":{"off":false},"defaultVariant":"off"`)
	require.NoError(t, c.end())
	_, err = stream.Recv()
	require.Equal(t, codes.Unavailable, status.Code(err))
}

// A call reaches what answers it only with its message.
func TestWhoeverHasNoTokenIsNotWaitedFor(t *testing.T) {
	_, reach, _ := openStore(t)
	file, secrets := tokenFile(t,
		access.Token{Name: "java", Kind: access.Server, Environment: production},
		access.Token{Name: "web", Kind: access.Browser, Environment: production, Flags: []string{"checkout-v2"}})
	c := start(t, console.Config{Store: reach, Tokens: file, Flagd: "127.0.0.1:0"})
	conn, err := grpc.NewClient(c.addr["flagd"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	for token, want := range map[string]codes.Code{"": codes.Unauthenticated, "a guess": codes.Unauthenticated, secrets["web"]: codes.PermissionDenied} {
		ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "x-api-key", token), patience)
		defer cancel()
		for _, method := range []string{"SyncFlags", "FetchAllFlags"} {
			call, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/flagd.sync.v1.FlagSyncService/"+method, grpc.WaitForReady(true))
			require.NoError(t, err)
			require.Equal(t, want, status.Code(call.RecvMsg(&syncv1.SyncFlagsResponse{})), method)
		}
	}
}

// What a token may not see wakes none of its providers, and is said to none of them.
func TestProviderOfAFewFlagsHearsOfThemAlone(t *testing.T) {
	store, reach, _ := openStore(t)
	put(t, store, "checkout-v2", 1, rampart.Full)
	put(t, store, "hidden", 1, rampart.Full)
	file, secrets := tokenFile(t, access.Token{Name: "java", Kind: access.Server, Environment: production, Flags: []string{"checkout-v2"}})
	c := start(t, console.Config{Store: reach, Tokens: file, Flagd: "127.0.0.1:0"})
	conn, err := grpc.NewClient(c.addr["flagd"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	provider := syncv1grpc.NewFlagSyncServiceClient(conn)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-api-key", secrets["java"])
	require.Eventually(t, func() bool {
		_, err := provider.FetchAllFlags(ctx, &syncv1.FetchAllFlagsRequest{}, grpc.WaitForReady(true))
		return err == nil
	}, patience, tick)
	var streams []grpc.ServerStreamingClient[syncv1.SyncFlagsResponse]
	says := func(what string) {
		t.Helper()
		for _, s := range streams {
			got, err := s.Recv()
			require.NoError(t, err)
			require.Contains(t, got.GetFlagConfiguration(), what)
			require.NotContains(t, got.GetFlagConfiguration(), "hidden")
		}
		all, err := provider.FetchAllFlags(ctx, &syncv1.FetchAllFlagsRequest{})
		require.NoError(t, err)
		require.Contains(t, all.GetFlagConfiguration(), what)
		require.NotContains(t, all.GetFlagConfiguration(), "hidden")
	}
	for range 5 {
		stream, err := provider.SyncFlags(ctx, &syncv1.SyncFlagsRequest{})
		require.NoError(t, err)
		streams = append(streams, stream)
	}
	says(`"defaultVariant":"on"`)
	put(t, store, "hidden", 2, 0)
	_, err = store.Kill(t.Context(), "checkout-v2", "ann@example.com", "test")
	require.NoError(t, err)
	says(`"defaultVariant":"off"`)
}
