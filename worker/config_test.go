package worker_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/console"
	"github.com/rampart-dev/rampart/internal/settings"
	"github.com/rampart-dev/rampart/relay"
	"github.com/rampart-dev/rampart/starter"
	"github.com/rampart-dev/rampart/worker"
)

func TestConfigIsTakenFromFlagsThenFromTheEnvironment(t *testing.T) {
	t.Setenv("RAMPART_LOOKS", "7")
	t.Setenv("RAMPART_STOP_TIMEOUT", "5s")
	t.Setenv("RAMPART_PROMETHEUS_TOKEN", "s3cret")
	t.Setenv("RAMPART_NOTIFY", "a=log:, b=slack://hook:x,y@webhook")
	var c worker.Config
	fs := pflag.NewFlagSet("worker", pflag.ContinueOnError)
	c.Bind(fs)
	require.NoError(t, fs.Parse([]string{"--stop-timeout=1m", "--log-format=console"}))
	require.NoError(t, c.Validate())
	require.Equal(t, 7, c.Looks)
	require.Equal(t, time.Minute, c.StopTimeout)
	require.Equal(t, worker.LogConsole, c.LogFormat)
	require.Equal(t, "s3cret", c.Prometheus.BearerToken)
	require.Equal(t, []string{"a=log:", "b=slack://hook:x,y@webhook"}, c.Notify)
	require.NotContains(t, fs.FlagUsages(), "s3cret")
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		env    map[string]string
		change func(*worker.Config)
		kind   rampart.Kind
		says   string
		hint   string
	}{
		{name: "the zero value is a configuration", change: func(*worker.Config) {}},
		{name: "so are the defaults", change: func(c *worker.Config) { c.Settings() }},
		{name: "signed approvals are not known yet", change: func(c *worker.Config) { c.Trust = rampart.TrustSigned },
			kind: rampart.Refused, says: "cannot establish who approved in trust mode signed", hint: "--trust payload"},
		{name: "nor are principals", change: func(c *worker.Config) { c.Trust = rampart.TrustPrincipal },
			kind: rampart.Refused, says: "trust mode principal", hint: "--trust payload"},
		{name: "a mode of trust that nobody knows", change: func(c *worker.Config) { c.Trust = "blind" },
			kind: rampart.Invalid, says: `"blind" is no mode of trust`, hint: "payload"},
		{name: "a format of the log that nobody knows", change: func(c *worker.Config) { c.LogFormat = "xml" },
			kind: rampart.Invalid, says: `"xml" is no format`, hint: "json"},
		{name: "a level of the log that nobody knows", change: func(c *worker.Config) { c.LogLevel = "loud" },
			kind: rampart.Invalid, says: `"loud" is no level`, hint: "debug"},
		{name: "an address without a port", change: func(c *worker.Config) { c.Listen = "localhost" },
			kind: rampart.Invalid, says: `cannot listen on "localhost"`, hint: "host:port"},
		{name: "a time that is negative", change: func(c *worker.Config) { c.StopTimeout = -1 },
			kind: rampart.Invalid, says: "the time of the stop is negative"},
		{name: "a worker deployment whose build is the program's version", change: func(c *worker.Config) { c.Deployment, c.Version = "rampart", "v1.2.3-4-gabc" }},
		{name: "a build of no worker deployment", change: func(c *worker.Config) { c.Build = "v2" },
			kind: rampart.Invalid, says: `build "v2" belongs to no worker deployment`, hint: "--deployment"},
		{name: "a worker deployment without a build", change: func(c *worker.Config) { c.Deployment = "rampart" },
			kind: rampart.Invalid, says: "rampart needs a build", hint: "--build-id"},
		{name: "a worker deployment whose name Temporal refuses", change: func(c *worker.Config) { c.Deployment, c.Build = "rampart.production", "v2" },
			kind: rampart.Invalid, says: `"rampart.production" is not a name for a worker deployment`, hint: "rampart-production"},
		{name: "a worker deployment that has no name", change: func(c *worker.Config) { c.Deployment, c.Build = "My Workers", "v2" },
			kind: rampart.Invalid, says: `"My Workers" is not a name for a worker deployment`, hint: "lower-case"},
		{name: "a build that is no name", change: func(c *worker.Config) { c.Deployment, c.Build = "rampart", "two words" },
			kind: rampart.Invalid, says: `"two words" is not a name for a build`, hint: "tag of the image"},
		{name: "a variable that cannot be read", env: map[string]string{"RAMPART_LOOKS": "many"},
			change: func(c *worker.Config) { c.Bind(pflag.NewFlagSet("", pflag.ContinueOnError)) },
			kind:   rampart.Invalid, says: "RAMPART_LOOKS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			var config worker.Config
			c.change(&config)
			err := config.Validate()
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			require.Equal(t, c.kind, rampart.KindOf(err))
			require.Contains(t, rampart.HintOf(err), c.hint)
		})
	}
}

func TestRunRefusesWhatCannotBeUsedBeforeItConnects(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*worker.Config)
		says   string
	}{
		{"a configuration that is not valid", func(c *worker.Config) { c.Trust = rampart.TrustSigned }, "trust mode signed"},
		{"a channel that is none", func(c *worker.Config) { c.Notify = []string{"x=nothing://"} }, "channel x"},
		{"a file of channels that is not there", func(c *worker.Config) { c.NotifyFile = "/not/there" }, "channels cannot be read"},
		{"a Prometheus that is no URL", func(c *worker.Config) { c.Prometheus.Address = "localhost" }, "prometheus"},
		{"a store that is no URL", func(c *worker.Config) { c.Parts.Redis = "localhost" }, "Redis"},
		{"an environment that is no name", func(c *worker.Config) { c.Parts.Environment = "No Name" }, "environment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var config worker.Config
			c.change(&config)
			require.ErrorContains(t, worker.Run(t.Context(), config), c.says)
		})
	}
}

var update = flag.Bool("update", false, "write the tables of docs/reference/configuration.md")

// TestReferenceListsEverySetting keeps the page and the code from saying different things.
func TestReferenceListsEverySetting(t *testing.T) {
	const file = "../docs/reference/configuration.md"
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	page := string(b)
	for name, all := range map[string][]settings.Setting{
		"parts": new(starter.Options).Settings(), "worker": new(worker.Config).Settings(), "console": new(console.Config).Settings(),
		"relay": new(relay.Config).Settings(),
	} {
		begin, end := "<!-- settings: "+name+" -->\n", "<!-- end -->"
		before, rest, found := strings.Cut(page, begin)
		require.True(t, found, "%s has no place for the settings of %s", file, name)
		old, after, found := strings.Cut(rest, end)
		require.True(t, found)
		if *update {
			page = before + begin + table(all) + end + after
			continue
		}
		require.Equal(t, table(all), old, "run go test ./worker -run Reference -update")
	}
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(page), 0o600))
	}
}

func table(all []settings.Setting) string {
	var b strings.Builder
	b.WriteString("| flag | variable | default | meaning |\n|---|---|---|---|\n")
	code := func(prefix, text string) string {
		if text == "" {
			return ""
		}
		return "`" + prefix + text + "`"
	}
	for _, s := range all {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", code("--", s.Flag), s.Env, code("", s.Value.String()), s.Meaning)
	}
	return b.String()
}
