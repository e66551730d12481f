package gates

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/rampart-dev/rampart"
)

// PrometheusOptions say where a Prometheus is, how to speak to it, and how much of
// an answer is taken. The zero value of each but Address is useful.
type PrometheusOptions struct {
	Address string // http or https URL

	Username     string // basic authentication, with Password or PasswordFile
	Password     string
	PasswordFile string // read again for every request, so that it can be rotated

	BearerToken     string
	BearerTokenFile string // likewise

	CAFile     string // instead of the system's authorities
	CertFile   string // the client's own certificate, with KeyFile
	KeyFile    string
	ServerName string // that the certificate must have, where it is not the address's

	Timeout        time.Duration // of one query, 10 seconds by default
	ScrapeInterval time.Duration // of the counters, 15 seconds by default
	MaxSeries      int           // of one answer, 100,000 by default
	MaxBytes       int64         // of one answer, 128 MiB by default
	Concurrent     int           // queries at once, 4 by default
	Waiting        int           // queries that wait for their turn, 5,000 by default
}

// The defaults of PrometheusOptions. A hundred thousand series of twenty samples
// take about sixty megabytes of JSON, so either bound is met by the same answer.
const (
	DefaultTimeout        = 10 * time.Second
	DefaultScrapeInterval = 15 * time.Second
	DefaultMaxSeries      = 100_000
	DefaultMaxBytes       = 128 << 20
	DefaultConcurrent     = 4
	// DefaultWaiting is more than four at once answer within the time that a query may
	// wait, where each takes a few milliseconds.
	DefaultWaiting = 5_000
)

// Prometheus is a Source that speaks Prometheus' HTTP API, as Mimir, Thanos and
// VictoriaMetrics do. What several launches ask for at the same tick is asked once.
type Prometheus struct {
	api     promv1.API
	host    string
	timeout time.Duration
	line    *line

	interval  time.Duration // between two scrapes
	maxSeries int

	values memo[valueKey, float64]
	ups    memo[valueKey, targets] // who was scraped
	crowds crowds

	scrapes memo[valueKey, map[target]scrape] // how those are that stopped
}

// NewPrometheus returns a source. It does not connect: see [Prometheus.Ping].
func NewPrometheus(o PrometheusOptions) (*Prometheus, error) {
	o = o.withDefaults()
	address, err := o.separate()
	if err != nil {
		return nil, err
	}
	transport, err := promconfig.NewRoundTripperFromConfig(o.http(), "rampart", promconfig.WithUserAgent("rampart"))
	if err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "prometheus: %s", err).WithHint("check the files of passwords, tokens and certificates")
	}
	client, err := api.NewClient(api.Config{Address: address.String(), Client: &http.Client{
		Transport: &bounded{next: transport, limit: o.MaxBytes},
		CheckRedirect: func(*http.Request, []*http.Request) error { // credentials stay with the address they were given for
			return http.ErrUseLastResponse
		},
	}})
	if err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	return &Prometheus{
		api:     promv1.NewAPI(client),
		host:    address.Host,
		timeout: o.Timeout,
		line:    newLine(o.Concurrent, o.Waiting),

		interval:  o.ScrapeInterval,
		maxSeries: o.MaxSeries,
		crowds:    crowds{maxSeries: o.MaxSeries, maxBytes: o.MaxBytes, parallel: o.Concurrent},
	}, nil
}

func (o PrometheusOptions) withDefaults() PrometheusOptions {
	o.Timeout = or(o.Timeout, DefaultTimeout)
	o.ScrapeInterval = or(o.ScrapeInterval, DefaultScrapeInterval)
	o.MaxSeries = or(o.MaxSeries, DefaultMaxSeries)
	o.MaxBytes = or(o.MaxBytes, DefaultMaxBytes)
	o.Concurrent = or(o.Concurrent, DefaultConcurrent)
	o.Waiting = or(o.Waiting, DefaultWaiting)
	return o
}

// separate takes credentials out of the address, so that no error can show them.
func (o *PrometheusOptions) separate() (*url.URL, error) {
	address, err := url.Parse(o.Address)
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return nil, rampart.Errorf(rampart.Invalid, "the address of prometheus is not a URL").WithHint("write it as http://localhost:9090")
	}
	if address.User != nil {
		o.Username = address.User.Username()
		o.Password, _ = address.User.Password()
		address.User = nil
	}
	return address, nil
}

func (o PrometheusOptions) http() promconfig.HTTPClientConfig {
	c := promconfig.HTTPClientConfig{EnableHTTP2: true, TLSConfig: promconfig.TLSConfig{
		CAFile: o.CAFile, CertFile: o.CertFile, KeyFile: o.KeyFile, ServerName: o.ServerName,
	}}
	switch {
	case o.Username != "":
		c.BasicAuth = &promconfig.BasicAuth{Username: o.Username, Password: promconfig.Secret(o.Password), PasswordFile: o.PasswordFile}
	case o.BearerToken != "" || o.BearerTokenFile != "":
		c.Authorization = &promconfig.Authorization{
			Type: "Bearer", Credentials: promconfig.Secret(o.BearerToken), CredentialsFile: o.BearerTokenFile,
		}
	}
	return c
}

