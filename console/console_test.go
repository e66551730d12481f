package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/console"
	"github.com/rampart-dev/rampart/console/access"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

const (
	production = "production"
	patience   = time.Minute // on a machine under load
	tick       = 5 * time.Millisecond
)

func TestMain(m *testing.M) {
	flagstore.SilenceDriver()
	os.Exit(m.Run())
}

// A running console.
type running struct {
	t     *testing.T
	addr  map[string]string // by what is listened for
	token string            // that requests show
	stop  context.CancelFunc
	ended chan error
}

// start runs a console until the test ends.
func start(t *testing.T, c console.Config) *running {
	t.Helper()
	file := filepath.Join(t.TempDir(), "addresses")
	c.AddressFile = file
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Metrics == "" {
		c.Metrics = "127.0.0.1:0"
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.Store.Environment == "" {
		c.Store.Environment = production
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{t: t, addr: map[string]string{}, stop: stop, ended: make(chan error, 1)}
	go func() { r.ended <- console.Run(ctx, c) }()
	t.Cleanup(func() { r.end() })
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			name, addr, _ := strings.Cut(strings.TrimSpace(line), " ")
			r.addr[name] = addr
		}
		return err == nil
	}, patience, tick)
	return r
}

// end stops the console and returns how it ended.
func (r *running) end() error {
	r.stop()
	select {
	case err := <-r.ended:
		r.ended <- err
		return err
	case <-time.After(patience):
		return errors.New("the console does not end")
	}
}

// ask sends a request; headers are pairs.
func (r *running) ask(method, path, body string, headers ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.addr["http"]+path, strings.NewReader(body))
	require.NoError(r.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return resp, string(answer)
}

func (r *running) bulk(headers ...string) (*http.Response, string) {
	r.t.Helper()
	return r.ask(http.MethodPost, "/ofrep/v1/evaluate/flags", annsContext, headers...)
}

const annsContext = `{"context":{"targetingKey":"ann"}}`

// events follows the stream that a bulk answer names.
func (r *running) events(bulk string) <-chan string {
	r.t.Helper()
	var answer struct {
		EventStreams []struct{ Endpoint struct{ RequestURI string } }
	}
	require.NoError(r.t, json.Unmarshal([]byte(bulk), &answer))
	require.Len(r.t, answer.EventStreams, 1)
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://"+r.addr["http"]+answer.EventStreams[0].Endpoint.RequestURI, nil)
	require.NoError(r.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = resp.Body.Close() })
	require.Equal(r.t, http.StatusOK, resp.StatusCode)
	events := make(chan string, 100)
	go func() {
		defer close(events)
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				events <- data
			}
		}
	}()
	return events
}

func next(t *testing.T, events <-chan string) string {
	t.Helper()
	select {
	case e, open := <-events:
		require.True(t, open, "the stream has ended")
		return e
	case <-time.After(patience):
		require.Fail(t, "no event")
		return ""
	}
}

func openStore(t *testing.T) (*flagstore.Store, flagstore.Options, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t, redistest.Users(t, production)...)
	store, err := flagstore.Open(flagstore.Options{URL: server.WriterURL(), Environment: production})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	require.NoError(t, store.Setup(t.Context(), "namespace-1"))
	return store, flagstore.Options{URL: server.ReaderURL(), Environment: production}, server
}

func put(t *testing.T, store *flagstore.Store, name string, version int64, exposure rampart.Percent) {
	t.Helper()
	_, err := store.Put(t.Context(), flagstore.Write{
		Flag: rampart.Flag{
			Format: rampart.FlagFormat, Name: name, Version: version, Exposure: exposure, Off: []byte("false"), On: []byte("true"),
			Unit: rampart.User, Salt: name, HashVersion: rampart.HashVersion, Type: rampart.Release, Owner: "team-payments", Purpose: "One-page checkout",
		},
		Pen: rampart.Pen{Owner: rampart.FlagID(production, name), Fence: version}, Verb: "set", By: "ann@example.com", Reason: "test",
	})
	require.NoError(t, err)
}

// tokenFile writes a file of tokens and returns the secrets, by name.
func tokenFile(t *testing.T, tokens ...access.Token) (file string, secrets map[string]string) {
	t.Helper()
	file, secrets = filepath.Join(t.TempDir(), "tokens"), map[string]string{}
	lines := "# of this test\n\n"
	for _, token := range tokens {
		secret, kept, err := access.New(token)
		require.NoError(t, err)
		secrets[token.Name] = secret
		lines += kept.String() + "\n"
	}
	require.NoError(t, os.WriteFile(file, []byte(lines), 0o600))
	return file, secrets
}

func TestAKillReachesWhoeverListens(t *testing.T) {
	store, reach, _ := openStore(t)
	put(t, store, "checkout-v2", 1, rampart.Full)
	put(t, store, "secret-plan", 1, rampart.Full)
	file, secrets := tokenFile(t, access.Token{Name: "shop-web", Kind: access.Browser, Environment: production, Flags: []string{"checkout-v2"}})
	c := start(t, console.Config{Store: reach, Tokens: file})
	c.token = secrets["shop-web"]

	var before string
	var resp *http.Response
	require.Eventually(t, func() bool {
		resp, before = c.bulk()
		return resp.StatusCode == http.StatusOK
	}, patience, tick)
	require.Contains(t, before, `"key":"checkout-v2","value":true,"reason":"STATIC","variant":"on"`)
	require.NotContains(t, before, "secret-plan")
	events := c.events(before)
	require.Contains(t, next(t, events), `"type":"refetchEvaluation"`, "something may have changed before the stream was open")
	unchanged, _ := c.bulk("If-None-Match", resp.Header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, unchanged.StatusCode)

	_, err := store.Kill(t.Context(), "checkout-v2", "ann@example.com", "test")
	require.NoError(t, err)
	require.Contains(t, next(t, events), `"type":"refetchEvaluation"`)
	after, body := c.bulk("If-None-Match", resp.Header.Get("ETag"))
	require.Equal(t, http.StatusOK, after.StatusCode)
	require.Contains(t, body, `"key":"checkout-v2","value":false,"reason":"DISABLED","variant":"off"`)
	require.Contains(t, body, `"reason":"KILLED"`)

	require.NoError(t, c.end())
	for range events {
	} // which ends, because the console ended the stream
}
