package openfeature_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cucumber/godog"
	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"

	"github.com/rampart-dev/rampart/client"
	provider "github.com/rampart-dev/rampart/client/openfeature"
)

// A world is what one scenario has to do with.
type world struct {
	t       *testing.T
	spec    specFlags
	api     *openfeature.EvaluationAPI
	client  *openfeature.Client
	ctx     context.Context
	kind    string
	key     string
	def     any
	about   map[string]any
	at      map[string]openfeature.EvaluationContext // contexts by level
	levels  []string
	hooks   []*specHook
	options []openfeature.Option
	details openfeature.InterfaceEvaluationDetails
	err     error
	began   time.Time
	closing []func()
}

func defineSteps(t *testing.T, sc *godog.ScenarioContext) {
	w := &world{}
	sc.Before(func(ctx context.Context, _ *godog.Scenario) (context.Context, error) {
		*w = world{t: t, spec: readSpecFlags(t), ctx: context.Background(), about: map[string]any{}, at: map[string]openfeature.EvaluationContext{}}
		return ctx, nil
	})
	sc.After(func(ctx context.Context, _ *godog.Scenario, _ error) (context.Context, error) {
		w.end()
		return ctx, nil
	})
	sc.Step(`^an? (stable|not ready|error|fatal|stale) provider$`, w.aProvider)
	sc.Step(`^a stable provider with retrievable context is registered$`, func() error { return w.aProvider("stable") })
	w.defineEvaluation(sc)
	w.defineOlder(sc)
	w.defineHooks(sc)
	w.defineMerging(sc)
}

func (w *world) end() {
	if w.api != nil {
		_ = w.api.Shutdown(context.Background())
	}
	for _, f := range w.closing {
		f()
	}
	w.api, w.closing = nil, nil
}

// aProvider brings a provider into a state for real: by a store that never answers, one
// that goes away, or options that no client can be opened with.
func (w *world) aProvider(status string) error {
	w.end()
	w.api = isolated.NewAPI()
	w.client = w.api.NewClient()
	f := w.spec.feed()
	from := client.Options{Environment: production, Feed: f, Logger: quiet, StaleAfter: time.Millisecond}
	o := w.spec.options()
	want := map[string]openfeature.State{
		"stable": openfeature.ReadyState, "not ready": openfeature.NotReadyState, "error": openfeature.ErrorState,
		"fatal": openfeature.FatalState, "stale": openfeature.StaleState,
	}[status]
	switch status {
	case "stable":
		from.StaleAfter = patience
	case "not ready":
		f.down, from.Wait = true, -1
		if err := w.api.SetProvider(w.ctx, provider.NewOwner(from, o)); err != nil {
			return err
		}
		return w.await(want)
	case "error":
		f.down, from.Wait, o.InitWithin = true, -1, time.Millisecond
	case "fatal":
		from = client.Options{}
	}
	_ = w.api.SetProviderAndWait(w.ctx, provider.NewOwner(from, o))
	f.setDown(status == "stale" || status == "error")
	return w.await(want)
}

func (w *world) await(want openfeature.State) error {
	limit, looks := time.After(patience), time.NewTicker(tick)
	defer looks.Stop()
	for w.client.State() != want {
		select {
		case <-looks.C:
		case <-limit:
			return fmt.Errorf("the provider is %s, not %s", w.client.State(), want)
		}
	}
	return nil
}

