package check_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var user = regexp.MustCompile(`(?m)^user (rampart-\w+) (.*)$`)

// The users of a trial may do what the guide gives them, and nothing else.
func TestUsersOfRedisAreThoseOfTheGuide(t *testing.T) {
	guide := strings.ReplaceAll(read(t, "../../docs/how-to/redis.md"), "\\\n", " ")
	users := user.FindAllStringSubmatch(secrets(t)["redis-users"], -1)
	require.Len(t, users, 2)
	for _, u := range users {
		told := regexp.MustCompile(`(?m)ACL SETUSER ` + u[1] + ` (reset .*)$`).FindStringSubmatch(guide)
		require.NotNilf(t, told, "the guide has no user %s", u[1])
		require.Equal(t, rights(told[1]), rights(u[2]), u[1])
	}
}

// rights are the rules of a user, less the password, in order.
func rights(rules string) []string {
	var all []string
	for _, r := range strings.Fields(rules) {
		if r = strings.Trim(r, "'"); !strings.HasPrefix(r, ">") {
			all = append(all, r)
		}
	}
	slices.Sort(all)
	return all
}

func TestSecretsAreWrittenOnce(t *testing.T) {
	written := secrets(t)
	require.Len(t, written["redis-writer"], 64)
	require.NotEqual(t, written["redis-writer"], written["redis-reader"])
	require.Contains(t, written["redis-users"], ">"+written["redis-writer"]+" ")
}

// The console lets in whoever shows the token, and keeps no more of it than its hash.
func TestTheTokenOfTheConsole(t *testing.T) {
	written := secrets(t)
	require.Regexp(t, `^rampart_server_[0-9a-f]{64}$`, written["console-token"])
	require.Equal(t, fmt.Sprintf("trial server production sha256:%x\n", sha256.Sum256([]byte(written["console-token"]))), written["console-tokens"])
}

// secrets runs secrets.sh and returns what it has written, by file.
func secrets(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	script := filepath.Join(dir, "secrets.sh")
	require.NoError(t, os.WriteFile(script, []byte(read(t, "../secrets.sh")), 0o700))
	said, err := exec.Command("bash", script).CombinedOutput()
	require.NoError(t, err, string(said))
	_, err = exec.Command("bash", script).CombinedOutput()
	require.Error(t, err, "a second time it changes nothing")
	written := map[string]string{}
	for _, name := range []string{"redis-users", "redis-writer", "redis-reader", "console-token", "console-tokens"} {
		written[name] = read(t, filepath.Join(dir, "secrets", name))
	}
	info, err := os.Stat(filepath.Join(dir, "secrets"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	return written
}
