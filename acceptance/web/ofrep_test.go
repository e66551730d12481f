package web_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The provider for servers asks for one flag at a time.
func TestOFREPProviderInNode(t *testing.T) {
	w := newWorld(t)
	node := inNode(t, "ofrep", map[string]any{
		"baseUrl": w.URL(), "headers": [][]string{{"Authorization", "Bearer " + w.Server}},
	})
	ann, eve := map[string]any{"targetingKey": "ann"}, map[string]any{"targetingKey": "eve"}
	for _, c := range []struct {
		name string
		asks question
		want details
	}{
		{"true or false, by bucket", question{"checkout-v2", "boolean", false, eve}, details{Value: true, Variant: "on", Reason: "SPLIT"}},
		{"a string, for everybody", question{"banner", "string", "none", ann}, details{Value: "festive", Variant: "on", Reason: "STATIC"}},
		{"a whole number", question{"results", "number", 1, ann}, details{Value: 25.0, Variant: "on", Reason: "STATIC"}},
		{"a fraction", question{"share", "number", 1, ann}, details{Value: 0.25, Variant: "on", Reason: "STATIC"}},
		{"an object", question{"theme", "object", map[string]any{}, ann}, details{Value: map[string]any{"ink": "#23302b", "steps": []any{1.0, 2.0}}, Variant: "on", Reason: "STATIC"}},
		{"off for everybody", question{"nobody-yet", "boolean", true, ann}, details{Value: false, Variant: "off", Reason: "STATIC"}},
		{"named in a rule", question{"staff-first", "boolean", false, ann}, details{Value: true, Variant: "on", Reason: "TARGETING_MATCH"}},
		{"no attribute that makes eligible", question{"europe", "boolean", true, ann}, details{Value: false, Variant: "off", Reason: "UNKNOWN"}},
		{"a flag that is not there", question{"no-such-flag", "string", "mine", ann}, details{Value: "mine", Reason: "ERROR", ErrorCode: "FLAG_NOT_FOUND"}},
		{"another type than the flag's", question{"banner", "boolean", true, ann}, details{Value: true, Reason: "ERROR", ErrorCode: "TYPE_MISMATCH"}},
		{"nobody to bucket", question{"checkout-v2", "boolean", true, map[string]any{}}, details{Value: true, Reason: "ERROR", ErrorCode: "TARGETING_KEY_MISSING"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := node.ask(c.asks)[0]
			if c.want.ErrorCode == "" {
				require.Equal(t, environment, got.FlagMetadata["flagSetId"])
				require.NotZero(t, got.FlagMetadata["flagVersion"])
			}
			c.want.FlagKey, got.FlagMetadata = c.asks.Flag, nil
			require.Equal(t, c.want, got)
		})
	}
	t.Run("killed", func(t *testing.T) {

		w.kill("banner")
		asks := question{"banner", "string", "none", ann}
		require.Eventually(t, func() bool { return node.ask(asks)[0].Value == "plain" }, patience, tick)
		require.Equal(t, "DISABLED", node.ask(asks)[0].Reason)

	})
}

func TestOFREPProviderIsToldThatItsTokenIsNoGood(t *testing.T) {
	w := newWorld(t)
	for name, token := range map[string]string{"none": "", "another": "rampart_server_AAAA"} {
		t.Run(name, func(t *testing.T) {
			node := inNode(t, "ofrep", map[string]any{
				"baseUrl": w.URL(), "headers": [][]string{{"Authorization", "Bearer " + token}},
			})
			got := node.ask(question{"banner", "string", "mine", map[string]any{"targetingKey": "ann"}})[0]
			require.Equal(t, "mine", got.Value)
			require.Equal(t, "ERROR", got.Reason)
			require.Equal(t, "GENERAL", got.ErrorCode)
		})
	}
}
