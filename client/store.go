package client

import (
	"fmt"

	"github.com/rampart-dev/rampart/flagstore"
)

// openStore connects at the first call, so a store that is out of reach is no error.
func openStore(o Options) (flagstore.Feed, func() error, error) {
	store, err := flagstore.Open(flagstore.Options{URL: o.Redis, Environment: o.Environment})
	if err != nil {
		return nil, nil, fmt.Errorf("open flag store: %w", err)
	}
	return store, store.Close, nil
}
