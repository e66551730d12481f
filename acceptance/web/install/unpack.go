package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Bounds of a package. Node itself, the largest, has 50 MB packed and 130 MB unpacked.
const (
	mostPacked   = 200 << 20
	mostUnpacked = 1 << 30
)

// retries is how often a download is tried again: a registry may be busy for a moment.
const retries = 2

// errRefused is an answer that will be the same the next time.
var errRefused = errors.New("refused")

// bring downloads, verifies and unpacks the package.
func (p pkg) bring(ctx context.Context, registry string, root *os.Root) error {
	from, err := p.tarball(registry)
	if err != nil {
		return err
	}
	packed, err := download(ctx, from)
	for again := range retries {
		if err == nil || errors.Is(err, errRefused) {
			break
		}
		select {
		case <-time.After(time.Second << again):
		case <-ctx.Done():
			return ctx.Err()
		}
		packed, err = download(ctx, from)
	}
	if err != nil {
		return err
	}
	if err := p.verify(packed); err != nil {
		return fmt.Errorf("%s %w", from, err)
	}
	return unpack(packed, root, p.path)
}

// client gives up on a registry that does not begin to answer. How long a body may take
// is bounded with the whole installation.
var client = &http.Client{Transport: &http.Transport{
	Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: 30 * time.Second, TLSHandshakeTimeout: 15 * time.Second,
	ForceAttemptHTTP2: true,
}}

func download(ctx context.Context, from string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
	case code < http.StatusInternalServerError && code != http.StatusTooManyRequests:
		return nil, fmt.Errorf("%s: %w: %s", from, errRefused, resp.Status)
	default:
		return nil, fmt.Errorf("%s: %s", from, resp.Status)
	}
	packed, err := io.ReadAll(io.LimitReader(resp.Body, mostPacked+1))
	if err == nil && len(packed) > mostPacked {
		err = fmt.Errorf("%s has more than %d bytes", from, mostPacked)
	}
	return packed, err
}

// verify holds what came against the lock. Of several hashes one must be right.
func (p pkg) verify(packed []byte) error {
	is := sha512.Sum512(packed)
	for _, hash := range strings.Fields(p.Integrity) {
		want, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hash, "sha512-"))
		if err == nil && subtle.ConstantTimeCompare(is[:], want) == 1 {
			return nil
		}
	}
	return errors.New("is not what the lock pins")
}

// unpack writes the files of a package below a directory of root. They stand below one
// directory of the archive, whose name differs from package to package.
func unpack(packed []byte, root *os.Root, dir string) error {
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	files := tar.NewReader(io.LimitReader(plain, mostUnpacked))
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, name, _ := strings.Cut(path.Clean(header.Name), "/")
		if header.Typeflag != tar.TypeReg || name == "" {
			continue // directories are made for their files, and packages have no links
		}
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("has a file %q, outside of itself", header.Name)
		}
		if err := write(root, path.Join(dir, name), header.FileInfo().Mode()&0o100 != 0, files); err != nil {
			return err
		}
	}
}

func write(root *os.Root, name string, runs bool, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if runs {
		mode = 0o755
	}
	file, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
