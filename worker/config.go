package worker

import (
	"errors"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/internal/logs"
	"github.com/rampart-dev/rampart/internal/settings"
	"github.com/rampart-dev/rampart/starter"
	"github.com/rampart-dev/rampart/worker/annotations"
)

// Config is all that a worker can be told. The zero value of a field means its
// default, which docs/reference/configuration.md lists.
type Config struct {
	Parts starter.Options // where Temporal and the store are; bound by a Bind of its own

	Trust      rampart.Trust
	Prometheus gates.PrometheusOptions
	ScrapeLag  time.Duration

	Notify     []string // channels, NAME=URL
	NotifyFile string   // more of them, one a line
	Page       string   // names of those that hear of the sweep, separated by commas

	Grafana annotations.Grafana // gets an annotation for every change; none where its URL is empty

	Version    string // of the program, for its metrics; the default of Build
	Deployment string // name of the worker deployment; empty: no worker versioning
	Build      string // of this worker within its deployment

	SweepEvery   time.Duration
	StartTimeout time.Duration // for Temporal and the store to answer
	StopTimeout  time.Duration // for attempts under way to end

	Changes   int // activities at once that change flags
	Looks     int // watches at once that look at gates
	Decisions int // workflow tasks at once

	Listen      string // host:port of health, readiness and metrics
	AddressFile string // gets the address that was listened on

	LogFormat string // json or console
	LogLevel  string
	Log       *zap.Logger // instead of a log on stderr

	mistake error // of the environment, found by Bind
}

// The formats of the log.
const (
	LogJSON    = logs.JSON
	LogConsole = logs.Console
)

// Bind adds a flag for each setting of the worker itself that is no secret, and
// takes from the environment what it tells. What cannot be read there is an error
// of Validate.
func (c *Config) Bind(fs *pflag.FlagSet) { c.mistake = settings.Bind(fs, c.Settings()) }

