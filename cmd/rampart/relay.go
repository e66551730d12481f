package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart/relay"
)

func (a *app) relayCommand() *cobra.Command {
	var config relay.Config
	c := &cobra.Command{
		Use:   "relay",
		Short: "Serve flags to the processes of this machine, which follow it instead of Redis",
		Long: `Relay follows the flag store once for all processes of this machine, until it is
interrupted, so that a store has one reader a machine instead of one a process. Fleets
of more than about a thousand processes need it. Services follow it by its address:

  client.Options{Relay: "unix:///run/rampart/relay.sock", ...}

Whoever reaches it reads every flag, so it never listens beyond this machine.`,
		Example: `  rampart relay
  rampart relay --listen http://127.0.0.1:8090`,
		Args: a.noSuch,
		RunE: a.does(func(ctx context.Context, _ []string) error {
			store, err := a.options.StoreOptions()
			if err != nil {
				return err
			}
			config.Store = store
			return relay.Run(ctx, config)
		}),
	}
	config.Bind(c.Flags())
	c.Flags().SortFlags = false
	return c
}
