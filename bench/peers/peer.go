package main

import (
	"context"
	"fmt"

	"github.com/rampart-dev/rampart/bench/deciding"
	"github.com/rampart-dev/rampart/client"
)

// A peer is somebody who decides flags.
type peer struct {
	name string
	kind kind
	// on answers for a user who has the scenario's attributes.
	on func(user string) bool
	// asks answers for the scenario's user, with all that can be made ready beforehand
	// made ready.
	asks  func() bool
	close func()
}

// A kind says what a peer is compared with.
type kind int

const (
	other    kind = iota // a product that decides
	provided             // Rampart behind OpenFeature
	telling              // likewise, with metadata
	nothing              // OpenFeature with nobody behind it, which decides nothing
)

type peers []peer

// openPeers opens all of them and checks their answers. What was opened is returned
// also with an error.
func openPeers(ctx context.Context, c *client.Client) (all peers, err error) {
	for _, open := range []func(context.Context) (peer, error){
		openLaunchDarkly, openGrowthBook, openUnleash, openStatsig, openFlagd,
		func(ctx context.Context) (peer, error) { return openProvider(ctx, c) },
		func(ctx context.Context) (peer, error) { return openTelling(ctx, c) }, openNoop,
	} {
		p, err := open(ctx)
		if err != nil {
			return all, err
		}
		all = append(all, p)
		if err := p.check(); err != nil {
			return all, err
		}
	}
	return all, nil
}

// check asks about many users.
func (p peer) check() error {
	if p.kind == nothing {
		return nil
	}
	const users = 20_000
	on := 0
	for i := range users {
		if p.on(fmt.Sprintf("user-%d", i)) {
			on++
		}
	}
	if err := deciding.CheckShare(on, users); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	want := p.on(deciding.Key)
	for range 100 {
		if p.asks() != want {
			return fmt.Errorf("%s gives %s two answers", p.name, deciding.Key)
		}
	}
	return nil
}

func (all peers) close() {
	for _, p := range all {
		if p.close != nil {
			p.close()
		}
	}
}
