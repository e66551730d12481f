package console

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/console/access"
	"github.com/rampart-dev/rampart/console/ofrep"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/listen"
	"github.com/rampart-dev/rampart/internal/logs"
	"github.com/rampart-dev/rampart/internal/settings"
)

// Config is all that a console can be told. The zero value of a field means its
// default, which docs/reference/configuration.md lists.
type Config struct {
	Store flagstore.Options // bound by starter.Options

	Listen      string // host:port of OFREP and health
	Metrics     string // host:port of /metrics; "off": none
	Flagd       string // host:port of flagd.sync.v1; empty: none
	AddressFile string // gets the addresses that were listened on

	Tokens    string // file of tokens; empty: everybody may ask, on loopback only
	Origins   string // of pages that may ask from a browser, separated by commas
	PublicURL string
	Proxies   string // networks whose X-Forwarded-For is believed, separated by commas
	Cert, Key string // files; empty: no TLS

	Bootstrap  string
	StaleAfter time.Duration

	Token   access.Rate // of each token
	Address access.Rate // of each address
	Streams ofrep.Limits

	StopTimeout time.Duration
	AccessLog   bool
	LogFormat   string
	LogLevel    string
	Log         *zap.Logger // instead of a log on stderr

	mistake error // of the environment, found by Bind
}

// The addresses that are listened on by default.
const (
	DefaultListen  = "127.0.0.1:8080"
	DefaultMetrics = "127.0.0.1:9465"

	off = "off" // instead of an address
)

// Bind adds a flag for each setting of the console itself, and takes from the
// environment what it tells. What cannot be read there is an error of Validate.
func (c *Config) Bind(fs *pflag.FlagSet) { c.mistake = settings.Bind(fs, c.Settings()) }

// Settings sets the console's own fields to their defaults and returns how each of
// them can be told.
func (c *Config) Settings() []settings.Setting {
	return append([]settings.Setting{
		{Flag: "listen", Env: "RAMPART_CONSOLE_LISTEN", Value: settings.Text(&c.Listen, DefaultListen),
			Meaning: "host:port of OFREP, /healthz and /readyz; port 0 is any free one; beyond loopback only with tokens"},
		{Flag: "metrics-listen", Env: "RAMPART_CONSOLE_METRICS", Value: settings.Text(&c.Metrics, DefaultMetrics),
			Meaning: "host:port of /metrics, /healthz and /readyz, which asks nobody who they are; off: none"},
		{Flag: "flagd", Env: "RAMPART_CONSOLE_FLAGD", Value: settings.Text(&c.Flagd, ""),
			Meaning: "host:port of flagd.sync.v1, from which flagd's providers take all flags; beyond loopback only with tokens and TLS; without it there is none"},
		{Flag: "address-file", Env: "RAMPART_CONSOLE_ADDRESS_FILE", Value: settings.Text(&c.AddressFile, ""),
			Meaning: "file that gets the addresses listened on, a line NAME ADDRESS each, and is removed at the end"},

		{Flag: "tokens", Env: "RAMPART_CONSOLE_TOKENS", Value: settings.Text(&c.Tokens, ""),
			Meaning: "file of the tokens that may ask, read again when it changes; without it, everybody on this machine may"},
		{Flag: "origins", Env: "RAMPART_CONSOLE_ORIGINS", Value: settings.Text(&c.Origins, ""),
			Meaning: "origins of the pages that may ask from a browser, separated by commas, such as https://shop.example.com"},
		{Flag: "public-url", Env: "RAMPART_CONSOLE_URL", Value: settings.Text(&c.PublicURL, ""),
			Meaning: "address at which clients see the console, where a proxy gives it a path; for the links to event streams"},
		{Flag: "trusted-proxies", Env: "RAMPART_CONSOLE_PROXIES", Value: settings.Text(&c.Proxies, ""),
			Meaning: "networks whose X-Forwarded-For is believed, separated by commas"},
		{Flag: "tls-cert", Env: "RAMPART_CONSOLE_TLS_CERT", Value: settings.Text(&c.Cert, ""),
			Meaning: "file with the console's certificate, read again when it is renewed; without it, no TLS is spoken"},
		{Flag: "tls-key", Env: "RAMPART_CONSOLE_TLS_KEY", Value: settings.Text(&c.Key, ""),
			Meaning: "file with the key of that certificate, likewise"},

		{Flag: "bootstrap", Env: "RAMPART_CONSOLE_BOOTSTRAP", Value: settings.Text(&c.Bootstrap, ""),
			Meaning: "file that keeps the last flags, for a start while the flag store is away"},
		{Flag: "stale-after", Env: "RAMPART_CONSOLE_STALE_AFTER", Value: settings.Span(&c.StaleAfter, 10*time.Second),
			Meaning: "how long after the last proof of being current the console calls itself STALE"},

		{Flag: "token-rate", Env: "RAMPART_CONSOLE_TOKEN_RATE", Value: settings.Number(&c.Token.PerSecond, 5000, 1, 1_000_000),
			Meaning: "requests a second of one token"},
		{Flag: "token-burst", Env: "RAMPART_CONSOLE_TOKEN_BURST", Value: settings.Number(&c.Token.Burst, 10_000, 1, 1_000_000),
			Meaning: "requests at once of one token, after a pause"},
		{Flag: "address-rate", Env: "RAMPART_CONSOLE_ADDRESS_RATE", Value: settings.Number(&c.Address.PerSecond, 100, 1, 1_000_000),
			Meaning: "requests a second of one address, of browsers and of whoever shows no good token"},
		{Flag: "address-burst", Env: "RAMPART_CONSOLE_ADDRESS_BURST", Value: settings.Number(&c.Address.Burst, 500, 1, 1_000_000),
			Meaning: "requests at once of one address, after a pause"},
		{Flag: "streams", Env: "RAMPART_CONSOLE_STREAMS", Value: settings.Number(&c.Streams.Total, ofrep.DefaultStreams, 1, 1_000_000),
			Meaning: "event streams at once"},
		{Flag: "token-streams", Env: "RAMPART_CONSOLE_TOKEN_STREAMS", Value: settings.Number(&c.Streams.PerToken, ofrep.DefaultStreamsPerToken, 1, 1_000_000),
			Meaning: "event streams at once of one token"},
		{Flag: "address-streams", Env: "RAMPART_CONSOLE_ADDRESS_STREAMS", Value: settings.Number(&c.Streams.PerAddress, ofrep.DefaultStreamsPerAddress, 1, 1_000_000),
			Meaning: "event streams at once of one address"},

		{Flag: "stop-timeout", Env: "RAMPART_CONSOLE_STOP_TIMEOUT", Value: settings.Span(&c.StopTimeout, 10*time.Second),
			Meaning: "how long requests under way may take to end at a stop"},
		{Flag: "access-log", Env: "RAMPART_CONSOLE_ACCESS_LOG", Value: settings.Switch(&c.AccessLog),
			Meaning: "log every request, without its body, its address and its query"},
	}, logs.Settings(&c.LogFormat, &c.LogLevel)...)
}