// Settings sets the worker's own fields to their defaults and returns how each of
// them can be told.
func (c *Config) Settings() []settings.Setting {
	p := &c.Prometheus
	return []settings.Setting{
		{Flag: "trust", Env: "RAMPART_TRUST", Value: settings.Text((*string)(&c.Trust), string(rampart.TrustPayload)),
			Meaning: "how to know who approved: payload believes what the approval says, and is for development"},

		{Flag: "prometheus", Env: "RAMPART_PROMETHEUS_URL", Value: settings.Text(&p.Address, "http://127.0.0.1:9090"), NoPassword: true,
			Meaning: "URL of Prometheus, or of what speaks its API"},
		{Flag: "prometheus-user", Env: "RAMPART_PROMETHEUS_USER", Value: settings.Text(&p.Username, ""),
			Meaning: "user for basic authentication"},
		{Env: "RAMPART_PROMETHEUS_PASSWORD", Value: settings.Text(&p.Password, ""),
			Meaning: "password of that user"},
		{Flag: "prometheus-password-file", Env: "RAMPART_PROMETHEUS_PASSWORD_FILE", Value: settings.Text(&p.PasswordFile, ""),
			Meaning: "file with that password, read again for every query so that it can be rotated"},
		{Env: "RAMPART_PROMETHEUS_TOKEN", Value: settings.Text(&p.BearerToken, ""),
			Meaning: "bearer token"},
		{Flag: "prometheus-token-file", Env: "RAMPART_PROMETHEUS_TOKEN_FILE", Value: settings.Text(&p.BearerTokenFile, ""),
			Meaning: "file with that token, likewise"},
		{Flag: "prometheus-tls-ca", Env: "RAMPART_PROMETHEUS_TLS_CA", Value: settings.Text(&p.CAFile, ""),
			Meaning: "file with the roots that sign Prometheus, instead of the system's"},
		{Flag: "prometheus-tls-cert", Env: "RAMPART_PROMETHEUS_TLS_CERT", Value: settings.Text(&p.CertFile, ""),
			Meaning: "file with the worker's certificate for Prometheus"},
		{Flag: "prometheus-tls-key", Env: "RAMPART_PROMETHEUS_TLS_KEY", Value: settings.Text(&p.KeyFile, ""),
			Meaning: "file with the key of that certificate"},
		{Flag: "prometheus-tls-server-name", Env: "RAMPART_PROMETHEUS_TLS_SERVER_NAME", Value: settings.Text(&p.ServerName, ""),
			Meaning: "name that the certificate of Prometheus must have, where it is not the address's"},
		{Flag: "prometheus-timeout", Env: "RAMPART_PROMETHEUS_TIMEOUT", Value: settings.Span(&p.Timeout, gates.DefaultTimeout),
			Meaning: "how long one query may take"},
		{Flag: "prometheus-queries", Env: "RAMPART_PROMETHEUS_QUERIES", Value: settings.Number(&p.Concurrent, gates.DefaultConcurrent, 1, 1000),
			Meaning: "queries at once"},
		{Flag: "prometheus-series", Env: "RAMPART_PROMETHEUS_SERIES", Value: settings.Number(&p.MaxSeries, gates.DefaultMaxSeries, 1, 10_000_000),
			Meaning: "series that one answer may have"},
		{Flag: "scrape-interval", Env: "RAMPART_SCRAPE_INTERVAL", Value: settings.Span(&p.ScrapeInterval, gates.DefaultScrapeInterval),
			Meaning: "how often Prometheus scrapes the services that are watched"},
		{Flag: "scrape-lag", Env: "RAMPART_SCRAPE_LAG", Value: settings.Span(&c.ScrapeLag, gates.DefaultScrapeLag),
			Meaning: "how old a sample must be before it is judged"},

		{Flag: "notify", Env: "RAMPART_NOTIFY", Value: settings.Pairs(&c.Notify),
			Meaning: "channel for notices; may be repeated; addresses with secrets belong into the variable or the file"},
		{Flag: "notify-file", Env: "RAMPART_NOTIFY_FILE", Value: settings.Text(&c.NotifyFile, ""),
			Meaning: "file with more channels, one NAME=URL a line"},
		{Flag: "page", Env: "RAMPART_PAGE", Value: settings.Text(&c.Page, ""),
			Meaning: "channels that hear of what the sweep turned back, or holds back for a person; separated by commas, by default all"},

		{Flag: "grafana", Env: "RAMPART_GRAFANA_URL", Value: settings.Text(&c.Grafana.URL, ""), NoPassword: true,
			Meaning: "URL of a Grafana that is to show every change of exposure; empty: none"},
		{Env: "RAMPART_GRAFANA_TOKEN", Value: settings.Text(&c.Grafana.Token, ""),
			Meaning: "token of a service account that may write annotations"},
		{Flag: "grafana-token-file", Env: "RAMPART_GRAFANA_TOKEN_FILE", Value: settings.Text(&c.Grafana.TokenFile, ""),
			Meaning: "file with that token, read again for every request so that it can be rotated"},

		{Flag: "deployment", Env: "RAMPART_DEPLOYMENT", Value: settings.Text(&c.Deployment, ""),
			Meaning: "name of the worker deployment in Temporal; turns worker versioning on"},
		{Flag: "build-id", Env: "RAMPART_BUILD_ID", Value: settings.Text(&c.Build, ""),
			Meaning: "build of this worker within its deployment, where it is not the program's version"},

		{Flag: "sweep-every", Env: "RAMPART_SWEEP_EVERY", Value: settings.Span(&c.SweepEvery, 5*time.Second),
			Meaning: "how often the store and the workflows are compared; each pass sets the pace by the worker that makes it"},
		{Flag: "start-timeout", Env: "RAMPART_START_TIMEOUT", Value: settings.Span(&c.StartTimeout, 30*time.Second),
			Meaning: "how long to wait at the start for Temporal and the flag store"},
		{Flag: "stop-timeout", Env: "RAMPART_STOP_TIMEOUT", Value: settings.Span(&c.StopTimeout, 30*time.Second),
			Meaning: "how long attempts under way may take to end at a stop"},

		{Flag: "changes", Env: "RAMPART_CHANGES", Value: settings.Number(&c.Changes, 200, 1, 10_000),
			Meaning: "activities at once that change flags"},
		{Flag: "looks", Env: "RAMPART_LOOKS", Value: settings.Number(&c.Looks, 2000, 1, 10_000),
			Meaning: "looks at gates at once"},
		{Flag: "decisions", Env: "RAMPART_DECISIONS", Value: settings.Number(&c.Decisions, 200, 2, 10_000),
			Meaning: "workflow tasks at once"},

		{Flag: "listen", Env: "RAMPART_LISTEN", Value: settings.Text(&c.Listen, "127.0.0.1:9464"),
			Meaning: "host:port of /healthz, /readyz and /metrics; port 0 is any free one"},
		{Flag: "address-file", Env: "RAMPART_ADDRESS_FILE", Value: settings.Text(&c.AddressFile, ""),
			Meaning: "file that gets the address listened on, and is removed at the end"},
		{Flag: "log-format", Env: "RAMPART_LOG_FORMAT", Value: settings.Text(&c.LogFormat, LogJSON),
			Meaning: "json or console"},
		{Flag: "log-level", Env: "RAMPART_LOG_LEVEL", Value: settings.Text(&c.LogLevel, "info"),
			Meaning: "debug, info, warn or error"},
	}
}

