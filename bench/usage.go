package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// parts are the processes of the stack, and "bench" is this one, which also is the
// service that is watched.
var parts = []string{"worker", "temporal", "redis", "prometheus", "bench"}

// A reading is what the parts have used and done so far.
type reading struct {
	at      time.Time
	cpu     map[string]time.Duration // by part
	looks   float64
	within  map[string]float64 // of them, by the seconds that they were late at most
	blind   float64            // likewise
	queries float64            // that Prometheus was asked
	rss     float64            // of the worker, bytes
}

// read takes a reading.
func (r *reach) read(ctx context.Context) (reading, error) {
	now := reading{at: time.Now(), cpu: map[string]time.Duration{}, within: map[string]float64{}}
	for _, part := range parts {
		pid := r.stack.Pid(part)
		if part == "bench" {
			pid = os.Getpid()
		}
		used, err := processorTime(pid)
		if err != nil {
			return now, fmt.Errorf("processor time of %s: %w", part, err)
		}
		now.cpu[part] = used
	}
	worker, err := scraped(ctx, "http://"+r.stack.Worker+"/metrics")
	if err != nil {
		return now, err
	}
	prometheus, err := scraped(ctx, r.stack.Prometheus+"/metrics")
	if err != nil {
		return now, err
	}
	now.looks = worker.sum("rampart_look_lateness_seconds_count")
	for _, seconds := range lateness {
		now.within[seconds] = worker.sum("rampart_look_lateness_seconds_bucket", `le="`+seconds+`"`)
	}
	now.blind = worker.sum("rampart_verdicts_total", `verdict="blind"`) + worker.sum("rampart_verdicts_total", `verdict="no-data"`)
	now.rss = worker.sum("process_resident_memory_bytes")
	now.queries = prometheus.sum("prometheus_http_request_duration_seconds_count", `handler="/api/v1/query"`)
	return now, nil
}

// lateness are the buckets of the worker's histogram, in seconds.
var lateness = []string{"0.05", "0.1", "0.25", "0.5", "1", "2", "3", "5", "10", "30", "60", "+Inf"}

// userHertz is the unit of times in /proc, on every platform that Go runs on.
const userHertz = 100

// processorTime returns what a process has used, by the system's account.
func processorTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), ") ") // the name may have blanks
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	var ticks int64
	for _, field := range fields[11:13] { // in user mode, and in the system
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / userHertz, nil
}

// A scrape is the text of /metrics.
type scrape string

func scraped(ctx context.Context, url string) (scrape, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 256<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return scrape(b), err
}

// sum adds up the series of a metric that have these labels.
func (s scrape) sum(metric string, labels ...string) (sum float64) {
	for line := range strings.Lines(string(s)) {
		rest, ok := strings.CutPrefix(line, metric)
		if !ok || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		for _, label := range labels {
			ok = ok && strings.Contains(rest, label)
		}
		if at := strings.LastIndexByte(rest, ' '); ok && at >= 0 {
			v, _ := strconv.ParseFloat(strings.TrimSpace(rest[at:]), 64)
			sum += v
		}
	}
	return sum
}

// loadAverage returns what the system says of the last minute: with other work on
// the machine it is more than that of the parts.
func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(b), " ")
	return load
}
