package starter

import (
	"slices"

	"github.com/spf13/pflag"

	"github.com/rampart-dev/rampart/internal/settings"
)

// The defaults of Options.
const (
	DefaultEnvironment = "production"
	DefaultTemporal    = "127.0.0.1:7233"
	DefaultNamespace   = "default"
	DefaultRedis       = "redis://127.0.0.1:6379/0"
)

// Bind adds a flag for each of the options that is no secret, and takes from the
// environment what it tells. A variable that cannot be read is an error of [Dial],
// so that help and completion work all the same.
func (o *Options) Bind(fs *pflag.FlagSet) { o.mistake = settings.Bind(fs, o.Settings()) }

// FromEnv returns the options that the environment tells.
func FromEnv() (Options, error) {
	var o Options
	o.Bind(pflag.NewFlagSet("", pflag.ContinueOnError))
	return o, o.mistake
}

// Settings sets the options to their defaults and returns how each of them can be told.
func (o *Options) Settings() []settings.Setting {
	all := []settings.Setting{
		{Flag: "env", Env: "RAMPART_ENV", Value: settings.Text(&o.Environment, DefaultEnvironment),
			Meaning: "environment whose flags these are"},
		{Flag: "temporal", Env: "RAMPART_TEMPORAL_ADDRESS", Value: settings.Text(&o.Temporal, DefaultTemporal),
			Meaning: "host:port of Temporal"},
		{Flag: "namespace", Env: "RAMPART_NAMESPACE", Value: settings.Text(&o.Namespace, DefaultNamespace),
			Meaning: "Temporal namespace of the environment"},
		{Env: "RAMPART_TEMPORAL_API_KEY", Value: settings.Text(&o.APIKey, ""),
			Meaning: "API key of Temporal; sent over TLS only"},
		{Flag: "temporal-api-key-file", Env: "RAMPART_TEMPORAL_API_KEY_FILE", Value: settings.Text(&o.APIKeyFile, ""),
			Meaning: "file with the API key, read again for every call so that it can be rotated"},
		{Flag: "temporal-tls", Env: "RAMPART_TEMPORAL_TLS", Value: settings.Switch(&o.TLS.On),
			Meaning: "speak TLS to Temporal; implied by an API key and by the settings below"},
		{Flag: "temporal-tls-ca", Env: "RAMPART_TEMPORAL_TLS_CA", Value: settings.Text(&o.TLS.CA, ""),
			Meaning: "file with the roots that sign Temporal, instead of the system's"},
		{Flag: "temporal-tls-cert", Env: "RAMPART_TEMPORAL_TLS_CERT", Value: settings.Text(&o.TLS.Cert, ""),
			Meaning: "file with the client's certificate for Temporal, read again for every connection so that it can be rotated"},
		{Flag: "temporal-tls-key", Env: "RAMPART_TEMPORAL_TLS_KEY", Value: settings.Text(&o.TLS.Key, ""),
			Meaning: "file with the key of that certificate"},
		{Flag: "temporal-tls-server-name", Env: "RAMPART_TEMPORAL_TLS_SERVER_NAME", Value: settings.Text(&o.TLS.ServerName, ""),
			Meaning: "name that Temporal's certificate must have, where it is not the address's"},
	}
	return slices.Concat(all, o.redisSettings(), []settings.Setting{
		{Flag: "ui", Env: "RAMPART_UI", Value: settings.Text(&o.UI, ""),
			Meaning: "address of Temporal UI, for links"},
	})
}
