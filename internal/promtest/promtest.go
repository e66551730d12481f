package promtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rampart-dev/rampart/internal/child"
)

var program = child.Program{Env: "RAMPART_PROMETHEUS", InPath: "prometheus", InCache: "prometheus"}

// patience is how long a server may take to answer, on a machine under load.
const patience = 30 * time.Second

// A Target is what Prometheus is to scrape.
type Target struct {
	Address string            // host:port
	Path    string            // of the metrics; /metrics where empty
	Labels  map[string]string // for every series; "job" is "test" unless it is named here
}

// Config says how Prometheus is to scrape. The zero value is that of [Start].
type Config struct {
	Interval time.Duration // between two scrapes; a second where zero
	Targets  []Target
	Rules    []string // files of rules, evaluated as often as targets are scraped
	Args     []string // further arguments of prometheus
}

// A Server is a prometheus that belongs to one test.
type Server struct {
	t     testing.TB
	port  int
	dir   string // configuration and data
	paths []string
	args  []string
	child *child.Child // nil while the server is down
}

// Start starts a Prometheus that scrapes the targets every second, and waits until
// it answers queries.
func Start(t testing.TB, targets ...Target) *Server {
	t.Helper()
	return StartConfig(t, Config{Targets: targets})
}

// StartConfig is Start with more to say.
func StartConfig(t testing.TB, cfg Config) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), args: cfg.Args}
	t.Cleanup(s.Kill) // before the directory is removed
	s.configure(cfg)

	// A free port may be taken by somebody else before Prometheus has it.
	var err error
	for range 5 {
		if s.port, err = child.FreePort(); err != nil {
			break
		}
		if err = s.start(); err == nil {
			return s
		}
	}
	t.Fatalf("promtest: %v", err)
	return nil
}

// URL returns the server's address, which stays the same for life.
func (s *Server) URL() string { return "http://" + s.Addr() }

// Addr returns the server's host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Scrape replaces the targets by others of the same paths. Prometheus takes up to
// five seconds to notice.
func (s *Server) Scrape(targets ...Target) {
	s.t.Helper()
	for _, path := range pathsOf(targets) {
		if !slices.Contains(s.paths, path) {
			s.t.Fatalf("promtest: no target had path %s when Prometheus was configured", path)
		}
	}
	for _, path := range s.paths {
		s.writeTargets(path, targets)
	}
}

// Stop ends the server in an orderly way and waits until it is gone.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server at once, as a crash does.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Freeze stops the server in mid-breath: connections stay, answers do not come.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

// Restart ends the server if it runs, and starts it again on the same port with
// the data that it had.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	if err := s.start(); err != nil {
		s.t.Fatalf("promtest: restart: %v", err)
	}
}

func (s *Server) start() error {
	c, err := program.Start(append([]string{
		"--config.file=" + filepath.Join(s.dir, "prometheus.json"),
		"--storage.tsdb.path=" + filepath.Join(s.dir, "data"),
		"--web.listen-address=" + s.Addr(),
		"--web.enable-remote-write-receiver",
		"--scrape.discovery-reload-interval=100ms",
		"--log.level=warn",
	}, s.args...)...)
	if err != nil {
		return err
	}
	if err := s.await(c); err != nil {
		c.End(syscall.SIGKILL)
		return fmt.Errorf("prometheus on port %d: %w\n%s", s.port, err, c.Output())
	}
	s.child = c
	return nil
}

// await returns once this child answers, and not another process on the same port:
// a child that could not listen ends at once.
func (s *Server) await(c *child.Child) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ready := s.ready(ctx)
		select {
		case <-c.Gone():
			return fmt.Errorf("ended at once: %w", c.Err())
		case <-ctx.Done():
			return fmt.Errorf("does not answer: %w", ctx.Err())
		case <-tick.C:
		}
		if ready {
			return nil
		}
	}
}

func (s *Server) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/-/ready", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode == http.StatusOK
}

func (s *Server) end(how syscall.Signal) {
	if s.child != nil {
		s.child.End(how)
		s.child = nil
	}
}

func (s *Server) signal(what syscall.Signal) {
	s.t.Helper()
	if s.child == nil {
		s.t.Fatal("promtest: the server is down")
	}
	if err := s.child.Signal(what); err != nil {
		s.t.Fatalf("promtest: %v", err)
	}
}

// configure writes the configuration as JSON, which is YAML as well. Targets of the
// same path share a job, so that they can be replaced while Prometheus runs.
func (s *Server) configure(cfg Config) {
	s.t.Helper()
	interval := cfg.Interval
	if interval == 0 {
		interval = time.Second
	}
	var jobs []any
	s.paths = pathsOf(cfg.Targets)
	for i, path := range s.paths {
		s.writeTargets(path, cfg.Targets)
		jobs = append(jobs, map[string]any{
			"job_name": fmt.Sprintf("test%d", i), "metrics_path": path,
			"file_sd_configs": []any{map[string]any{"files": []string{s.targetsFile(path)}, "refresh_interval": "1s"}},
		})
	}
	s.write(filepath.Join(s.dir, "prometheus.json"), map[string]any{
		"global": map[string]any{
			"scrape_interval": interval.String(), "scrape_timeout": interval.String(), "evaluation_interval": interval.String(),
		},
		"rule_files":     cfg.Rules,
		"scrape_configs": jobs,
	})
}

// pathsOf returns the paths of the targets; /metrics is always one of them.
func pathsOf(targets []Target) []string {
	paths := []string{"/metrics"}
	seen := map[string]bool{"": true, "/metrics": true}
	for _, t := range targets {
		if !seen[t.Path] {
			seen[t.Path] = true
			paths = append(paths, t.Path)
		}
	}
	return paths
}

func (s *Server) targetsFile(path string) string {
	return filepath.Join(s.dir, fmt.Sprintf("targets-%x.json", path))
}

func (s *Server) writeTargets(path string, targets []Target) {
	s.t.Helper()
	groups := []any{}
	for _, t := range targets {
		if t.Path != path && (t.Path != "" || path != "/metrics") {
			continue
		}
		labels := map[string]string{"job": "test"}
		for k, v := range t.Labels {
			labels[k] = v
		}
		groups = append(groups, map[string]any{"targets": []string{t.Address}, "labels": labels})
	}
	s.write(s.targetsFile(path), groups)
}

// write replaces a file in one step, because Prometheus may be reading it.
func (s *Server) write(path string, v any) {
	s.t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(path+".new", b, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		s.t.Fatalf("promtest: %v", err)
	}
}
