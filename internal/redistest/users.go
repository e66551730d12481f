package redistest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// The guide whose users are taken, and what stands there for what everybody chooses.
const (
	guide          = "docs/how-to/redis.md"
	guideCommand   = "redis-cli ACL SETUSER "
	guideEnv       = "{production}"
	writer, reader = "rampart-writer", "rampart-reader"
	writerSecret   = "WRITER-PASSWORD"
	readerSecret   = "READER-PASSWORD"
)

// Users returns arguments of [Start] that give the server the users which the guide
// for operators makes, so that what is tested under them is what is documented.
func Users(t testing.TB, environment string) []string {
	t.Helper()
	var args []string
	for name, rules := range documented(t, environment) {
		args = append(append(args, "--user", name), rules...)
	}
	return args
}

// Commands returns what follows ACL SETUSER and a name in the guide, by that name.
func Commands(t testing.TB, environment string) map[string][]any {
	t.Helper()
	commands := map[string][]any{}
	for name, rules := range documented(t, environment) {
		for _, rule := range rules {
			commands[name] = append(commands[name], rule)
		}
	}
	return commands
}

// As returns a client of the server for a user.
func (s *Server) As(user, password string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Username: user, Password: password})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// documented returns the rules of each user in the guide.
func documented(t testing.TB, environment string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(guide)))
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	users := map[string][]string{}
	for rest := string(text); ; {
		var found bool
		if _, rest, found = strings.Cut(rest, guideCommand); !found {
			break
		}
		command, _, _ := strings.Cut(strings.ReplaceAll(rest, "\\\n", " "), "\n")
		command = strings.ReplaceAll(strings.ReplaceAll(command, "'", ""), guideEnv, "{"+environment+"}")
		words := strings.Fields(command)
		users[words[0]] = append(users[words[0]], words[1:]...)
	}
	if len(users[writer]) == 0 || len(users[reader]) == 0 {
		t.Fatalf("redistest: %s makes no %s or no %s", guide, writer, reader)
	}
	return users
}

// WriterURL returns the server's address for workers and people, as [Users] has them.
func (s *Server) WriterURL() string { return as(s.URL(), writer, writerSecret) }

// ReaderURL returns the server's address for services.
func (s *Server) ReaderURL() string { return as(s.URL(), reader, readerSecret) }

// WriterTLSURL returns the server's address over TLS for workers and people.
func (s *Server) WriterTLSURL() string { return as(s.TLSURL(), writer, writerSecret) }

// ReaderTLSURL returns the server's address over TLS for services.
func (s *Server) ReaderTLSURL() string { return as(s.TLSURL(), reader, readerSecret) }

// WriterURL returns the store's address for workers and people.
func (w *Watched) WriterURL() string { return as(w.URL(), writer, writerSecret) }

// ReaderURL returns the store's address for services.
func (w *Watched) ReaderURL() string { return as(w.URL(), reader, readerSecret) }

// WriterURL returns the store's address for workers and people.
func (c *Cluster) WriterURL() string { return as(c.URL(), writer, writerSecret) }

// ReaderURL returns the store's address for services.
func (c *Cluster) ReaderURL() string { return as(c.URL(), reader, readerSecret) }

func as(url, user, password string) string {
	return strings.Replace(url, "://", "://"+user+":"+password+"@", 1)
}

// root returns the directory of the module.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("redistest: there is no go.mod above the test")
	return ""
}
