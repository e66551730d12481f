package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	unleash "github.com/Unleash/unleash-go-sdk/v5"
	unleashcontext "github.com/Unleash/unleash-go-sdk/v5/context"
	growthbook "github.com/growthbook/growthbook-golang"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldlog"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldbuilders"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"
	ld "github.com/launchdarkly/go-server-sdk/v7"
	"github.com/launchdarkly/go-server-sdk/v7/ldcomponents"
	"github.com/launchdarkly/go-server-sdk/v7/testhelpers/ldtestdata"
	statsig "github.com/statsig-io/go-sdk"

	"github.com/rampart-dev/rampart/bench/deciding"
)

func openLaunchDarkly(context.Context) (peer, error) {
	td := ldtestdata.DataSource()
	quarter := int(deciding.Share) * 10 // of a hundred thousand
	for i := range deciding.Flags {
		key := deciding.FlagName(i)
		td.UsePreconfiguredFlag(ldbuilders.NewFlagBuilder(key).Version(1).On(true).Salt(key).
			Variations(ldvalue.Bool(true), ldvalue.Bool(false)).OffVariation(1).
			AddRule(ldbuilders.NewRuleBuilder().ID("region").Variation(0).
				Clauses(ldbuilders.Clause(deciding.Attribute, ldmodel.OperatorIn, ldvalue.String(deciding.Wanted)))).
			Fallthrough(ldbuilders.Rollout(ldbuilders.Bucket(0, quarter), ldbuilders.Bucket(1, 100_000-quarter))).
			Build())
	}
	c, err := ld.MakeCustomClient("sdk-key", ld.Config{
		DataSource: td, Events: ldcomponents.NoEvents(), DiagnosticOptOut: true,
		Logging: ldcomponents.Logging().MinLevel(ldlog.None),
	}, 10*time.Second)
	if err != nil {
		return peer{}, fmt.Errorf("LaunchDarkly: %w", err)
	}
	who := func(user string) ldcontext.Context {
		return ldcontext.NewBuilder(user).SetString(deciding.Attribute, deciding.Given).Build()
	}
	ask := func(context ldcontext.Context) bool {
		on, _ := c.BoolVariation(deciding.Flag, context, false)
		return on
	}
	them := who(deciding.Key)
	return peer{
		name: "LaunchDarkly 7.14.6", on: func(user string) bool { return ask(who(user)) },
		asks: func() bool { return ask(them) }, close: func() { _ = c.Close() },
	}, nil
}

func openGrowthBook(ctx context.Context) (peer, error) {
	features := map[string]any{}
	for i := range deciding.Flags {
		features[deciding.FlagName(i)] = map[string]any{
			"defaultValue": false,
			"rules": []any{
				map[string]any{"condition": map[string]any{deciding.Attribute: deciding.Wanted}, "force": true},
				map[string]any{"force": true, "coverage": deciding.Share.Share(), "hashAttribute": "id", "hashVersion": 2, "seed": deciding.FlagName(i)},
			},
		}
	}
	document, err := json.Marshal(features)
	if err != nil {
		return peer{}, err
	}
	base, err := growthbook.NewClient(ctx, growthbook.WithJsonFeatures(string(document)), growthbook.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return peer{}, fmt.Errorf("GrowthBook: %w", err)
	}
	who := func(user string) *growthbook.Client {
		c, err := base.WithAttributes(growthbook.Attributes{"id": user, deciding.Attribute: deciding.Given})
		if err != nil {
			panic(err) // attributes of two strings
		}
		return c
	}
	ask := func(c *growthbook.Client) bool { return c.EvalFeature(ctx, deciding.Flag).On }
	them := who(deciding.Key)
	return peer{
		name: "GrowthBook 0.7.0", on: func(user string) bool { return ask(who(user)) },
		asks: func() bool { return ask(them) }, close: func() { _ = base.Close() },
	}, nil
}

