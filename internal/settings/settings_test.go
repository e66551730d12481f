package settings_test

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/settings"
)

// told is a struct with a setting of each kind.
type told struct {
	store, key string
	slots      int
	every      time.Duration
	on         bool
	channels   []string
}

func (x *told) settings() []settings.Setting {
	return []settings.Setting{
		{Flag: "store", Env: "T_STORE", Value: settings.Text(&x.store, "redis://localhost"), Meaning: "the store", NoPassword: true},
		{Env: "T_KEY", Value: settings.Text(&x.key, ""), Meaning: "the key"},
		{Flag: "slots", Env: "T_SLOTS", Value: settings.Number(&x.slots, 4, 1, 9), Meaning: "slots"},
		{Flag: "every", Env: "T_EVERY", Value: settings.Span(&x.every, 5*time.Second), Meaning: "how often"},
		{Flag: "on", Env: "T_ON", Value: settings.Switch(&x.on), Meaning: "whether"},
		{Flag: "notify", Env: "T_NOTIFY", Value: settings.Pairs(&x.channels), Meaning: "channels"},
	}
}

func TestBind(t *testing.T) {
	usual := told{store: "redis://localhost", slots: 4, every: 5 * time.Second}
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		want func(*told)
		bad  string
	}{
		{name: "without being told, everything is as usual"},
		{
			name: "a variable wins over the default",
			env:  map[string]string{"T_STORE": "redis://u:p@host", "T_KEY": "k", "T_SLOTS": "7", "T_EVERY": "1m", "T_ON": "true"},
			want: func(x *told) {
				*x = told{store: "redis://u:p@host", key: "k", slots: 7, every: time.Minute, on: true}
			},
		},
		{
			name: "a flag wins over the variable",
			env:  map[string]string{"T_SLOTS": "7", "T_NOTIFY": "a=log:"},
			args: []string{"--slots=2", "--on", "--notify=b=log:", "--notify=c=log:"},
			want: func(x *told) { x.slots, x.on, x.channels = 2, true, []string{"b=log:", "c=log:"} },
		},
		{
			name: "an empty variable is none",
			env:  map[string]string{"T_SLOTS": ""},
		},
		{
			name: "a comma within a URL does not end it",
			env:  map[string]string{"T_NOTIFY": "a=smtp://host?to=x,y, b=log:\nc=slack://t"},
			want: func(x *told) { x.channels = []string{"a=smtp://host?to=x,y", "b=log:", "c=slack://t"} },
		},
		{
			name: "a list that is none is refused",
			env:  map[string]string{"T_NOTIFY": "s3cret"},
			bad:  "T_NOTIFY: it is not a list of NAME=URL",
		},
		{
			name: "a number out of bounds is refused",
			env:  map[string]string{"T_SLOTS": "10"},
			bad:  `T_SLOTS: "10" is not a number from 1 to 9`,
		},
		{
			name: "a switch that is neither on nor off is refused",
			env:  map[string]string{"T_ON": "maybe"},
			bad:  `T_ON: "maybe" is neither true nor false`,
		},
		{
			name: "a password on the command line is refused",
			args: []string{"--store=redis://u:s3cret@host"},
			bad:  "can read a password on a command line",
		},
		{
			name: "a password before several hosts is refused",
			args: []string{"--store=redis+cluster://u:s3cret@host:1,host:2"},
			bad:  "can read a password on a command line",
		},
		{
			name: "a password that makes the URL none is refused",
			args: []string{"--store=redis://u:s3cret/@host:1"},
			bad:  "can read a password on a command line",
		},
		{
			name: "a user, and an @ elsewhere, are no password",
			args: []string{"--store=redis+sentinel://u@host:1,host:2/main?x=a:b@c"},
			want: func(x *told) { x.store = "redis+sentinel://u@host:1,host:2/main?x=a:b@c" },
		},
		{
			name: "a secret has no flag",
			args: []string{"--key=x"},
			bad:  "unknown flag: --key",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			var got told
			fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
			err := settings.Bind(fs, got.settings())
			if c.bad != "" && err != nil {
				require.Equal(t, rampart.Invalid, rampart.KindOf(err))
			}
			if err == nil {
				err = fs.Parse(c.args)
			}
			if c.bad != "" {
				require.ErrorContains(t, err, c.bad)
				return
			}
			require.NoError(t, err)
			want := usual
			if c.want != nil {
				c.want(&want)
			}
			require.Equal(t, want, got)
		})
	}
}

func TestHelpShowsDefaultsAndNotTheEnvironment(t *testing.T) {
	t.Setenv("T_STORE", "redis://u:s3cret@host")
	t.Setenv("T_NOTIFY", "a=slack://s3cret")
	var x told
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	require.NoError(t, settings.Bind(fs, x.settings()))
	require.NotContains(t, fs.FlagUsages(), "s3cret")
	require.Contains(t, fs.FlagUsages(), "redis://localhost")
	require.Contains(t, fs.FlagUsages(), "(T_STORE)")
}
