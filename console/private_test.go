package console_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/console"
	"github.com/rampart-dev/rampart/console/access"
)

// Who is asked about, what is known of them and what lets in is in no log, however much
// is logged, and in no metric; whether the question is answered or refused.
func TestNothingOfAUserIsLoggedOrCounted(t *testing.T) {
	store, reach, _ := openStore(t)
	put(t, store, "checkout-v2", 1, rampart.Full)
	file, secrets := tokenFile(t, access.Token{Name: "shop", Kind: access.Server, Environment: production})
	var log bytes.Buffer
	c := start(t, console.Config{
		Store: reach, Tokens: file, AccessLog: true,
		Log: zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.Lock(zapcore.AddSync(&log)), zap.DebugLevel)),
	})
	c.token = secrets["shop"]
	link := c.link()

	const about = `{"targetingKey":"key-of-ann","requestId":"request-of-ann","email":"mail-of-ann","plan":{"card":"card-of-ann"}}`
	const bulk, single = "/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/checkout-v2"
	for name, q := range map[string]struct {
		path, body, token string
		status            int
	}{
		"answered":             {single, `{"context":` + about + `}`, c.token, http.StatusOK},
		"answered as a whole":  {bulk, `{"context":` + about + `}`, c.token, http.StatusOK},
		"not to be read":       {bulk, `{"context":` + about, c.token, http.StatusBadRequest},
		"not understood":       {single, `{"context":[` + about + `]}`, c.token, http.StatusBadRequest},
		"of a flag unheard of": {bulk + "/unheard-of", `{"context":` + about + `}`, c.token, http.StatusNotFound},
		"without a right to":   {bulk, `{"context":` + about + `}`, "guess-of-ann", http.StatusUnauthorized},
	} {
		resp, answer := c.ask(http.MethodPost, q.path, q.body, "Authorization", "Bearer "+q.token)
		require.Equal(t, q.status, resp.StatusCode, name)
		if resp.StatusCode == http.StatusBadRequest {
			require.NotContains(t, answer, "of-ann", "an error quotes nobody")
		}
	}
	_, _ = c.dial(link)
	resp, err := http.Get("http://" + c.addr["metrics"] + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	metrics, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, c.end())

	require.Contains(t, log.String(), `"status":404`, "requests are logged")
	for _, private := range []string{"of-ann", c.token, "signature=", "X-API-Key"} {
		require.NotContains(t, log.String(), private)
		require.NotContains(t, string(metrics), private)
	}
}
