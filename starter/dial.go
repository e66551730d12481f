package starter

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/grpc"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/settings"
)

// Options say where an environment's parts are. The zero value of a field means its
// default.
type Options struct {
	Environment string // production
	Temporal    string // host:port; 127.0.0.1:7233
	Namespace   string // default
	APIKey      string // of Temporal; sent only over TLS
	APIKeyFile  string // instead; read for every call, so that the key can be rotated
	TLS         TLS    // to Temporal
	Redis       string // redis://127.0.0.1:6379/0; rediss:// is TLS
	UI          string // address of Temporal UI, for links; empty: no links

	RedisPassword     string // instead of the URL's
	RedisPasswordFile string // instead

	Logger  sdklog.Logger         // of the Temporal client; nil: silent
	Metrics client.MetricsHandler // of the Temporal client; nil: none

	Intercept grpc.UnaryClientInterceptor // calls of the Temporal client; nil: none

	mistake error // of the environment, found by Bind
}

// TLS says how to reach Temporal safely.
type TLS struct {
	On         bool   // with the system's roots; implied by every other field and by an API key
	CA         string // file with the roots that sign the server
	Cert, Key  string // files of the client's certificate
	ServerName string // that the server's certificate must have
}

// Dial returns a Starter. It connects when it is first used, so that what needs only
// the store works while Temporal is away, and the other way round.
func Dial(o Options) (*Starter, error) {
	if o.mistake != nil {
		return nil, o.mistake
	}
	o = o.withDefaults()
	if err := rampart.CheckName("an environment", o.Environment); err != nil {
		return nil, err
	}
	credentials, err := o.credentials()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := o.TLS.config(credentials != nil)
	if err != nil {
		return nil, err
	}
	options := client.Options{
		HostPort: o.Temporal, Namespace: o.Namespace, Logger: o.Logger, MetricsHandler: o.Metrics,
		ConnectionOptions: client.ConnectionOptions{TLS: tlsConfig}, Credentials: credentials,
	}
	if o.Intercept != nil {
		options.ConnectionOptions.DialOptions = []grpc.DialOption{grpc.WithChainUnaryInterceptor(o.Intercept)}
	}
	temporal, err := client.NewLazyClient(options)
	if err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "Temporal at %s", o.Temporal).
			WithHint("the address is host:port, such as 127.0.0.1:7233").Because(err)
	}
	store, err := o.store()
	if err != nil {
		temporal.Close()
		return nil, err
	}
	return &Starter{Temporal: temporal, Address: o.Temporal, Store: store, UI: o.UI, Space: o.Namespace}, nil
}

// Close ends the connections.
func (s *Starter) Close() error {
	s.Temporal.Close()
	return s.Store.Close()
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *string
		value string
	}{
		{&o.Environment, DefaultEnvironment}, {&o.Temporal, DefaultTemporal}, {&o.Namespace, DefaultNamespace}, {&o.Redis, DefaultRedis},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if o.Logger == nil {
		o.Logger = silent{}
	}
	return o
}

// credentials returns what Temporal knows this client by; nil where it does not ask.
func (o Options) credentials() (client.Credentials, error) {
	switch {
	case o.APIKeyFile != "":
		if _, err := settings.Secret(o.APIKeyFile); err != nil { // known at once, and not at the first call
			return nil, err
		}
		return client.NewAPIKeyDynamicCredentials(func(context.Context) (string, error) { return settings.Secret(o.APIKeyFile) }), nil
	case o.APIKey != "":
		return client.NewAPIKeyStaticCredentials(o.APIKey), nil
	}
	return nil, nil
}

func (o Options) store() (*flagstore.Store, error) {
	if o.RedisPasswordFile != "" {
		var err error
		if o.RedisPassword, err = settings.Secret(o.RedisPasswordFile); err != nil {
			return nil, err
		}
	}
	return flagstore.Open(flagstore.Options{URL: o.Redis, Environment: o.Environment, Password: o.RedisPassword})
}

// silent keeps the Temporal client from writing to the terminal of a person.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

func (t TLS) config(forced bool) (*tls.Config, error) {
	if !forced && t == (TLS{}) {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, rampart.Errorf(rampart.Invalid, "the roots for Temporal cannot be read").Because(err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, rampart.Errorf(rampart.Invalid, "%s holds no certificate", t.CA).WithHint("it must be PEM")
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, rampart.Errorf(rampart.Invalid, "a client certificate needs its key, and a key its certificate")
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, rampart.Errorf(rampart.Invalid, "the client certificate for Temporal").Because(fmt.Errorf("%s: %w", t.Cert, err))
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
