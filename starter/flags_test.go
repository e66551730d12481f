package starter_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

func TestOptionsAreTakenFromFlagsThenFromTheEnvironment(t *testing.T) {
	t.Setenv("RAMPART_ENV", "staging")
	t.Setenv("RAMPART_TEMPORAL_ADDRESS", "temporal:7233")
	t.Setenv("RAMPART_TEMPORAL_API_KEY", "k")
	var o starter.Options
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	o.Bind(fs)
	require.NoError(t, fs.Parse([]string{"--env", "test", "--temporal-tls-server-name", "t.example.com"}))
	require.Equal(t, "test", o.Environment)
	require.Equal(t, "temporal:7233", o.Temporal)
	require.Equal(t, "k", o.APIKey)
	require.Equal(t, "t.example.com", o.TLS.ServerName)
	require.Equal(t, starter.DefaultNamespace, o.Namespace)
}

func TestVariableThatCannotBeReadIsAnErrorOfDial(t *testing.T) {
	t.Setenv("RAMPART_TEMPORAL_TLS", "perhaps")
	o, err := starter.FromEnv()
	require.ErrorContains(t, err, "RAMPART_TEMPORAL_TLS")
	_, err = starter.Dial(o)
	require.ErrorContains(t, err, "RAMPART_TEMPORAL_TLS")
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
}

func TestDialReadsSecretsFromFiles(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	for _, c := range []struct {
		name, content, bad string
		options            starter.Options
	}{
		{"an API key with a line break", "k\n", "", starter.Options{APIKeyFile: secret}},
		{"an empty API key", "\n", "holds no secret", starter.Options{APIKeyFile: secret}},
		{"a Redis password", "p\n", "", starter.Options{RedisPasswordFile: secret}},
		{"a file that is not there", "", "cannot be read", starter.Options{RedisPasswordFile: secret + ".not"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(secret, []byte(c.content), 0o600))
			s, err := starter.Dial(c.options)
			if c.bad != "" {
				require.ErrorContains(t, err, c.bad)
				require.Equal(t, rampart.Invalid, rampart.KindOf(err))
				return
			}
			require.NoError(t, err)
			require.NoError(t, s.Close())
		})
	}
}
