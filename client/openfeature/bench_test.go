package openfeature_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	provider "github.com/rampart-dev/rampart/client/openfeature"
)

// The scenario of the product's benchmarks: a rule that does not match and a quarter
// of the users, among a thousand flags.
var benchContext = openfeature.NewEvaluationContext("user-4711-0815", map[string]any{
	"region": "us-east-1", "plan": "gold", "age": 42, "beta": true,
})

func benchClient(b *testing.B) *client.Client {
	var flags []rampart.Flag
	for i := range 1000 {
		f := newFlag(fmt.Sprintf("checkout-v%d", i), 1764500000000, "false", "true", 2500)
		f.Include = []rampart.Rule{{Attribute: "region", In: []string{"eu-west-1"}}}
		flags = append(flags, f)
	}
	return openClient(b, newFeed(flags...))
}

// BenchmarkProvider is to be compared with BenchmarkNoop of the same run: what the
// provider adds to OpenFeature's own cost.
func BenchmarkProvider(b *testing.B) { benchmarkProvider(b, provider.Options{}) }

// BenchmarkProviderTells has metadata, and BenchmarkProviderShared copies none of it.
func BenchmarkProviderTells(b *testing.B) {
	benchmarkProvider(b, provider.Options{Metadata: provider.Always})
}

func BenchmarkProviderShared(b *testing.B) {
	benchmarkProvider(b, provider.Options{Metadata: provider.Always, ShareMetadata: true})
}

func benchmarkProvider(b *testing.B, o provider.Options) {
	c := register(b, provider.New(benchClient(b), o)).NewClient()
	details, err := c.BooleanValueDetails(b.Context(), "checkout-v7", false, benchContext)
	require.NoError(b, err)
	require.Equal(b, openfeature.SplitReason, details.Reason)
	benchmarkBoolean(b, c)
}

// BenchmarkNoop is what OpenFeature's SDK costs by itself, in a service that has as
// many flags in memory.
func BenchmarkNoop(b *testing.B) {
	flags := benchClient(b)
	api := isolated.NewAPI()
	require.NoError(b, api.SetProviderAndWait(b.Context(), openfeature.NoopProvider{}))
	benchmarkBoolean(b, api.NewClient())
	require.True(b, flags.Ready())
}

func benchmarkBoolean(b *testing.B, c *openfeature.Client) {
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = c.BooleanValue(ctx, "checkout-v7", false, benchContext)
	}
}

// BenchmarkProviderAlone is the provider without OpenFeature's SDK before it.
func BenchmarkProviderAlone(b *testing.B) {
	p := provider.New(benchClient(b), provider.Options{})
	flat := openfeature.FlattenedContext(benchContext.Attributes())
	flat[openfeature.TargetingKey] = benchContext.TargetingKey()
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		_ = p.BooleanEvaluation(ctx, "checkout-v7", false, flat)
	}
}
