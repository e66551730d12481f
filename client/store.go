package client

import (
	"fmt"

	"github.com/rampart-dev/rampart/flagstore"
)

// openStore connects at the first call, so a store that is out of reach is no error.
func openStore(o Options) (flagstore.Feed, func() error, error) {
	how := o.Store
	how.URL, how.Environment = o.Redis, o.Environment
	store, err := flagstore.Open(how)
	if err != nil {
		return nil, nil, fmt.Errorf("open flag store: %w", err)
	}
	return store, store.Close, nil
}
