// Command install brings the npm packages that package-lock.json pins, as "npm ci
// --ignore-scripts" does, on machines that have Go and no npm.
//
//	go run ./install --into DIR
//
// Every package is verified against the lock before any of it is unpacked, packages for
// other platforms are left out, and no script of a package is run. The registry is the
// one that npm would use: npm_config_registry, else .npmrc of the user, else the lock's.
// Where DIR holds what the lock pins already, nothing is downloaded.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

func main() {
	lockFile := flag.String("lock", "package-lock.json", "the lock; package.json is beside it")
	into := flag.String("into", "", "directory that gets node_modules")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := install(ctx, *lockFile, *into); err != nil {
		fmt.Fprintf(os.Stderr, "install: %v\n", err)
		os.Exit(1)
	}
}

// within bounds a whole installation, which a slow line may take some minutes for.
const within = 10 * time.Minute

// atOnce is how many packages are downloaded at the same time.
const atOnce = 6

// install makes DIR what the lock says. It is made beside DIR and renamed at the end,
// so that DIR is whole or as it was.
func install(ctx context.Context, lockFile, into string) error {
	if into == "" {
		return errors.New("--into is missing")
	}
	lock, err := readLock(lockFile)
	if err != nil {
		return err
	}
	if lock.isIn(into) {
		return nil
	}
	registry, err := configuredRegistry()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(into), 0o750); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(into), filepath.Base(into)+".new-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not done within %s", within))
	defer cancel()
	if err := bring(ctx, lock.wanted(), registry, fresh); err != nil {
		return err
	}
	if err := lock.writeTo(fresh); err != nil {
		return err
	}
	if err := os.RemoveAll(into); err != nil {
		return err
	}
	return os.Rename(fresh, into)
}

// bring downloads and unpacks packages below a directory. The first failure ends it.
func bring(ctx context.Context, packages []pkg, registry, dir string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	next := make(chan pkg)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for p := range next {
				if err := p.bring(ctx, registry, root); err != nil {
					cancel(fmt.Errorf("%s: %w", p.path, err))
				}
			}
		})
	}
	for _, p := range packages {
		if ctx.Err() == nil {
			next <- p
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}
