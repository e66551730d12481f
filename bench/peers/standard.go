package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/open-feature/flagd/core/pkg/evaluator"
	"github.com/open-feature/flagd/core/pkg/logger"
	"github.com/open-feature/flagd/core/pkg/store"
	"github.com/open-feature/flagd/core/pkg/sync"
	"github.com/open-feature/go-sdk/openfeature"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart/bench/deciding"
	"github.com/rampart-dev/rampart/client"
	rampartprovider "github.com/rampart-dev/rampart/client/openfeature"
)

// openFlagd has the definition that evaluates as Rampart does.
func openFlagd(ctx context.Context) (peer, error) {
	flags := map[string]any{}
	for i := range deciding.Flags {
		name := deciding.FlagName(i)
		flags[name] = map[string]any{
			"state": "ENABLED", "variants": map[string]bool{"on": true, "off": false}, "defaultVariant": "off",
			"targeting": map[string]any{"if": []any{
				map[string]any{"==": []any{map[string]string{"var": deciding.Attribute}, deciding.Wanted}}, "on",
				map[string]any{"fractional": []any{
					map[string]any{"cat": []any{name, map[string]string{"var": "targetingKey"}}},
					[]any{"on", int(deciding.Share)}, []any{"off", 10_000 - int(deciding.Share)},
				}},
			}},
		}
	}
	document, err := json.Marshal(map[string]any{"flags": flags})
	if err != nil {
		return peer{}, err
	}
	quiet := logger.NewLogger(zap.NewNop(), false)
	state, err := store.NewStore(quiet, []string{"bench"})
	if err != nil {
		return peer{}, fmt.Errorf("flagd: %w", err)
	}
	e := evaluator.NewJSON(quiet, state)
	if err := e.SetState(sync.DataSync{FlagData: string(document), Source: "bench"}); err != nil {
		return peer{}, fmt.Errorf("flagd: %w", err)
	}
	ask := func(context map[string]any) bool {
		on, _, _, _, _ := e.ResolveBooleanValue(ctx, "", deciding.Flag, context)
		return on
	}
	who := func(user string) map[string]any {
		return map[string]any{"targetingKey": user, deciding.Attribute: deciding.Given}
	}
	them := who(deciding.Key)
	return peer{name: "flagd core 0.16.1", on: func(user string) bool { return ask(who(user)) }, asks: func() bool { return ask(them) }}, nil
}

// openProvider is Rampart behind OpenFeature.
func openProvider(ctx context.Context, c *client.Client) (peer, error) {
	return openFeature(ctx, "Rampart behind OpenFeature 1.20.0", provided, rampartprovider.New(c, rampartprovider.Options{}))
}

// openTelling is Rampart behind OpenFeature with what it tells of flags to hooks.
func openTelling(ctx context.Context, c *client.Client) (peer, error) {
	return openFeature(ctx, "the same, with metadata for hooks", telling, rampartprovider.New(c, rampartprovider.Options{Metadata: rampartprovider.Always}))
}

// openNoop is OpenFeature alone: what it costs whoever stands behind it.
func openNoop(ctx context.Context) (peer, error) {
	return openFeature(ctx, "nobody behind OpenFeature 1.20.0", nothing, openfeature.NoopProvider{})
}

func openFeature(ctx context.Context, name string, k kind, provider openfeature.FeatureProvider) (peer, error) {
	if err := openfeature.SetNamedProviderAndWait(name, provider); err != nil {
		return peer{}, fmt.Errorf("%s: %w", name, err)
	}
	c := openfeature.NewClient(name)
	ask := func(who openfeature.EvaluationContext) bool {
		on, _ := c.BooleanValue(ctx, deciding.Flag, false, who)
		return on
	}
	who := func(user string) openfeature.EvaluationContext {
		return openfeature.NewEvaluationContext(user, map[string]any{deciding.Attribute: deciding.Given})
	}
	them := who(deciding.Key)
	return peer{name: name, kind: k, on: func(user string) bool { return ask(who(user)) }, asks: func() bool { return ask(them) }}, nil
}
