package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// configuredRegistry returns the registry that the user has told npm to use; empty where
// none has been told.
func configuredRegistry() (string, error) {
	for _, name := range []string{"npm_config_registry", "NPM_CONFIG_REGISTRY"} {
		if registry := os.Getenv(name); registry != "" {
			return registry, nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", nil // nobody's home has no .npmrc
	}
	text, err := os.ReadFile(filepath.Join(home, ".npmrc"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == "registry" {
			return strings.Trim(strings.TrimSpace(value), `"`), nil
		}
	}
	return "", nil
}

// tarball returns where a package is: where the lock says, or at the same path of the
// registry that is configured.
func (p pkg) tarball(registry string) (string, error) {
	at, err := url.Parse(p.Resolved)
	if err != nil || at.Host == "" {
		return "", fmt.Errorf("the lock says it is at %q", p.Resolved)
	}
	if registry == "" {
		return p.Resolved, nil
	}
	base, err := url.Parse(registry)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return "", fmt.Errorf("npm's registry %q is no URL", registry)
	}
	return base.JoinPath(at.EscapedPath()).String(), nil
}
