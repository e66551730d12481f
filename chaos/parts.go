package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/child"
	"github.com/rampart-dev/rampart/internal/devstack"
	"github.com/rampart-dev/rampart/worker"
)

const (
	environment = "chaos"
	// workerCommand makes this program a worker.
	workerCommand = "worker"

	workers  = 2
	services = 3
	scrape   = time.Second
)

func work(ctx context.Context, args []string) error {
	var c worker.Config
	fs := pflag.NewFlagSet(workerCommand, pflag.ContinueOnError)
	c.Parts.Bind(fs)
	c.Bind(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	return worker.Run(ctx, c)
}

// programs are the servers, found as everywhere.
var programs = map[string]child.Program{
	"temporal":   {Env: "RAMPART_TEMPORAL", InPath: "temporal", InCache: "temporal-devserver"},
	"redis":      {Env: "RAMPART_REDIS_SERVER", InPath: "redis-server", InCache: "redis-server"},
	"prometheus": {Env: "RAMPART_PROMETHEUS", InPath: "prometheus", InCache: "prometheus"},
}

// addresses are where the parts listen, for the whole of the soak.
type addresses struct {
	temporal, redis, prometheus string
	workers, services           []string
}

func newAddresses() (a addresses, err error) {
	ports, err := devstack.FreePorts(3 + workers + services)
	if err != nil {
		return a, err
	}
	all := make([]string, len(ports))
	for i, port := range ports {
		all[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	a.temporal, a.redis, a.prometheus = all[0], all[1], all[2]
	a.workers, a.services = all[3:3+workers], all[3+workers:]
	return a, nil
}

// newParts makes all parts, and what they need in the directory.
func (s *soak) newParts() error {
	for _, dir := range []string{"logs", "redis", "prometheus"} {
		if err := os.MkdirAll(s.path(dir), 0o700); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	servers := map[string][]string{
		"temporal": s.temporalArgs(),
		"redis": {
			"--bind", "127.0.0.1", "--port", portOf(s.at.redis), "--dir", s.path("redis"),
			"--save", "", "--appendonly", "yes", "--daemonize", "no",
		},
		"prometheus": {
			"--config.file=" + s.path("prometheus.json"), "--storage.tsdb.path=" + s.path("prometheus"),
			"--web.listen-address=" + s.at.prometheus, "--log.level=warn",
		},
	}
	for _, name := range []string{"temporal", "redis", "prometheus"} {
		program, err := programs[name].Find()
		if err != nil {
			return err
		}
		s.add(&part{name: name, kind: name, program: program, args: servers[name]})
	}
	for i, at := range s.at.workers {
		s.add(&part{name: fmt.Sprintf("worker-%d", i+1), kind: "worker", program: self, args: []string{
			workerCommand, "--env", environment, "--temporal", s.at.temporal, "--redis", "redis://" + s.at.redis,
			"--prometheus", "http://" + s.at.prometheus, "--listen", at, "--sweep-every", "1s",
			"--scrape-interval", scrape.String(), "--log-format", "console",
		}})
	}
	for i, at := range s.at.services {
		name := fmt.Sprintf("service-%d", i+1)
		args := []string{serviceCommand, "-name", name, "-redis", "redis://" + s.at.redis, "-listen", at, "-wishes", s.path("wishes.json")}
		if i > 0 { // the first one knows nothing when it starts
			args = append(args, "-bootstrap", s.path(name+".json"))
		}
		s.add(&part{name: name, kind: "service", program: self, args: args, hear: s.hear, died: s.mute})
	}
	return s.configurePrometheus()
}

func (s *soak) temporalArgs() []string {
	args := []string{
		"server", "start-dev", "--ip", "127.0.0.1", "--port", portOf(s.at.temporal), "--headless",
		"--db-filename", s.path("temporal.db"), "--log-level", "error",
		"--dynamic-config-value", "frontend.namespaceRPS=10000", "--dynamic-config-value", "frontend.namespaceBurst=10000",
	}
	for name, kind := range map[string]string{
		rampart.AttributeFlag: "Keyword", rampart.AttributeEnvironment: "Keyword", rampart.AttributePhase: "Keyword",
		rampart.AttributeState: "Keyword", rampart.AttributeOwner: "Keyword", rampart.AttributePercent: "Double",
	} {
		args = append(args, "--search-attribute", name+"="+kind)
	}
	return args
}

// configurePrometheus writes the configuration as JSON, which is YAML as well.
func (s *soak) configurePrometheus() error {
	b, err := json.Marshal(map[string]any{
		"global": map[string]any{"scrape_interval": scrape.String(), "scrape_timeout": scrape.String()},
		"scrape_configs": []any{map[string]any{
			"job_name": "services", "static_configs": []any{map[string]any{"targets": s.at.services}},
		}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("prometheus.json"), b, 0o600)
}

func (s *soak) add(p *part) {
	p.log, p.story = filepath.Join(s.dir, "logs", p.name+".log"), s.story
	s.parts = append(s.parts, p)
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// plainEnviron is the environment of this process without what it may tell rampart.
func plainEnviron() []string {
	var plain []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "RAMPART_") {
			plain = append(plain, v)
		}
	}
	return plain
}