func openUnleash(context.Context) (peer, error) {
	var features []any
	for i := range deciding.Flags {
		name := deciding.FlagName(i)
		features = append(features, map[string]any{
			"name": name, "type": "release", "enabled": true,
			"strategies": []any{
				map[string]any{"name": "default", "constraints": []any{map[string]any{"contextName": deciding.Attribute, "operator": "IN", "values": []string{deciding.Wanted}}}},
				map[string]any{"name": "flexibleRollout", "parameters": map[string]string{"rollout": "25", "stickiness": "userId", "groupId": name}},
			},
		})
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"version": 2, "features": features})
	}))
	folder, err := os.MkdirTemp("", "unleash")
	if err != nil {
		return peer{}, err
	}
	c, err := unleash.NewClient(unleash.WithUrl(server.URL), unleash.WithAppName("bench"), unleash.WithBackupPath(folder),
		unleash.WithDisableMetrics(true), unleash.WithRefreshInterval(time.Hour), unleash.WithListener(&deaf{}))
	if err != nil {
		return peer{}, fmt.Errorf("unleash: %w", err)
	}
	c.WaitForReady()
	who := func(user string) unleash.FeatureOption {
		return unleash.WithContext(unleashcontext.Context{UserId: user, Properties: map[string]string{deciding.Attribute: deciding.Given}})
	}
	them := who(deciding.Key)
	return peer{
		name: "Unleash 5.0.3", on: func(user string) bool { return c.IsEnabled(deciding.Flag, who(user)) },
		asks: func() bool { return c.IsEnabled(deciding.Flag, them) },
		close: func() {
			_ = c.Close()
			server.Close()
			_ = os.RemoveAll(folder)
		},
	}, nil
}

// deaf hears of Unleash's errors and warnings, which would otherwise fill a channel.
type deaf struct{}

// OnError implements unleash.ErrorListener.
func (*deaf) OnError(error) {}

// OnWarning implements unleash.ErrorListener.
func (*deaf) OnWarning(error) {}

func openStatsig(context.Context) (peer, error) {
	var gates []any
	for i := range deciding.Flags {
		name := deciding.FlagName(i)
		gates = append(gates, map[string]any{
			"name": name, "type": "feature_gate", "entity": "feature_gate", "salt": name, "enabled": true, "defaultValue": false, "idType": "userID",
			"rules": []any{
				map[string]any{"name": "region", "id": "region", "salt": name + "-1", "passPercentage": 100, "returnValue": true, "idType": "userID",
					"conditions": []any{map[string]any{"type": "user_field", "operator": "any", "field": deciding.Attribute, "targetValue": []string{deciding.Wanted}, "idType": "userID"}}},
				map[string]any{"name": "rollout", "id": "rollout", "salt": name + "-2", "passPercentage": deciding.Share.Float(), "returnValue": true, "idType": "userID",
					"conditions": []any{map[string]any{"type": "public", "idType": "userID"}}},
			},
		})
	}
	values, err := json.Marshal(map[string]any{
		"has_updates": true, "time": 1, "feature_gates": gates, "dynamic_configs": []any{}, "layer_configs": []any{}, "id_lists": map[string]bool{},
	})
	if err != nil {
		return peer{}, err
	}
	c := statsig.NewClientWithOptions("secret-bench", &statsig.Options{
		LocalMode: true, BootstrapValues: string(values), ConfigSyncInterval: time.Hour, IDListSyncInterval: time.Hour,
		IPCountryOptions: statsig.IPCountryOptions{Disabled: true}, UAParserOptions: statsig.UAParserOptions{Disabled: true},
		StatsigLoggerOptions: statsig.StatsigLoggerOptions{DisableAllLogging: true},
		OutputLoggerOptions:  statsig.OutputLoggerOptions{LogCallback: func(string, error) {}},
	})
	who := func(user string) statsig.User {
		return statsig.User{UserID: user, Custom: map[string]any{deciding.Attribute: deciding.Given}}
	}
	ask := func(u statsig.User) bool { return c.CheckGateWithExposureLoggingDisabled(u, deciding.Flag) }
	them := who(deciding.Key)
	return peer{
		name: "Statsig 1.35.1", on: func(user string) bool { return ask(who(user)) },
		asks: func() bool { return ask(them) }, close: c.Shutdown,
	}, nil
}