// Validate returns everything that is wrong with the configuration, as far as it can
// be told without asking anybody.
func (c *Config) Validate() error {
	errs := []error{c.mistake, c.address("--listen", c.Listen), c.address("--flagd", c.Flagd), c.exposed("--listen", c.Listen), c.exposed("--flagd", c.Flagd)}
	if c.Flagd != "" && !loopback(c.Flagd) && c.Cert == "" {
		errs = append(errs, rampart.Errorf(rampart.Refused, "--flagd %s would send tokens over the network in the clear", c.Flagd).
			WithHint("give --tls-cert and --tls-key, or listen on loopback"))
	}
	if c.Metrics != off {
		errs = append(errs, c.address("--metrics-listen", c.Metrics))
	}
	_, err := access.ParseProxies(c.Proxies)
	errs = append(errs, err)
	_, err = c.origins()
	errs = append(errs, err)
	_, err = c.publicURL()
	errs = append(errs, err)
	if (c.Cert == "") != (c.Key == "") {
		errs = append(errs, rampart.Errorf(rampart.Invalid, "TLS needs a certificate and its key").WithHint("give both --tls-cert and --tls-key"))
	}
	return errors.Join(errs...)
}

func (c *Config) address(flag, address string) error {
	if address == "" {
		return nil
	}
	return listen.Check(flag, address, DefaultListen)
}

// exposed refuses to answer the network without asking who is there.
func (c *Config) exposed(flag, address string) error {
	if c.Tokens == "" && address != "" && !loopback(address) {
		return rampart.Errorf(rampart.Refused, "%s: the console would answer everybody who reaches %s", flag, address).
			WithHint("make a token with rampart console token new, and name its file with --tokens")
	}
	return nil
}

// loopback reports whether an address is of this machine alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && listen.Loopback(host)
}

// origins returns the origins as browsers send them.
func (c *Config) origins() ([]string, error) {
	var all []string
	for word := range strings.SplitSeq(c.Origins, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		u, err := url.Parse(word)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != word {
			return nil, rampart.Errorf(rampart.Invalid, "--origins: %q is no origin", word).
				WithHint("write scheme, host and port and nothing else, such as https://shop.example.com")
		}
		all = append(all, word)
	}
	return all, nil
}

func (c *Config) publicURL() (*url.URL, error) {
	if c.PublicURL == "" {
		return nil, nil
	}
	u, err := url.Parse(strings.TrimSuffix(c.PublicURL, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, rampart.Errorf(rampart.Invalid, "--public-url: %q is no address of a console", c.PublicURL).
			WithHint("write https://flags.example.com, with a path if there is one")
	}
	return u, nil
}

func (c Config) withDefaults() Config {
	var usual Config
	usual.Settings()
	for _, d := range []struct{ field, usual *string }{
		{&c.Listen, &usual.Listen}, {&c.Metrics, &usual.Metrics}, {&c.LogLevel, &usual.LogLevel},
	} {
		if *d.field == "" {
			*d.field = *d.usual
		}
	}
	if c.StopTimeout <= 0 {
		c.StopTimeout = usual.StopTimeout
	}
	if c.Token.PerSecond <= 0 {
		c.Token = usual.Token
	}
	if c.Address.PerSecond <= 0 {
		c.Address = usual.Address
	}
	return c
}
