package starter

import (
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/grpc"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
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
	Redis       string // redis://127.0.0.1:6379/0; see flagstore.Options for its other forms
	UI          string // address of Temporal UI, for links; empty: no links

	RedisPassword     string             // instead of the URL's
	RedisPasswordFile string             // instead
	RedisTLS          flagstore.TLSFiles // with a URL of rediss

	SentinelUser, SentinelPassword string // of the sentinels, where they ask
	SentinelPasswordFile           string // instead

	Logger  sdklog.Logger         // of the Temporal client; nil: silent
	Metrics client.MetricsHandler // of the Temporal client; nil: none

	Intercept grpc.UnaryClientInterceptor // calls of the Temporal client; nil: none

	mistake error // of the environment, found by Bind
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
	credentials, tlsConfig, err := o.secure()
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
	return &Starter{Temporal: temporal, Address: o.Temporal, Store: store, UI: o.UI, Space: o.Namespace, tls: tlsConfig}, nil
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

// silent keeps the Temporal client from writing to the terminal of a person.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
