package devstack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rampart-dev/rampart"
)

// targets are what Prometheus scrapes: one file a job, which it notices by itself.
type targets struct{ dir string }

// configure writes the configuration as JSON, which is YAML as well.
func (t targets) configure(path string, interval time.Duration) error {
	return replace(path, map[string]any{
		"global": map[string]any{"scrape_interval": interval.String(), "scrape_timeout": interval.String()},
		"scrape_configs": []any{map[string]any{
			"job_name": "services",
			"file_sd_configs": []any{map[string]any{
				"files": []string{filepath.Join(t.dir, "*.json")}, "refresh_interval": "1s",
			}},
		}},
	})
}

func (t targets) add(job, address string) error {
	if err := rampart.CheckName("a job", job); err != nil {
		return err
	}
	return replace(filepath.Join(t.dir, job+".json"), []any{map[string]any{
		"targets": []string{address}, "labels": map[string]string{"job": job},
	}})
}

// forget stops the scraping of everything.
func (t targets) forget() error {
	old, err := filepath.Glob(filepath.Join(t.dir, "*.json"))
	for _, file := range old {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// replace writes a file in one step, because Prometheus may be reading it.
func replace(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
