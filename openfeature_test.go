package rampart_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func TestEveryReasonHasItsWordInOpenFeature(t *testing.T) {
	reasons := map[string]bool{"STATIC": true, "DEFAULT": true, "TARGETING_MATCH": true, "SPLIT": true, "DISABLED": true, "ERROR": true}
	codes := map[string]bool{"PROVIDER_NOT_READY": true, "FLAG_NOT_FOUND": true, "TARGETING_KEY_MISSING": true, "TYPE_MISMATCH": true}
	for r := rampart.ReasonDefault; r.String() != "UNKNOWN"; r++ {
		require.True(t, reasons[r.Standard()], "%s is %q", r, r.Standard())
		require.Equal(t, r.Default(), r.Standard() == "ERROR", r)
		require.Equal(t, r.Default(), codes[r.ErrorCode()], "%s is %q", r, r.ErrorCode())
		if !r.Default() {
			require.Empty(t, r.ErrorCode(), r)
		}
	}
}

func TestVariantNamesTheValueThatIsServed(t *testing.T) {
	require.Equal(t, "on", rampart.Decision{On: true, Reason: rampart.ReasonSplit}.Variant())
	require.Equal(t, "off", rampart.Decision{Reason: rampart.ReasonKilled}.Variant())
	require.Empty(t, rampart.Decision{Reason: rampart.ReasonNoUnit}.Variant())
}