// Ping returns an error where Prometheus does not answer queries.
func (p *Prometheus) Ping(ctx context.Context) error {
	_, err := p.query(ctx, "vector(1)", time.Time{})
	return err
}

type valueKey struct {
	query string
	at    int64
}

// Value implements [Source]. A query that finds nothing because nothing is scraped is
// told from one that finds nothing.
func (p *Prometheus) Value(ctx context.Context, query string, at time.Time) (float64, error) {
	return p.values.get(ctx, valueKey{query, at.UnixMilli()}, func(ctx context.Context) (float64, error) {
		v, err := p.value(ctx, query, at)
		if err == errNoSeries {
			if idle := p.scraping(ctx, at, 5*p.interval/2); idle != nil {
				return 0, idle
			}
		}
		return v, err
	})
}

func (p *Prometheus) value(ctx context.Context, query string, at time.Time) (float64, error) {
	v, err := p.query(ctx, query, at)
	if err != nil {
		return 0, err
	}
	return single(v)
}

var errNoSeries = &NoData{"the query found no series"}

// single returns the one value that an answer has.
func single(v model.Value) (float64, error) {
	var one float64
	switch v := v.(type) {
	case *model.Scalar:
		one = float64(v.Value)
	case model.Vector:
		switch {
		case len(v) == 0:
			return 0, errNoSeries
		case len(v) > 1:
			return 0, &NoData{fmt.Sprintf("the query found %d series where one is wanted: aggregate them", len(v))}
		case v[0].Histogram != nil:
			return 0, &NoData{"the query found a histogram where a number is wanted"}
		}
		one = float64(v[0].Value)
	default:
		return 0, &NoData{fmt.Sprintf("the query returns a %s where a number is wanted", v.Type())}
	}
	if math.IsNaN(one) || math.IsInf(one, 0) {
		return 0, &NoData{fmt.Sprintf("the query returns %v, which is no number to compare", one)}
	}
	return one, nil
}

// query asks for the value of an expression at an instant; now, where it is zero.
func (p *Prometheus) query(ctx context.Context, expression string, at time.Time) (model.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	if err := p.line.enter(ctx, p.timeout/2); err != nil { // the rest is for the answer
		return nil, p.unanswered(err)
	}
	defer p.line.leave()
	v, _, _, err := p.api.Query(ctx, expression, at, promv1.WithTimeout(p.timeout))
	if err != nil {
		return nil, p.unanswered(err)
	}
	return v, nil
}

// unanswered says what went wrong without the URL of the request, which is long and
// says nothing that the host does not.
func (p *Prometheus) unanswered(err error) error {
	var refusal *promv1.Error
	var request *url.Error
	switch {
	case errors.Is(err, errTooLarge):
		return errTooLarge
	case errors.Is(err, errCrowded):
		return rampart.Errorf(rampart.Unreachable, "prometheus at %s was not asked: too many queries are waiting for it", p.host).
			WithHint("find out what makes it slow; let more queries run at once (--prometheus-queries), or look less often")
	case errors.As(err, &refusal) && (refusal.Type == promv1.ErrBadData || refusal.Type == promv1.ErrExec):
		return rampart.Errorf(rampart.Invalid, "prometheus at %s does not take the query: %s", p.host, short(refusal.Msg))
	case errors.As(err, &refusal):
		return rampart.Errorf(rampart.Unreachable, "prometheus at %s answers, but not the query: %s", p.host, short(refusal.Msg))
	case errors.Is(err, context.DeadlineExceeded):
		return rampart.Errorf(rampart.Unreachable, "prometheus at %s did not answer within %s", p.host, p.timeout)
	case errors.As(err, &request):
		err = request.Err
	}
	return rampart.Errorf(rampart.Unreachable, "prometheus at %s does not answer: %s", p.host, short(err.Error())).
		WithHint("check that it runs, and its address and credentials in the worker's configuration")
}

// errTooLarge is the error of reading an answer that is too large.
var errTooLarge = errors.New("the answer is too large")

// bounded is a transport that stops reading an answer at its limit.
type bounded struct {
	next  http.RoundTripper
	limit int64
}

// RoundTrip implements http.RoundTripper.
func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: b.limit}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		// One byte more tells an answer of just the limit from a larger one.
		if n, err := b.ReadCloser.Read(make([]byte, 1)); n == 0 {
			return 0, err
		}
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// or returns v, or instead where v is the zero value.
func or[T comparable](v, instead T) T {
	var zero T
	if v == zero {
		return instead
	}
	return v
}
