package openfeature_test

import (
	"fmt"
	"strconv"

	"github.com/cucumber/godog"
	"github.com/open-feature/go-sdk/openfeature"
)

// defineOlder defines the steps of evaluation.feature, which has sentences of its own.
func (w *world) defineOlder(sc *godog.ScenarioContext) {
	sc.Step(`^an? (boolean|string|integer|float) flag with key "([^"]*)" is evaluated with (?:details and )?default value "?([^"]*)"?$`, w.given)
	sc.Step(`^an object flag with key "([^"]*)" is evaluated with (?:details and )?a null default value$`, func(key string) error {
		w.kind, w.key, w.def = "object", key, nil
		return w.evaluate()
	})
	sc.Step(`^the resolved (?:boolean|string|integer|float) value should be "?([^"]*)"?$`, w.valueIs)
	sc.Step(`^the resolved (?:boolean|string|integer|float) details value should be "?([^",]*)"?, the variant should be "([^"]*)", and the reason should be "([^"]*)"$`, func(value, variant, reason string) error {
		if err := w.valueIs(value); err != nil {
			return err
		}
		return w.variantAndReason(variant, reason)
	})
	sc.Step(`^the resolved object (?:details )?value should be contain fields "([^"]*)", "([^"]*)", and "([^"]*)", with values "([^"]*)", "([^"]*)" and (\d+), respectively$`, func(a, b, c, x, y string, z int) error {
		yes, err := strconv.ParseBool(x)
		if err != nil {
			return err
		}
		return same("object", w.details.Value, map[string]any{a: yes, b: y, c: float64(z)})
	})
	sc.Step(`^the variant should be "([^"]*)", and the reason should be "([^"]*)"$`, w.variantAndReason)
	sc.Step(`^context contains keys "([^"]*)", "([^"]*)", "([^"]*)", "([^"]*)" with values "([^"]*)", "([^"]*)", (\d+), "([^"]*)"$`, func(a, b, c, d, x, y string, z int, u string) (err error) {
		w.about[a], w.about[b], w.about[c] = x, y, z
		w.about[d], err = strconv.ParseBool(u)
		return err
	})
	sc.Step(`^a flag with key "([^"]*)" is evaluated with default value "([^"]*)"$`, func(key, def string) error { return w.given("string", key, def) })
	sc.Step(`^the resolved string response should be "([^"]*)"$`, w.valueIs)
	sc.Step(`^the resolved flag value is "([^"]*)" when the context is empty$`, func(want string) error {
		clear(w.about)
		if err := w.evaluate(); err != nil {
			return err
		}
		return w.valueIs(want)
	})
	sc.Step(`^a non-existent string flag with key "([^"]*)" is evaluated with details and a fallback value "([^"]*)"$`, func(key, def string) error { return w.given("string", key, def) })
	sc.Step(`^a string flag with key "([^"]*)" is evaluated as an integer, with details and a fallback value (\d+)$`, func(key, def string) error { return w.given("integer", key, def) })
	sc.Step(`^the default (?:string|integer) value should be returned$`, func() error { return same("value", w.details.Value, w.def) })
	sc.Step(`^the reason should indicate an error and the error code should indicate a (?:missing flag|type mismatch) with "([^"]*)"$`, func(code string) error {
		if w.err == nil || w.details.Reason != openfeature.ErrorReason {
			return fmt.Errorf("reason is %s, error %w", w.details.Reason, w.err)
		}
		return same("error code", string(w.details.ErrorCode), code)
	})
}

func (w *world) given(kind, key, def string) (err error) {
	w.kind, w.key = kind, key
	if w.def, err = valueOf(kind, def); err != nil {
		return err
	}
	return w.evaluate()
}

func (w *world) valueIs(text string) error {
	want, err := valueOf(w.kind, text)
	if err != nil {
		return err
	}
	return same("value", w.details.Value, want)
}

func (w *world) variantAndReason(variant, reason string) error {
	if err := same("variant", w.details.Variant, variant); err != nil {
		return err
	}
	return same("reason", string(w.details.Reason), reason)
}