// Validate returns everything that is wrong with the configuration, as far as it
// can be told without asking anybody.
func (c *Config) Validate() error {
	errs := []error{c.mistake, trusted(c.Trust), c.versioned()}
	if f := c.LogFormat; f != "" && f != LogJSON && f != LogConsole {
		errs = append(errs, rampart.Errorf(rampart.Invalid, "%q is no format of the log", f).WithHint("it is json or console"))
	}
	if _, err := zapcore.ParseLevel(c.LogLevel); err != nil {
		errs = append(errs, rampart.Errorf(rampart.Invalid, "%q is no level of the log", c.LogLevel).WithHint("it is debug, info, warn or error"))
	}
	if _, _, err := net.SplitHostPort(c.Listen); c.Listen != "" && err != nil {
		errs = append(errs, rampart.Errorf(rampart.Invalid, "cannot listen on %q", c.Listen).WithHint("write host:port, such as 127.0.0.1:9464"))
	}
	for _, d := range []struct {
		what string
		is   time.Duration
	}{
		{"the sweep", c.SweepEvery}, {"the start", c.StartTimeout}, {"the stop", c.StopTimeout},
		{"a query", c.Prometheus.Timeout}, {"a scrape", c.Prometheus.ScrapeInterval}, {"the scrape lag", c.ScrapeLag},
	} {
		if d.is < 0 {
			errs = append(errs, rampart.Errorf(rampart.Invalid, "the time of %s is negative", d.what))
		}
	}
	return errors.Join(errs...)
}

// trusted refuses the modes of trust that this version cannot establish: it must
// not pretend to know who approved.
func trusted(mode rampart.Trust) error {
	switch mode {
	case "", rampart.TrustPayload:
		return nil
	case rampart.TrustSigned, rampart.TrustPrincipal:
		return rampart.Errorf(rampart.Refused, "this version cannot establish who approved in trust mode %s", mode).
			WithHint("use --trust payload, and let only people whom you trust send signals to the namespace")
	}
	return rampart.Errorf(rampart.Invalid, "%q is no mode of trust", mode).WithHint("it is payload, signed or principal")
}

// buildPattern is what may name a build. Temporal writes a version of a deployment as
// name and build with a dot or a colon between them.
var buildPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$`)

// versioned refuses a worker deployment that Temporal would refuse later.
func (c *Config) versioned() error {
	build := c.build()
	switch {
	case c.Deployment == "" && c.Build != "":
		return rampart.Errorf(rampart.Invalid, "build %q belongs to no worker deployment", c.Build).
			WithHint("name the deployment with --deployment, or leave --build-id out")
	case c.Deployment == "":
		return nil
	case strings.ContainsAny(c.Deployment, ".:"):
		return rampart.Errorf(rampart.Invalid, "%q is not a name for a worker deployment", c.Deployment).
			WithHint("Temporal allows neither '.' nor ':' in it; write rampart-production, for example")
	case build == "":
		return rampart.Errorf(rampart.Invalid, "the worker deployment %s needs a build", c.Deployment).
			WithHint("tell it with --build-id or RAMPART_BUILD_ID; the tag of the image will do")
	case !buildPattern.MatchString(build):
		return rampart.Errorf(rampart.Invalid, "%q is not a name for a build", build).
			WithHint("use 1 to 128 letters, digits, '.', '_', '+' and '-', such as the tag of the image")
	}
	return rampart.CheckName("a worker deployment", c.Deployment)
}

func (c *Config) build() string {
	if c.Build != "" {
		return c.Build
	}
	return c.Version
}

func (c Config) withDefaults() Config {
	var d Config
	d.Settings()
	fill(&c.Trust, d.Trust)
	fill(&c.Prometheus.Address, d.Prometheus.Address)
	fill(&c.SweepEvery, d.SweepEvery)
	fill(&c.StartTimeout, d.StartTimeout)
	fill(&c.StopTimeout, d.StopTimeout)
	fill(&c.Changes, d.Changes)
	fill(&c.Looks, d.Looks)
	fill(&c.Decisions, d.Decisions)
	fill(&c.Listen, d.Listen)
	fill(&c.LogFormat, d.LogFormat)
	fill(&c.LogLevel, d.LogLevel)
	return c
}

func fill[T comparable](field *T, usual T) {
	var zero T
	if *field == zero {
		*field = usual
	}
}