func (w *world) defineEvaluation(sc *godog.ScenarioContext) {
	sc.Step(`^an? ([A-Za-z]+)-flag with key "([^"]*)" and a fallback value "((?:[^"\\]|\\.)*)"$`, func(kind, key, def string) (err error) {
		w.kind, w.key = strings.ToLower(kind), key
		w.def, err = valueOf(w.kind, def)
		return err
	})
	sc.Step(`^a context containing a key "([^"]*)", with type "([^"]*)" and with value "([^"]*)"$`, func(key, kind, text string) (err error) {
		w.about[key], err = valueOf(strings.ToLower(kind), text)
		return err
	})
	sc.Step(`^a context containing a key "([^"]*)" with null value$`, func(key string) { w.about[key] = nil })
	sc.Step(`^an evaluation context with modifiable data$`, func() { w.about["plan"] = map[string]any{"name": "gold"} })
	sc.Step(`^the flag was evaluated with details(?: using the evaluation options)?$`, w.evaluate)
	sc.Step(`^the flag was evaluated with details asynchronously$`, func() error {
		done := make(chan struct{})
		w.began = time.Now()
		go func() { defer close(done); _ = w.evaluate() }()
		select {
		case <-done:
			return nil
		case <-time.After(patience):
			return fmt.Errorf("still evaluating after %s", patience)
		}
	})
	sc.Step(`^the evaluation should complete without blocking$`, func() error { return same("error", w.err, nil) })
	sc.Step(`^the resolved details value should be "((?:[^"\\]|\\.)*)"$`, func(text string) error {
		want, err := valueOf(w.kind, text)
		if err != nil {
			return err
		}
		return same("value", w.details.Value, want)
	})
	sc.Step(`^the reason should be "([^"]*)"$`, func(want string) error { return same("reason", string(w.details.Reason), want) })
	sc.Step(`^the error-code should be "([^"]*)"$`, func(want string) error { return same("error code", string(w.details.ErrorCode), want) })
	sc.Step(`^the variant should be "([^"]*)"$`, func(want string) error { return same("variant", w.details.Variant, want) })
	sc.Step(`^the flag key should be "([^"]*)"$`, func(want string) error { return same("key", w.details.FlagKey, want) })
	sc.Step(`^the provider status should be "([^"]*)"$`, func(want string) error { return same("status", string(w.client.State()), want) })
	sc.Step(`^the resolved metadata is empty$`, func() error { return same("metadata", len(w.details.FlagMetadata), 0) })
	sc.Step(`^the resolved metadata should contain$`, func(table *godog.Table) error {
		for _, row := range table.Rows[1:] {
			want, err := valueOf(strings.ToLower(row.Cells[1].Value), row.Cells[2].Value)
			if err != nil {
				return err
			}
			if err := same(row.Cells[0].Value, w.details.FlagMetadata[row.Cells[0].Value], want); err != nil {
				return err
			}
		}
		return nil
	})
	sc.Step(`^the original evaluation context should remain unmodified$`, func() error {
		return same("context", w.about, map[string]any{"plan": map[string]any{"name": "gold"}})
	})
	sc.Step(`^the evaluation details should be immutable$`, func() error {
		before := w.details
		before.FlagMetadata["mine"] = true
		if err := w.evaluate(); err != nil {
			return err
		}
		return same("metadata of the next evaluation", w.details.FlagMetadata["mine"], nil)
	})
}

func (w *world) evaluate() error {
	about := openfeature.NewTargetlessEvaluationContext(w.about)
	if at, ok := w.at["Invocation"]; ok {
		about = at
	}
	w.details, w.err = evaluate(w.ctx, w.client, w.kind, w.key, w.def, about, w.options...)
	return nil
}

func evaluate(ctx context.Context, c *openfeature.Client, kind, key string, def any, about openfeature.EvaluationContext, o ...openfeature.Option) (d openfeature.InterfaceEvaluationDetails, err error) {
	switch kind {
	case "boolean":
		r, err := c.BooleanValueDetails(ctx, key, def.(bool), about, o...)
		return openfeature.InterfaceEvaluationDetails{Value: r.Value, EvaluationDetails: r.EvaluationDetails}, err
	case "string":
		r, err := c.StringValueDetails(ctx, key, def.(string), about, o...)
		return openfeature.InterfaceEvaluationDetails{Value: r.Value, EvaluationDetails: r.EvaluationDetails}, err
	case "integer":
		r, err := c.IntValueDetails(ctx, key, def.(int64), about, o...)
		return openfeature.InterfaceEvaluationDetails{Value: r.Value, EvaluationDetails: r.EvaluationDetails}, err
	case "float":
		r, err := c.FloatValueDetails(ctx, key, def.(float64), about, o...)
		return openfeature.InterfaceEvaluationDetails{Value: r.Value, EvaluationDetails: r.EvaluationDetails}, err
	}
	return c.ObjectValueDetails(ctx, key, def, about, o...)
}

func valueOf(kind, text string) (v any, err error) {
	switch kind {
	case "boolean":
		return strconv.ParseBool(text)
	case "integer":
		return strconv.ParseInt(text, 10, 64)
	case "float":
		return strconv.ParseFloat(text, 64)
	case "object":
		err = json.Unmarshal([]byte(strings.ReplaceAll(text, `\"`, `"`)), &v)
		return v, err
	}
	return text, nil
}

func same(what string, got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%s is %#v, not %#v", what, got, want)
	}
	return nil
}
