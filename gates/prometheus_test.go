package gates_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// A fakePrometheus answers queries as a test wants.
type fakePrometheus struct {
	*httptest.Server
	mu      sync.Mutex
	queries []string
	headers []http.Header
	answer  func(query string, at time.Time) (status int, data any) // data, or the text of an error
}

func newFakePrometheus(t *testing.T, answer func(string, time.Time) (int, any)) *fakePrometheus {
	f := &fakePrometheus{answer: answer}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakePrometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var at float64
	_, _ = fmt.Sscan(r.FormValue("time"), &at)
	query := r.FormValue("query")
	f.mu.Lock()
	f.queries = append(f.queries, query)
	f.headers = append(f.headers, r.Header.Clone())
	f.mu.Unlock()
	status, data := f.answer(query, time.UnixMilli(int64(at*1000)))
	body := map[string]any{"status": "success", "data": data}
	if text, failed := data.(string); failed {
		body = map[string]any{"status": "error", "errorType": "bad_data", "error": text}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (f *fakePrometheus) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.queries...)
}

func (f *fakePrometheus) source(t *testing.T, spoil ...func(*gates.PrometheusOptions)) *gates.Prometheus {
	t.Helper()
	o := gates.PrometheusOptions{Address: f.URL, Timeout: 30 * time.Second}
	for _, s := range spoil {
		s(&o)
	}
	p, err := gates.NewPrometheus(o)
	require.NoError(t, err)
	return p
}

func vector(values ...string) any {
	result := []any{}
	for i, v := range values {
		result = append(result, map[string]any{"metric": map[string]string{"n": fmt.Sprint(i)}, "value": []any{1, v}})
	}
	return map[string]any{"resultType": "vector", "result": result}
}

func TestValueIsOneNumber(t *testing.T) {
	tests := []struct {
		name   string
		status int
		data   any
		value  float64
		none   string // no data, for this reason
		fails  string // no answer, for this reason
	}{
		{"a scalar", 200, map[string]any{"resultType": "scalar", "result": []any{1, "2.5"}}, 2.5, "", ""},
		{"one series", 200, vector("61"), 61, "", ""},
		{"no series", 200, vector(), 0, "the query found no series", ""},
		{"several series", 200, vector("1", "2", "3"), 0, "found 3 series where one is wanted", ""},
		{"not a number", 200, vector("NaN"), 0, "returns NaN", ""},
		{"infinity", 200, vector("+Inf"), 0, "returns +Inf", ""},
		{"a range", 200, map[string]any{"resultType": "matrix", "result": []any{}}, 0, "returns a matrix", ""},
		{"a text", 200, map[string]any{"resultType": "string", "result": []any{1, "x"}}, 0, "", "unexpected value type"},
		{"a query that is wrong", 400, "parse error: unexpected end", 0, "", "does not take the query: parse error: unexpected end"},
		{"a server in trouble", 503, vector(), 0, "", "server error: 503"},
		{"a login page", 302, vector(), 0, "", "bad response code 302"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakePrometheus(t, func(string, time.Time) (int, any) { return tt.status, tt.data })
			v, err := f.source(t).Value(t.Context(), "pool", noon)
			var none *gates.NoData
			switch {
			case tt.none != "":
				require.ErrorAs(t, err, &none)
				require.ErrorContains(t, err, tt.none)
			case tt.fails != "":
				require.NotErrorAs(t, err, &none)
				require.ErrorContains(t, err, tt.fails)
				require.NotEqual(t, rampart.Unexpected, rampart.KindOf(err))
			default:
				require.NoError(t, err)
				require.Equal(t, tt.value, v)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("from-file\n"), 0o600))
	tests := []struct {
		name  string
		spoil func(*gates.PrometheusOptions)
		want  string
	}{
		{"none", func(*gates.PrometheusOptions) {}, ""},
		{"a password", func(o *gates.PrometheusOptions) { o.Username, o.Password = "ann", "s3cret" }, "Basic YW5uOnMzY3JldA=="},
		{"a password in a file", func(o *gates.PrometheusOptions) { o.Username, o.PasswordFile = "ann", secret }, "Basic YW5uOmZyb20tZmlsZQ=="},
		{"a password in the address", func(o *gates.PrometheusOptions) {
			o.Address = strings.Replace(o.Address, "http://", "http://ann:s3cret@", 1)
		}, "Basic YW5uOnMzY3JldA=="},
		{"a token", func(o *gates.PrometheusOptions) { o.BearerToken = "t0ken" }, "Bearer t0ken"},
		{"a token in a file", func(o *gates.PrometheusOptions) { o.BearerTokenFile = secret }, "Bearer from-file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakePrometheus(t, func(string, time.Time) (int, any) { return 200, vector("1") })
			_, err := f.source(t, tt.spoil).Value(t.Context(), "pool", noon)
			require.NoError(t, err)
			require.Equal(t, tt.want, f.headers[0].Get("Authorization"))
		})
	}
}

