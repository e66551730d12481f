package check_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// taken are ports that people have something on already.
var taken = []string{"6379", "7233", "9090"}

// numeric is a user that no image needs to know by name, and not root.
var numeric = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)

func TestComposeIsValidAndHasAllParts(t *testing.T) {
	project := load(t)
	for _, name := range []string{"temporal", "redis", "prometheus", "setup", "worker-1", "worker-2", "console", "shop", "customers"} {
		require.Contains(t, project.Services, name)
	}
	one, two := project.Services["worker-1"], project.Services["worker-2"]
	two.Name = one.Name
	require.Equal(t, one, two, "two workers of one environment")
}

func TestEveryServiceIsHardened(t *testing.T) {
	for name, s := range load(t).Services {
		t.Run(name, func(t *testing.T) {
			require.True(t, s.ReadOnly, "its root file system is read-only")
			require.Equal(t, []string{"ALL"}, s.CapDrop)
			require.Empty(t, s.CapAdd)
			require.False(t, s.Privileged)
			require.Contains(t, s.SecurityOpt, "no-new-privileges:true")
			require.Regexp(t, numeric, s.User, "it runs as root")
			require.Empty(t, s.NetworkMode)
			require.Empty(t, s.Pid)
			require.NotNil(t, s.Deploy)
			require.Positive(t, s.Deploy.Resources.Limits.MemoryBytes)
			require.Positive(t, s.Deploy.Resources.Limits.Pids)
			require.Positive(t, s.Deploy.Resources.Limits.NanoCPUs.Value())
			require.NotEmpty(t, s.Logging.Options["max-size"], "its log is bounded")
			for _, v := range s.Volumes {
				require.NotContains(t, v.Source, "docker.sock")
				require.Truef(t, v.Type == types.VolumeTypeVolume || v.ReadOnly, "%s can be written to", v.Source)
			}
		})
	}
}

// stopTimeout is the default of --stop-timeout.
const stopTimeout = 30 * time.Second

func TestEveryServiceIsKeptRunning(t *testing.T) {
	project := load(t)
	for name, s := range project.Services {
		if name == "setup" { // which ends
			require.Equal(t, types.RestartPolicyOnFailure, s.Restart)
			require.True(t, s.HealthCheck.Disable)
			continue
		}
		require.Equal(t, types.RestartPolicyUnlessStopped, s.Restart, name)
		require.NotNil(t, s.HealthCheck, name)
		require.NotEmpty(t, s.HealthCheck.Test, name)
		require.NotNil(t, s.HealthCheck.Interval, name)
		require.NotNil(t, s.HealthCheck.Timeout, name)
		for on, d := range s.DependsOn {
			require.NotEqualf(t, types.ServiceConditionStarted, d.Condition, "%s waits for %s to work, and not only to start", name, on)
		}
	}
	require.Greater(t, time.Duration(*project.Services["worker-1"].StopGracePeriod), stopTimeout)
}

func TestPortsAreOpenOnThisMachineOnly(t *testing.T) {
	for name, s := range load(t).Services {
		for _, p := range s.Ports {
			require.Truef(t, net.ParseIP(p.HostIP).IsLoopback(), "%s publishes %s on %q", name, p.Published, p.HostIP)
			require.NotContains(t, taken, p.Published, name)
		}
	}
}

// tag is a version and no name that moves.
var tag = regexp.MustCompile(`:v?[0-9]+\.[0-9]+\.[0-9]+[a-z0-9.-]*$`)

func TestImagesArePinned(t *testing.T) {
	stages := dockerfile(t)
	for name, s := range load(t).Services {
		if !strings.HasSuffix(s.Image, ":local") {
			require.Regexp(t, tag, s.Image, name)
			continue
		}
		if s.Build != nil {
			require.Equal(t, "deploy/Dockerfile", s.Build.Dockerfile, name)
			require.Contains(t, stages, s.Build.Target, name)
		}
	}
}

// secretName is a variable that holds a secret, and not where one is.
var secretName = regexp.MustCompile(`(PASSWORD|SECRET|TOKEN|KEY)$`)

func TestSecretsAreFiles(t *testing.T) {
	project := load(t)
	ignored := read(t, "../../.gitignore")
	require.Contains(t, ignored, "/deploy/secrets/")
	for name, s := range project.Services {
		for variable, value := range s.Environment {
			require.NotRegexp(t, secretName, variable, name)
			if value != nil {
				require.NotRegexp(t, `//[^/]*:[^/]*@`, *value, "%s: %s has a password", name, variable)
			}
			if strings.HasSuffix(variable, "_FILE") {
				mounted := slices.ContainsFunc(s.Secrets, func(c types.ServiceSecretConfig) bool { return *value == "/run/secrets/"+c.Source })
				require.Truef(t, mounted, "%s: %s is not mounted", name, *value)
			}
		}
		for _, c := range s.Secrets {
			require.Contains(t, project.Secrets, c.Source)
		}
	}
	script := read(t, "../secrets.sh")
	for name, s := range project.Secrets {
		require.Equal(t, filepath.Join(project.WorkingDir, "secrets", name), s.File)
		require.Containsf(t, script, ">secrets/"+name+"\n", "secrets.sh does not write %s", name)
	}
}

func TestVariablesAreKnown(t *testing.T) {
	reference := read(t, "../../docs/reference/configuration.md")
	for name, s := range load(t).Services {
		for variable := range s.Environment {
			require.Containsf(t, reference, "`"+variable+"`", "%s sets %s", name, variable)
		}
	}
}

func TestWhatIsMountedIsThere(t *testing.T) {
	for name, s := range load(t).Services {
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				require.FileExists(t, v.Source, name)
			}
		}
	}
	scraped := read(t, "../prometheus/prometheus.yaml")
	for _, target := range []string{"worker-1:9464", "worker-2:9464", "console:9465", "shop:8080"} {
		require.Contains(t, scraped, target)
	}
}

// load reads compose.yaml as docker compose does, without what this machine may say.
func load(t *testing.T) *types.Project {
	t.Helper()
	file, err := filepath.Abs("../compose.yaml")
	require.NoError(t, err)
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  filepath.Dir(file),
		ConfigFiles: []types.ConfigFile{{Filename: file}},
		Environment: types.Mapping{},
	})
	require.NoError(t, err)
	return project
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}
