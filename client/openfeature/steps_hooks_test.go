package openfeature_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cucumber/godog"
	"github.com/open-feature/go-sdk/openfeature"
)

// A specHook remembers the stages it was called in, and with what.
type specHook struct {
	name    string
	order   *[]string // of all hooks
	stages  []string
	details map[string]openfeature.InterfaceEvaluationDetails
	adds    *openfeature.EvaluationContext
	merged  openfeature.EvaluationContext
}

func (h *specHook) note(stage string) {
	h.stages = append(h.stages, stage)
	if h.order != nil {
		*h.order = append(*h.order, stage+" "+h.name)
	}
}

func (h *specHook) Before(context.Context, openfeature.HookContext, openfeature.HookHints) (*openfeature.EvaluationContext, error) {
	h.note("before")
	return h.adds, nil
}

func (h *specHook) After(_ context.Context, hc openfeature.HookContext, d openfeature.InterfaceEvaluationDetails, _ openfeature.HookHints) error {
	h.note("after")
	h.details["after"], h.merged = d, hc.EvaluationContext()
	return nil
}

func (h *specHook) Error(context.Context, openfeature.HookContext, error, openfeature.HookHints) {
	h.note("error")
}

func (h *specHook) Finally(_ context.Context, _ openfeature.HookContext, d openfeature.InterfaceEvaluationDetails, _ openfeature.HookHints) {
	h.note("finally")
	h.details["finally"] = d
}

func (w *world) newHook(name string, order *[]string) *specHook {
	h := &specHook{name: name, order: order, details: map[string]openfeature.InterfaceEvaluationDetails{}}
	w.hooks = append(w.hooks, h)
	return h
}

func (w *world) defineHooks(sc *godog.ScenarioContext) {
	var order []string
	sc.Step(`^a client with added hook$`, func() { w.client.AddHooks(w.newHook("added", nil)) })
	sc.Step(`^the "([^"]*)" hook should have been executed$`, func(stage string) error {
		return same(stage+" was called", slices.Contains(w.hooks[0].stages, stage), true)
	})
	sc.Step(`^the "([^"]*)" hooks? should be called with evaluation details$`, func(stages string, table *godog.Table) error {
		for stage := range strings.SplitSeq(stages, ", ") {
			d, called := w.hooks[0].details[stage]
			if !called {
				return fmt.Errorf("%s was not called", stage)
			}
			if err := detailsAre(d, table); err != nil {
				return fmt.Errorf("%s: %w", stage, err)
			}
		}
		return nil
	})
	sc.Step(`^evaluation options containing specific hooks$`, func() {
		order = nil
		w.options = append(w.options, openfeature.WithHooks(w.newHook("first", &order), w.newHook("second", &order)))
	})
	sc.Step(`^the specified hooks should execute during evaluation$`, func() error {
		return same("stages", w.hooks[0].stages, []string{"before", "after", "finally"})
	})
	sc.Step(`^the hook order should be maintained$`, func() error {
		return same("order", order, []string{"before first", "before second", "after second", "after first", "finally second", "finally first"})
	})
}

func detailsAre(d openfeature.InterfaceEvaluationDetails, table *godog.Table) error {
	is := map[string]any{"flag_key": d.FlagKey, "value": d.Value, "variant": d.Variant, "reason": string(d.Reason), "error_code": string(d.ErrorCode)}
	for _, row := range table.Rows[1:] {
		key, text := row.Cells[1].Value, row.Cells[2].Value
		if text == "null" {
			text = ""
		}
		want, err := valueOf(row.Cells[0].Value, text)
		if err != nil {
			return err
		}
		if err := same(key, is[key], want); err != nil {
			return err
		}
	}
	return nil
}

// defineMerging defines the steps of contextMerging.feature. The merged context is what
// hooks see after the evaluation.
func (w *world) defineMerging(sc *godog.ScenarioContext) {
	sc.Step(`^A context entry with key "([^"]*)" and value "([^"]*)" is added to the "([^"]*)" level$`, w.addAt)
	sc.Step(`^A table with levels of increasing precedence$`, func(table *godog.Table) {
		for _, row := range table.Rows {
			w.levels = append(w.levels, row.Cells[0].Value)
		}
	})
	sc.Step(`^Context entries for each level from API level down to the "([^"]*)" level, with key "([^"]*)" and value "[^"]*"$`, func(last, key string) error {
		for _, level := range w.levels {
			if err := w.addAt(key, level, level); err != nil {
				return err
			}
			if level == last {
				return nil
			}
		}
		return fmt.Errorf("no level %q", last)
	})
	sc.Step(`^Some flag was evaluated$`, func() error {
		h := w.newHook("merged", nil)
		if at, ok := w.at["Before Hooks"]; ok {
			h.adds = &at
		}
		w.options = append(w.options, openfeature.WithHooks(h))
		w.kind, w.key, w.def = "boolean", "boolean-flag", false
		return w.evaluate()
	})
	sc.Step(`^The merged context contains an entry with key "([^"]*)" and value "([^"]*)"$`, func(key, want string) error {
		return same(key, w.hooks[0].merged.Attribute(key), want)
	})
}

func (w *world) addAt(key, value, level string) error {
	at := openfeature.NewTargetlessEvaluationContext(map[string]any{key: value})
	w.at[level] = at
	switch level {
	case "API":
		w.api.SetEvaluationContext(at)
	case "Transaction":
		w.ctx = openfeature.WithTransactionContext(w.ctx, at)
	case "Client":
		w.client.SetEvaluationContext(at)
	case "Invocation", "Before Hooks":
	default:
		return fmt.Errorf("no level %q", level)
	}
	return nil
}
