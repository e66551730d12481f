package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart/worker"
)

func (a *app) workerCommand() *cobra.Command {
	var config worker.Config
	c := &cobra.Command{
		Use:   "worker",
		Short: "Walk launches and judge gates, until told to stop",
		Long: `Worker runs a worker process of an environment: it walks launches and judges gates
until it is interrupted, and then finishes what is under way. Start as many as you
like. It answers /healthz, /readyz and /metrics, on loopback unless told otherwise.`,
		Args: a.takes(),
		RunE: a.does(func(ctx context.Context, _ []string) error {
			config.Parts, config.Version = a.options, version
			return worker.Run(ctx, config)
		}),
	}
	config.Bind(c.Flags())
	c.Flags().SortFlags = false
	return c
}
