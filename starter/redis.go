package starter

import (
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/settings"
)

// store makes the flag store, which connects when it is first used.
func (o Options) store() (*flagstore.Store, error) {
	how, err := o.StoreOptions()
	if err != nil {
		return nil, err
	}
	return flagstore.Open(how)
}

// StoreOptions returns how the flag store is reached, for who needs nothing but that.
func (o Options) StoreOptions() (flagstore.Options, error) {
	if o.mistake != nil {
		return flagstore.Options{}, o.mistake
	}
	o = o.withDefaults()
	for _, secret := range []struct {
		file string
		to   *string
	}{{o.RedisPasswordFile, &o.RedisPassword}, {o.SentinelPasswordFile, &o.SentinelPassword}} {
		if secret.file == "" {
			continue
		}
		var err error
		if *secret.to, err = settings.Secret(secret.file); err != nil {
			return flagstore.Options{}, err
		}
	}
	tls, err := o.RedisTLS.Config()
	if err != nil {
		return flagstore.Options{}, err
	}
	return flagstore.Options{
		URL: o.Redis, Environment: o.Environment, Password: o.RedisPassword, TLS: tls,
		SentinelUser: o.SentinelUser, SentinelPassword: o.SentinelPassword,
	}, nil
}

// redisSettings are how the flag store can be told.
func (o *Options) redisSettings() []settings.Setting {
	return []settings.Setting{
		{Flag: "redis", Env: "RAMPART_REDIS", Value: settings.Text(&o.Redis, DefaultRedis), NoPassword: true,
			Meaning: "URL of the flag store: redis://, redis+sentinel:// or redis+cluster://; rediss is TLS"},
		{Env: "RAMPART_REDIS_PASSWORD", Value: settings.Text(&o.RedisPassword, ""),
			Meaning: "password of the flag store, instead of the URL's"},
		{Flag: "redis-password-file", Env: "RAMPART_REDIS_PASSWORD_FILE", Value: settings.Text(&o.RedisPasswordFile, ""),
			Meaning: "file with that password, read at the start"},
		{Flag: "redis-tls-ca", Env: "RAMPART_REDIS_TLS_CA", Value: settings.Text(&o.RedisTLS.CA, ""),
			Meaning: "file with the roots that sign Redis, instead of the system's"},
		{Flag: "redis-tls-cert", Env: "RAMPART_REDIS_TLS_CERT", Value: settings.Text(&o.RedisTLS.Cert, ""),
			Meaning: "file with the client's certificate for Redis, read again for every connection so that it can be rotated"},
		{Flag: "redis-tls-key", Env: "RAMPART_REDIS_TLS_KEY", Value: settings.Text(&o.RedisTLS.Key, ""),
			Meaning: "file with the key of that certificate, likewise"},
		{Flag: "redis-tls-server-name", Env: "RAMPART_REDIS_TLS_SERVER_NAME", Value: settings.Text(&o.RedisTLS.ServerName, ""),
			Meaning: "name that the certificate of Redis must have, where it is not the address's"},
		{Flag: "redis-sentinel-user", Env: "RAMPART_REDIS_SENTINEL_USER", Value: settings.Text(&o.SentinelUser, ""),
			Meaning: "user at the sentinels, where they ask; never that of Redis"},
		{Env: "RAMPART_REDIS_SENTINEL_PASSWORD", Value: settings.Text(&o.SentinelPassword, ""),
			Meaning: "password of the sentinels"},
		{Flag: "redis-sentinel-password-file", Env: "RAMPART_REDIS_SENTINEL_PASSWORD_FILE", Value: settings.Text(&o.SentinelPasswordFile, ""),
			Meaning: "file with that password, read at the start"},
	}
}
