package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// A lock is what package-lock.json pins.
type lock struct {
	text, project []byte // of package-lock.json and package.json
	packages      []pkg
}

// A pkg is one package of the lock.
type pkg struct {
	path      string // node_modules/NAME, perhaps below another package
	Version   string `json:"version"`
	Resolved  string `json:"resolved"`
	Integrity string `json:"integrity"`
	OS        words  `json:"os"`
	CPU       words  `json:"cpu"`
	Link      bool   `json:"link"`
}

// words are one word or several.
type words []string

// UnmarshalJSON reads what authors of packages write, which the lock repeats.
func (w *words) UnmarshalJSON(text []byte) error {
	var one string
	if err := json.Unmarshal(text, &one); err == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(w))
}

// readLock reads a lock, and package.json beside it.
func readLock(file string) (lock, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return lock{}, err
	}
	project, err := os.ReadFile(filepath.Join(filepath.Dir(file), "package.json"))
	if err != nil {
		return lock{}, err
	}
	var parsed struct {
		Format   int            `json:"lockfileVersion"`
		Packages map[string]pkg `json:"packages"`
	}
	if err := json.Unmarshal(text, &parsed); err != nil {
		return lock{}, fmt.Errorf("%s: %w", file, err)
	}
	if parsed.Format != 3 {
		return lock{}, fmt.Errorf("%s has format %d, and only 3 is understood", file, parsed.Format)
	}
	l := lock{text: text, project: project}
	for _, path := range slices.Sorted(maps.Keys(parsed.Packages)) {
		if path == "" {
			continue // the project itself
		}
		p := parsed.Packages[path]
		p.path = path
		if err := p.check(); err != nil {
			return lock{}, fmt.Errorf("%s: %s: %w", file, path, err)
		}
		l.packages = append(l.packages, p)
	}
	return l, nil
}

// check refuses what cannot be brought, or not be verified.
func (p pkg) check() error {
	switch {
	case p.Link, p.Resolved == "":
		return fmt.Errorf("is not from a registry")
	case !strings.HasPrefix(p.Integrity, "sha512-"):
		return fmt.Errorf("has no SHA-512")
	case !strings.HasPrefix(p.path, "node_modules/"), !filepath.IsLocal(filepath.FromSlash(p.path)):
		return fmt.Errorf("is not below node_modules")
	}
	return nil
}

// wanted returns the packages for this platform.
func (l lock) wanted() []pkg {
	return slices.DeleteFunc(slices.Clone(l.packages), func(p pkg) bool {
		return !p.OS.allow(runtime.GOOS) || !p.CPU.allow(cpu(runtime.GOARCH))
	})
}

// allow reports whether a package is for a platform: its words name it, or name none,
// or name only others that it is not for, as in "!win32".
func (w words) allow(platform string) bool {
	if slices.Contains(w, platform) {
		return true
	}
	positive := func(word string) bool { return !strings.HasPrefix(word, "!") }
	return !slices.Contains(w, "!"+platform) && !slices.ContainsFunc(w, positive)
}

// cpu returns Node's name of a processor.
func cpu(goarch string) string {
	if goarch == "amd64" {
		return "x64"
	}
	return goarch
}

// isIn reports whether a directory holds what the lock pins.
func (l lock) isIn(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	return err == nil && bytes.Equal(text, l.text)
}

// writeTo completes a directory: with these files npm would take it for its own.
func (l lock) writeTo(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "package.json"), l.project, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "package-lock.json"), l.text, 0o600)
}
