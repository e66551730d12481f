package ofrep_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/console/access"
	"github.com/rampart-dev/rampart/console/ofrep"
	"github.com/rampart-dev/rampart/flagstore"
)

// A name stands before every name that is in it, so a body of 64 KiB could come to
// hundreds of megabytes of attributes.
func TestAContextIsBoundedAllTheWayDown(t *testing.T) {
	flags, err := client.Open(t.Context(), client.Options{
		Feed: &feed{changes: make(chan flagstore.Change)}, Environment: production, Service: "console",
		Wait: time.Minute, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = flags.Close() })
	grants, err := access.Open(access.Options{Environment: production})
	require.NoError(t, err)
	mux := http.NewServeMux()
	ofrep.New(ofrep.Options{Flags: flags, Environment: production, Grants: grants, Addresses: access.NewAddresses(access.Rate{}), Log: zap.NewNop()}).Route(mux)

	properties := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`"%d":1`, i)
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	for name, c := range map[string]struct {
		context, says string
		status        int
	}{
		"as many as it may have":        {properties(200), `"flags":[]`, 200},
		"too many":                      {properties(201), "more than 200 properties", 400},
		"too many in an object":         {`{"user":` + properties(200) + `}`, "more than 200 properties", 400},
		"too many in several":           {`{"a":` + properties(100) + `,"b":{"c":` + properties(100) + `}}`, "more than 200 properties", 400},
		"a long name":                   {`{"` + strings.Repeat("n", 257) + `":1}`, "more than 256 bytes", 400},
		"a long name before short ones": {`{"` + strings.Repeat("n", 32<<10) + `":` + properties(100) + `}`, "more than 256 bytes", 400},
	} {
		t.Run(name, func(t *testing.T) {
			answer := httptest.NewRecorder()
			mux.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/ofrep/v1/evaluate/flags", strings.NewReader(`{"context":`+c.context+`}`)))
			require.Equal(t, c.status, answer.Code, answer.Body)
			require.Contains(t, answer.Body.String(), c.says)
		})
	}
}
