package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A registry serves packages and counts how often it is asked.
type registry struct {
	*httptest.Server
	asked atomic.Int32
	packs map[string][]byte // by path
}

func newRegistry(t *testing.T) *registry {
	r := &registry{packs: map[string][]byte{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.asked.Add(1)
		pack, ok := r.packs[req.URL.Path]
		if !ok {
			http.NotFound(w, req)
			return
		}
		_, _ = w.Write(pack)
	}))
	t.Cleanup(r.Close)
	t.Setenv("npm_config_registry", r.URL+"/mirror/")
	return r
}

// serve adds a package and returns its entry in a lock, which says that it is in the
// registry that everybody uses.
func (r *registry) serve(t *testing.T, name string, files map[string]string) map[string]any {
	pack := packed(t, files)
	r.packs["/mirror/"+name+"/-/"+name+"-1.0.0.tgz"] = pack
	hash := sha512.Sum512(pack)
	return map[string]any{
		"version": "1.0.0", "resolved": "https://registry.test/" + name + "/-/" + name + "-1.0.0.tgz",
		"integrity": "sha512-" + base64.StdEncoding.EncodeToString(hash[:]),
	}
}

func packed(t *testing.T, files map[string]string) []byte {
	var pack bytes.Buffer
	plain := gzip.NewWriter(&pack)
	archive := tar.NewWriter(plain)
	for name, text := range files {
		mode := int64(0o644)
		if filepath.Base(filepath.Dir(name)) == "bin" {
			mode = 0o755
		}
		require.NoError(t, archive.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(text)), Typeflag: tar.TypeReg}))
		_, err := archive.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, plain.Close())
	return pack.Bytes()
}

// lockOf writes a lock.
func lockOf(t *testing.T, packages map[string]any) string {
	dir := t.TempDir()
	packages[""] = map[string]any{"name": "project"}
	text, err := json.Marshal(map[string]any{"lockfileVersion": 3, "packages": packages})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "package-lock.json"), text, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "package.json"), []byte("{}"), 0o600))
	return filepath.Join(dir, "package-lock.json")
}

func TestWhatTheLockPinsIsBroughtOnce(t *testing.T) {
	r := newRegistry(t)
	here := r.serve(t, "here", map[string]string{"package/bin/run": "#!/bin/sh", "package/index.js": "here"})
	here["os"], here["cpu"] = runtime.GOOS, []string{cpu(runtime.GOARCH)}
	elsewhere := r.serve(t, "elsewhere", map[string]string{"package/index.js": "elsewhere"})
	elsewhere["os"] = []string{"!" + runtime.GOOS}
	lock := lockOf(t, map[string]any{
		"node_modules/here":                      here,
		"node_modules/elsewhere":                 elsewhere,
		"node_modules/here/node_modules/@a/deep": r.serve(t, "deep", map[string]string{"another-name/index.js": "deep"}),
	})
	into := filepath.Join(t.TempDir(), "npm")
	require.NoError(t, install(t.Context(), lock, into))
	require.NoError(t, install(t.Context(), lock, into))
	require.EqualValues(t, 2, r.asked.Load(), "one request a package for this platform")

	text, err := os.ReadFile(filepath.Join(into, "node_modules/here/node_modules/@a/deep/index.js"))
	require.NoError(t, err)
	require.Equal(t, "deep", string(text))
	require.NoDirExists(t, filepath.Join(into, "node_modules/elsewhere"))
	info, err := os.Stat(filepath.Join(into, "node_modules/here/bin/run"))
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&0o100, "programs can be run")

	newer := lockOf(t, map[string]any{"node_modules/new": r.serve(t, "new", map[string]string{"package/index.js": "new"})})
	require.NoError(t, install(t.Context(), newer, into))
	require.NoDirExists(t, filepath.Join(into, "node_modules/here"), "what is not pinned any more is gone")
}

func TestNothingIsInstalledThatTheLockDoesNotPin(t *testing.T) {
	r := newRegistry(t)
	forged := r.serve(t, "forged", map[string]string{"package/index.js": "good"})
	r.packs["/mirror/forged/-/forged-1.0.0.tgz"] = packed(t, map[string]string{"package/index.js": "evil"})
	unverified := r.serve(t, "unverified", map[string]string{"package/index.js": "who knows"})
	unverified["integrity"] = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="
	for _, c := range []struct {
		name, at string
		is       map[string]any
		want     string
	}{
		{"another content than was pinned", "node_modules/forged", forged, "is not what the lock pins"},
		{"a hash that can be forged", "node_modules/unverified", unverified, "has no SHA-512"},
		{"a file outside of its package", "node_modules/escaping", r.serve(t, "escaping", map[string]string{"package/../../../evil": "evil"}), "outside of itself"},
		{"a package outside of node_modules", "node_modules/../../evil", r.serve(t, "evil", nil), "not below node_modules"},
		{"a package of this machine", "node_modules/linked", map[string]any{"link": true, "resolved": "../other"}, "not from a registry"},
		{"a package that is not there", "node_modules/missing", map[string]any{"resolved": "https://registry.test/missing.tgz", "integrity": "sha512-AAAA"}, "404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			err := install(t.Context(), lockOf(t, map[string]any{c.at: c.is}), filepath.Join(dir, "npm"))
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, c.at)
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestRegistryIsTheOneThatNpmWouldUse(t *testing.T) {
	pinned := pkg{Resolved: "https://registry.test/@a/b/-/b-1.0.0.tgz"}
	for _, c := range []struct{ name, variable, npmrc, want string }{
		{"the lock's where none is named", "", "cafile=/etc/ssl/ca.pem\n", pinned.Resolved},
		{"the user's file", "", "# mine\nregistry = \"https://npm.example/all/\"\n", "https://npm.example/all/@a/b/-/b-1.0.0.tgz"},
		{"a variable before the file", "http://127.0.0.1:4873", "registry=https://npm.example/\n", "http://127.0.0.1:4873/@a/b/-/b-1.0.0.tgz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := t.TempDir()
			t.Setenv("HOME", home)
			t.Setenv("NPM_CONFIG_REGISTRY", "")
			t.Setenv("npm_config_registry", c.variable)
			require.NoError(t, os.WriteFile(filepath.Join(home, ".npmrc"), []byte(c.npmrc), 0o600))
			registry, err := configuredRegistry()
			require.NoError(t, err)
			from, err := pinned.tarball(registry)
			require.NoError(t, err)
			require.Equal(t, c.want, from)
		})
	}
	_, err := pinned.tarball("npm.example")
	require.ErrorContains(t, err, "is no URL")
}