func TestErrorsShowNoSecrets(t *testing.T) {
	f := newFakePrometheus(t, nil)
	withSecrets := func(o *gates.PrometheusOptions) {
		o.Address = strings.Replace(o.Address, "http://", "http://ann:s3cret@", 1)
	}
	p := f.source(t, withSecrets)
	f.Close()
	_, err := p.Value(t.Context(), "pool", noon)
	require.ErrorContains(t, err, "does not answer")
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "s3cret")
	require.NotEmpty(t, rampart.HintOf(err))

	for _, address := range []string{"", "localhost:9090", "ftp://ann:s3cret@x", "http://ann:s3cret@"} {
		_, err := gates.NewPrometheus(gates.PrometheusOptions{Address: address})
		require.Equal(t, rampart.Invalid, rampart.KindOf(err), address)
		require.NotContains(t, err.Error(), "s3cret")
	}
	_, err = gates.NewPrometheus(gates.PrometheusOptions{Address: "https://x", CAFile: "/does/not/exist"})
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
}

func TestTLSWithAnAuthorityOfOnesOwn(t *testing.T) {
	f := &fakePrometheus{answer: func(string, time.Time) (int, any) { return 200, vector("1") }}
	f.Server = httptest.NewTLSServer(f)
	t.Cleanup(f.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	require.NoError(t, os.WriteFile(ca, block, 0o600))

	require.NoError(t, f.source(t, func(o *gates.PrometheusOptions) { o.CAFile = ca }).Ping(t.Context()))
	require.ErrorContains(t, f.source(t).Ping(t.Context()), "certificate")
}

func TestAnAnswerThatDoesNotComeIsNotWaitedForLonger(t *testing.T) {
	hang := make(chan struct{})
	f := newFakePrometheus(t, func(string, time.Time) (int, any) { <-hang; return 200, vector("1") })
	defer close(hang)
	p := f.source(t, func(o *gates.PrometheusOptions) { o.Timeout = 50 * time.Millisecond })
	_, err := p.Value(context.Background(), "pool", noon)
	require.ErrorContains(t, err, "did not answer within 50ms")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = f.source(t).Value(ctx, "pool", noon)
	require.ErrorIs(t, err, context.Canceled)
}

func TestAnAnswerThatIsTooLargeIsNotRead(t *testing.T) {
	f := newFakePrometheus(t, func(string, time.Time) (int, any) {
		return 200, vector(strings.Repeat("1", 1<<20))
	})
	_, err := f.source(t, func(o *gates.PrometheusOptions) { o.MaxBytes = 1 << 16 }).Value(t.Context(), "pool", noon)
	require.ErrorContains(t, err, "too large")
}

func TestAQueryIsAskedOncePerTick(t *testing.T) {
	f := newFakePrometheus(t, func(string, time.Time) (int, any) { return 200, vector("1") })
	p := f.source(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := p.Value(t.Context(), "pool", noon)
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.Len(t, f.asked(), 1)
	_, err := p.Value(t.Context(), "pool", noon.Add(time.Second))
	require.NoError(t, err)
	require.Len(t, f.asked(), 2)
}

// matrix answers for all flags of a query with counters that grow by ten a tick.
func matrix(query string, at time.Time, perFlag int) any {
	result := []any{}
	for _, flag := range flagsOf(query) {
		for i := range perFlag {
			result = append(result, map[string]any{
				"metric": map[string]string{"flag": flag, "arm": []string{"on", "off"}[i%2], "pod": fmt.Sprint(i / 2)},
				"values": []any{
					[]any{float64(at.Unix()) - 20, "100"}, []any{float64(at.Unix()) - 5, "110"},
				},
			})
		}
	}
	return map[string]any{"resultType": "matrix", "result": result}
}

var flagMatcher = regexp.MustCompile(`flag=~"([^"]*)"`)

func flagsOf(query string) []string {
	m := flagMatcher.FindStringSubmatch(query)
	if m == nil {
		return nil
	}
	return strings.Split(m[1], "|")
}

// countAll asks for the requests of many flags at once, as their launches do.
func countAll(t *testing.T, p *gates.Prometheus, at time.Time, flags int, selectors ...string) {
	t.Helper()
	var all sync.WaitGroup
	for i := range flags {
		all.Go(func() {
			q := gates.CountQuery{Flag: fmt.Sprintf("flag-%d", i), To: at, Every: 15 * time.Second}
			for _, s := range selectors {
				q.Counters = append(q.Counters, gates.Counter{Selector: s, From: at.Add(-15 * time.Second)})
			}
			got := p.Count(t.Context(), q)
			require.NoError(t, got[0].Err)
			require.Positive(t, got[0].Arms["on"].Sum, q.Flag)
		})
	}
	all.Wait()
}

func TestAMetricIsAskedForOncePerTickAnd200Flags(t *testing.T) {
	f := newFakePrometheus(t, func(q string, at time.Time) (int, any) { return 200, matrix(q, at, 2) })
	p := f.source(t)
	countAll(t, p, noon, 1000, "requests_total", `requests_total{outcome="error"}`) // they are not known yet
	before := len(f.asked())
	require.Less(t, before, 20)

	for tick := 1; tick <= 3; tick++ {
		at := noon.Add(time.Duration(tick) * 15 * time.Second)
		countAll(t, p, at, 1000, "requests_total", `requests_total{outcome="error"}`)
	}
	queries := f.asked()[before:]
	require.Len(t, queries, 3*1000/200)
	require.Len(t, flagsOf(queries[0]), 200)
	require.Regexp(t, `^requests_total\{flag=~"flag-[^"]*"\}\[360000ms\]$`, queries[0])
}

func TestAnAnswerWithTooManySeriesIsAskedForInParts(t *testing.T) {
	f := newFakePrometheus(t, func(q string, at time.Time) (int, any) { return 200, matrix(q, at, 4) })
	p := f.source(t, func(o *gates.PrometheusOptions) { o.MaxSeries = 100 })
	for tick := range 3 {
		countAll(t, p, noon.Add(time.Duration(tick)*15*time.Second), 100, "requests_total")
	}
	before := len(f.asked())
	countAll(t, p, noon.Add(time.Minute), 100, "requests_total")
	for _, q := range f.asked()[before:] {
		require.LessOrEqual(t, len(flagsOf(q)), 25, "what was too large once is not asked for again")
	}
}

func TestAFlagWithTooManySeriesIsBlindByItself(t *testing.T) {
	f := newFakePrometheus(t, func(q string, at time.Time) (int, any) { return 200, matrix(q, at, 400) })
	p := f.source(t, func(o *gates.PrometheusOptions) { o.MaxSeries = 100 })
	got := p.Count(t.Context(), gates.CountQuery{
		Flag: "checkout-v2", To: noon, Every: 15 * time.Second,
		Counters: []gates.Counter{{Selector: "requests_total", From: noon.Add(-15 * time.Second)}},
	})
	require.ErrorContains(t, got[0].Err, "checkout-v2 has more than 100 series")
}

func TestSelectorsOfAMetricAreAskedForTogether(t *testing.T) {
	f := newFakePrometheus(t, func(q string, at time.Time) (int, any) {
		return 200, map[string]any{"resultType": "matrix", "result": []any{}}
	})
	p := f.source(t)
	at := noon
	tests := []struct {
		name      string
		selectors []string
		want      []string
	}{
		{
			"what is common is asked for", []string{`r{outcome="error", app="shop"}`, `r{app='shop'}`},
			[]string{`r{app="shop",flag=~"a\\.b"}[360000ms]`},
		},
		{
			"other metrics are other queries", []string{`r`, `x{a!="1",b=~"2|3",c!~"4.*"}`},
			[]string{`r{flag=~"a\\.b"}[360000ms]`, `x{a!="1",b=~"2|3",c!~"4.*",flag=~"a\\.b"}[360000ms]`},
		},
		{
			"values are quoted whatever is in them", []string{"r{path=`/a\"}\\b`}"},
			[]string{`r{path="/a\"}\\b",flag=~"a\\.b"}[360000ms]`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(f.asked())
			at = at.Add(time.Minute)
			q := gates.CountQuery{Flag: "a.b", To: at, Every: 15 * time.Second}
			for _, s := range tt.selectors {
				q.Counters = append(q.Counters, gates.Counter{Selector: s, From: at.Add(-15 * time.Second)})
			}
			for _, got := range p.Count(t.Context(), q) {
				require.NoError(t, got.Err)
			}
			counters := slices.DeleteFunc(f.asked()[before:], func(q string) bool { return strings.HasPrefix(q, "count(") }) // why there are none
			require.ElementsMatch(t, tt.want, counters)
		})
	}
}

func TestAFailureIsNotAskedAgainForEveryFlag(t *testing.T) {
	f := newFakePrometheus(t, func(string, time.Time) (int, any) { return 503, vector() })
	p := f.source(t)
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			got := p.Count(t.Context(), gates.CountQuery{
				Flag: fmt.Sprintf("flag-%d", i), To: noon, Every: 15 * time.Second,
				Counters: []gates.Counter{{Selector: "requests_total", From: noon.Add(-15 * time.Second)}},
			})
			require.ErrorContains(t, got[0].Err, "503")
		})
	}
	all.Wait()
	require.Less(t, len(f.asked()), 40)
}

func TestSelectorsThatCannotBeReadAreRefused(t *testing.T) {
	for _, s := range []string{
		"", "{}", `{a="b"}`, "rate(x[5m])", "x[5m]", "x offset 5m", `x{a="b"`, `x{a="b"} or y`, `x{a=b}`, `x{a="b",,}`, `x{="b"}`,
		`x{a=~"("}`, `x{__name__="y"}`, `x{a="b}`, "x{a=\"\n\"}", `x{a="b" c="d"}`,
	} {
		g := rampart.Gate{Name: "g", Count: &rampart.Count{Events: s}}
		require.Equal(t, rampart.Invalid, rampart.KindOf(gates.Judges(g)), s)
	}
	for _, s := range []string{"x", " x ", "x{}", `x{a="b",}`, `job:x:sum{ a = "b" , c !~ 'd"\'e' }`, "x{a=`\\d`}"} {
		require.NoError(t, gates.Judges(rampart.Gate{Name: "g", Count: &rampart.Count{Events: s}}), s)
	}
}
