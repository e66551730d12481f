package client

import (
	"fmt"

	"github.com/rampart-dev/rampart/client/relayed"
	"github.com/rampart-dev/rampart/flagstore"
)

// openStore connects at the first call, so a store or a relay that is out of reach is no
// error.
func openStore(o Options) (flagstore.Feed, func() error, error) {
	if o.Relay != "" {
		feed, err := relayed.Dial(o.Relay, o.Environment)
		if err != nil {
			return nil, nil, fmt.Errorf("follow a relay: %w", err)
		}
		return feed, feed.Close, nil
	}
	how := o.Store
	how.URL, how.Environment = o.Redis, o.Environment
	store, err := flagstore.Open(how)
	if err != nil {
		return nil, nil, fmt.Errorf("open flag store: %w", err)
	}
	return store, store.Close, nil
}
