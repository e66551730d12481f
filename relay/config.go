package relay

import (
	"cmp"
	"errors"
	"net/url"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/listen"
	"github.com/rampart-dev/rampart/internal/logs"
	"github.com/rampart-dev/rampart/internal/settings"
)

// Config is all that a relay can be told. The zero value of a field means its default,
// which docs/reference/configuration.md lists.
type Config struct {
	Store flagstore.Options // bound by starter.Options

	Listen  string // unix:///path, or http://127.0.0.1:port
	Metrics string // host:port; "off": none
	Readers int

	Bootstrap string // file that keeps the last state; empty: none

	StopTimeout time.Duration
	LogFormat   string
	LogLevel    string
	Log         *zap.Logger // instead of a log on stderr

	mistake error // of the environment, found by Bind
}

// The addresses that are listened on by default.
const (
	DefaultListen  = "unix:///run/rampart/relay.sock"
	DefaultMetrics = "127.0.0.1:9466"

	off = "off" // instead of an address
)

// Bind adds a flag for each setting of the relay itself, and takes from the environment
// what it tells. What cannot be read there is an error of Validate.
func (c *Config) Bind(fs *pflag.FlagSet) { c.mistake = settings.Bind(fs, c.Settings()) }

// Settings sets the relay's own fields to their defaults and returns how each of them can
// be told.
func (c *Config) Settings() []settings.Setting {
	return append([]settings.Setting{
		{Flag: "listen", Env: "RAMPART_RELAY_LISTEN", Value: settings.Text(&c.Listen, DefaultListen),
			Meaning: "where readers follow: unix:///path of a socket, or http://127.0.0.1:port; never beyond this machine"},
		{Flag: "metrics-listen", Env: "RAMPART_RELAY_METRICS", Value: settings.Text(&c.Metrics, DefaultMetrics),
			Meaning: "host:port of /metrics, /healthz and /readyz; off: none"},
		{Flag: "readers", Env: "RAMPART_RELAY_READERS", Value: settings.Number(&c.Readers, DefaultReaders, 1, 100_000),
			Meaning: "readers at once"},
		{Flag: "bootstrap", Env: "RAMPART_RELAY_BOOTSTRAP", Value: settings.Text(&c.Bootstrap, ""),
			Meaning: "file that keeps the last state, for a start while the flag store is away"},
		{Flag: "stop-timeout", Env: "RAMPART_RELAY_STOP_TIMEOUT", Value: settings.Span(&c.StopTimeout, 5*time.Second),
			Meaning: "how long requests under way may take to end at a stop"},
	}, logs.Settings(&c.LogFormat, &c.LogLevel)...)
}

func (c Config) withDefaults() Config {
	var usual Config
	usual.Settings()
	c.Listen, c.Metrics = cmp.Or(c.Listen, usual.Listen), cmp.Or(c.Metrics, usual.Metrics)
	c.Readers, c.StopTimeout = cmp.Or(c.Readers, usual.Readers), cmp.Or(c.StopTimeout, usual.StopTimeout)
	c.LogLevel = cmp.Or(c.LogLevel, usual.LogLevel)
	return c
}

// Validate returns everything that is wrong with the configuration, as far as it can be
// told without asking anybody.
func (c *Config) Validate() error {
	_, _, err := c.address()
	errs := []error{c.mistake, err}
	if c.Metrics != off {
		errs = append(errs, listen.Check("--metrics-listen", c.Metrics, DefaultMetrics+", or off"))
	}
	return errors.Join(errs...)
}

// address returns the network and the address to listen on. A relay asks nobody who they
// are, so it does not answer the network.
func (c *Config) address() (network, address string, err error) {
	u, err := url.Parse(c.Listen)
	switch {
	case err == nil && u.Scheme == "unix" && u.Host == "" && u.Path != "":
		return "unix", u.Path, nil
	case err != nil || u.Scheme != "http" || u.Port() == "" || u.Path != "" && u.Path != "/":
		return "", "", rampart.Errorf(rampart.Invalid, "--listen: cannot listen on %q", c.Listen).
			WithHint("write %s, or http://127.0.0.1:8090", DefaultListen)
	}
	if !listen.Loopback(u.Hostname()) {
		return "", "", rampart.Errorf(rampart.Refused, "--listen: the relay would tell everybody who reaches %s every flag", u.Host).
			WithHint("listen on a unix socket or on 127.0.0.1; browsers and other machines ask rampart console")
	}
	return "tcp", u.Host, nil
}
