package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/child"
	"github.com/rampart-dev/rampart/internal/redistest"
)

const environment = "production"

// A world has a Redis with flags in it, and a console that serves them.
type world struct {
	t         testing.TB
	store     *flagstore.Store
	redis     string // its URL
	tokens    string // file; empty: nobody needs one
	addresses string // file that the console writes
	origins   string
	console   *exec.Cmd
	listen    string // of OFREP
	sync      string // of flagd's protocol

	Server, Browser string // the tokens
}

// newWorld starts one. Pages of the origins may ask the console.
func newWorld(t testing.TB, origins ...string) *world {
	t.Helper()
	w := newStore(t)
	w.tokens, w.origins = filepath.Join(t.TempDir(), "tokens"), strings.Join(origins, ",")
	w.Server = w.newToken("services")
	w.Browser = w.newToken("shop-web", "--kind", "browser", "--flags", "checkout-v2,banner,results")
	w.start()
	return w
}

// newOpenWorld starts one whose console asks nobody for a token.
func newOpenWorld(t testing.TB) *world {
	t.Helper()
	w := newStore(t)
	w.start()
	return w
}

func newStore(t testing.TB) *world {
	t.Helper()
	redis := redistest.Start(t)
	w := &world{
		t: t, redis: "redis://" + redis.Addr(), addresses: filepath.Join(t.TempDir(), "addresses"),
		listen: "127.0.0.1:0", sync: "127.0.0.1:0",
	}
	var err error
	w.store, err = flagstore.Open(flagstore.Options{URL: w.redis, Environment: environment})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.store.Close() })
	require.NoError(t, w.store.Setup(t.Context(), "namespace-1"))
	for _, f := range flags() {
		w.put(f)
	}
	return w
}

// flags are one of each type and one for each way to decide.
func flags() []rampart.Flag {
	return []rampart.Flag{
		{Name: "checkout-v2", Off: raw("false"), On: raw("true"), Exposure: 5000},
		{Name: "banner", Off: raw(`"plain"`), On: raw(`"festive"`), Exposure: rampart.Full},
		{Name: "results", Off: raw("10"), On: raw("25"), Exposure: rampart.Full},
		{Name: "share", Off: raw("0.125"), On: raw("0.25"), Exposure: rampart.Full},
		{Name: "theme", Off: raw("{}"), On: raw(`{"ink":"#23302b","steps":[1,2]}`), Exposure: rampart.Full},
		{Name: "nobody-yet", Off: raw("false"), On: raw("true")},
		{Name: "staff-first", Off: raw("false"), On: raw("true"), Include: []rampart.Rule{{Keys: []string{"ann"}}}},
		{Name: "europe", Off: raw("false"), On: raw("true"), Exposure: 2500, Where: []rampart.Rule{{Attribute: "region", In: []string{"eu-west-1", "eu-central-1"}}}},
		{Name: "by-request", Off: raw("false"), On: raw("true"), Exposure: 3000, Unit: rampart.Request},
	}
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

// put writes a flag as somebody does by hand.
func (w *world) put(f rampart.Flag) {
	w.t.Helper()
	now, err := w.store.Now(w.t.Context())
	require.NoError(w.t, err)
	f.Format, f.HashVersion, f.Salt = rampart.FlagFormat, rampart.HashVersion, f.Name
	f.Type, f.Owner, f.Purpose, f.Lifecycle = rampart.Operations, "team", "To be read by clients", rampart.Released
	if f.Unit == "" {
		f.Unit = rampart.User
	}
	_, err = w.store.Put(w.t.Context(), flagstore.Write{
		Flag: f, Pen: rampart.Pen{Owner: "test", Fence: now.UnixMilli()}, Verb: "set", By: "ann@example.com", Reason: "test",
	})
	require.NoError(w.t, err)
}

func (w *world) kill(flag string) {
	w.t.Helper()
	_, err := w.store.Kill(w.t.Context(), flag, "ann@example.com", "support queue on fire")
	require.NoError(w.t, err)
}

// newToken adds a line to the file of tokens as an operator does.
func (w *world) newToken(name string, options ...string) string {
	w.t.Helper()
	cmd := exec.Command(*program, append([]string{"console", "token", "new", name, "--env", environment, "-o", "json"}, options...)...)
	said, err := cmd.Output()
	require.NoError(w.t, err)
	var made struct{ Token, Line string }
	require.NoError(w.t, json.Unmarshal(said, &made))
	file, err := os.OpenFile(w.tokens, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(w.t, err)
	_, err = fmt.Fprintln(file, made.Line)
	require.NoError(w.t, err)
	require.NoError(w.t, file.Close())
	return made.Token
}

// start starts the console, where it was before if it was, and waits until it is ready.
func (w *world) start() {
	w.t.Helper()
	w.console = w.run(*program, "console", "--redis", w.redis, "--env", environment,
		"--listen", w.listen, "--metrics-listen", "off", "--flagd", w.sync,
		"--tokens", w.tokens, "--origins", w.origins, "--address-file", w.addresses)
	require.Eventually(w.t, w.ready, patience, tick, "the console becomes ready")
}

// run runs a program until the test ends. What it said is told if the test fails.
func (w *world) run(program string, args ...string) *exec.Cmd {
	w.t.Helper()
	var said output
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &said, &said, child.DieWithParent()
	require.NoError(w.t, cmd.Start())
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if w.t.Failed() {
			w.t.Logf("%s said:\n%s", filepath.Base(program), said.String())
		}
	})
	return cmd
}

// ready reads where the console listens, and whether it has its flags.
func (w *world) ready() bool {
	text, err := os.ReadFile(w.addresses)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		switch name, address, _ := strings.Cut(strings.TrimSpace(line), " "); name {
		case "http":
			w.listen = address
		case "flagd":
			w.sync = address
		}
	}
	resp, err := http.Get(w.URL() + "/readyz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// crash ends the console as a loss of its machine would.
func (w *world) crash() {
	w.t.Helper()
	require.NoError(w.t, w.console.Process.Kill())
	_ = w.console.Wait()
	require.NoError(w.t, os.Remove(w.addresses))
}

// URL is where OFREP is.
func (w *world) URL() string { return "http://" + w.listen }

// client is the Go client, whose answers all others must give.
func (w *world) client() *client.Client {
	w.t.Helper()
	c, err := client.Open(w.t.Context(), client.Options{
		Redis: w.redis, Environment: environment, Service: "test", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = c.Close() })
	require.Eventually(w.t, c.Ready, patience, tick)
	return c
}

// output is what a process has said.
type output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}
