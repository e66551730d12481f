package notices_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/worker/notices"
)

// key is a secret of 32 bytes, in base64.
const key = "c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlISE="

var notice = activities.Notice{
	ID: "run-1/7", Event: "turned-back", Flag: "checkout-v2", Environment: "production", Owner: "team-payments",
	Launch: "launch/production/checkout-v2", Text: "checkout-v2 turned back: errors 4 % > 1 %", At: 1_800_000_000_000,
	Urgent: true, Receipt: &rampart.Receipt{Text: "Off everywhere after 45 s."},
}

// received is a request as the receiver saw it.
type received struct {
	header http.Header
	query  string
	body   []byte
}

// receiver starts a server that answers with a status and hands over what it got.
func receiver(t *testing.T, status int) (host string, got chan received) {
	got = make(chan received, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- received{r.Header.Clone(), r.URL.RawQuery, b}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://"), got
}

func TestWebhookIsSignedSoThatAReceiverCanVerifyIt(t *testing.T) {
	t.Setenv("HOOK_SECRET", "whsec_"+key)
	host, got := receiver(t, http.StatusNoContent)
	now := time.Unix(1_800_000_042, 0)
	c, err := notices.New([]string{"hook=webhook+http://" + host + "/in?team=a&secret-env=HOOK_SECRET"},
		notices.Options{Now: func() time.Time { return now }})
	require.NoError(t, err)

	require.NoError(t, c.Notify(context.Background(), "hook", notice))

	r := <-got
	require.Equal(t, "team=a", r.query)
	require.Equal(t, "run-1/7", r.header.Get("webhook-id"))
	require.Equal(t, "1800000042", r.header.Get("webhook-timestamp"))
	secret, err := base64.StdEncoding.DecodeString(key)
	require.NoError(t, err)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("run-1/7.1800000042." + string(r.body)))
	require.Equal(t, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)), r.header.Get("webhook-signature"))
	var body struct {
		Type      string
		Timestamp time.Time
		Data      activities.Notice
	}
	require.NoError(t, json.Unmarshal(r.body, &body))
	require.Equal(t, "launch.turned-back", body.Type)
	require.Equal(t, notice, body.Data)
	require.Equal(t, notice.At, body.Timestamp.UnixMilli())
}

func TestAnswersOfAWebhook(t *testing.T) {
	t.Setenv("HOOK_SECRET", key)
	for _, c := range []struct {
		name   string
		status int
		want   rampart.Kind
		bad    string
	}{
		{"taken", http.StatusOK, 0, ""},
		{"a refusal is final", http.StatusForbidden, rampart.Refused, "refuses the notice with status 403"},
		{"gone is final", http.StatusGone, rampart.Refused, "status 410"},
		{"a redirect is not followed", http.StatusTemporaryRedirect, rampart.Refused, "redirects (307)"},
		{"a time-out is tried again", http.StatusRequestTimeout, rampart.Unreachable, "status 408"},
		{"too many requests are tried again", http.StatusTooManyRequests, rampart.Unreachable, "status 429"},
		{"a failure is tried again", http.StatusInternalServerError, rampart.Unreachable, "status 500"},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, got := receiver(t, c.status)
			channels, err := notices.New([]string{"hook=webhook+http://" + host + "/s3cret?secret-env=HOOK_SECRET"}, notices.Options{})
			require.NoError(t, err)
			err = channels.Notify(context.Background(), "hook", notice)
			require.Len(t, got, 1)
			if c.bad == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.bad)
			require.Equal(t, c.want, rampart.KindOf(err))
			require.NotContains(t, err.Error()+rampart.HintOf(err), "s3cret")
		})
	}
}

func TestServiceGetsTheNoticeAsText(t *testing.T) {
	host, got := receiver(t, http.StatusOK)
	c, err := notices.New([]string{"chat=generic://" + host + "/in?disabletls=yes"}, notices.Options{
		Link: func(id string) string { return "http://ui/" + id },
	})
	require.NoError(t, err)
	require.NoError(t, c.Notify(context.Background(), "chat", notice))
	require.Equal(t, "URGENT: checkout-v2 turned back: errors 4 % > 1 % (checkout-v2, production, team-payments)\n"+
		"Off everywhere after 45 s.\n2027-01-15 08:00:00 UTC\nhttp://ui/launch/production/checkout-v2", string((<-got).body))
}

func TestServiceThatHangsIsGivenUpAndDoesNotPileUp(t *testing.T) {
	release := make(chan struct{})
	asked := make(chan struct{}, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(release) })
	c, err := notices.New([]string{"chat=generic://" + strings.TrimPrefix(srv.URL, "http://") + "/s3cret?disabletls=yes"}, notices.Options{})
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-asked; cancel() }()
	require.ErrorContains(t, c.Notify(ctx, "chat", notice), "no answer in time")
	require.ErrorContains(t, c.Notify(ctx, "chat", notice), "busy with an earlier notice")
	require.Empty(t, asked)
}

func TestNoErrorShowsAPartOfAURL(t *testing.T) {
	down := httptest.NewServer(nil)
	host := strings.TrimPrefix(down.URL, "http://")
	down.Close()
	t.Setenv("HOOK_SECRET", key)
	t.Setenv("SHORT_SECRET", "c2hvcnQ=")
	for _, pair := range []string{
		"chat=generic://" + host + "/t0ken99/s3cret?disabletls=yes",
		"hook=webhook+http://" + host + "/t0ken99/s3cret?secret-env=HOOK_SECRET",
		"hook=webhook+http://t0ken99.example.com/s3cret",
		"hook=webhook+http://t0ken99.example.com/s3cret?secret-env=SHORT_SECRET",
		"slack=slack://t0ken99-s3cret",
		"nothing=unheard-of://t0ken99:s3cret@host",
		"t0ken99 s3cret",
		"bad=http://t0ken99 s3cret\x00",
		"mail=smtp://t0ken99:s3cret@" + host + "/?from=a@b&to=c@d",
	} {
		c, err := notices.New([]string{pair}, notices.Options{})
		if err == nil {
			err = c.Notify(context.Background(), strings.Split(pair, "=")[0], notice)
		}
		require.Error(t, err, pair)
		for _, secret := range []string{"t0ken99", "s3cret", "c2hvcnQ"} {
			require.NotContains(t, err.Error()+rampart.HintOf(err), secret, pair)
		}
	}
}

func TestUnknownChannelIsNotFoundAndTheHintNamesTheKnownOnes(t *testing.T) {
	c, err := notices.New([]string{"b=log:", "a=log:"}, notices.Options{})
	require.NoError(t, err)
	err = c.Notify(context.Background(), "payments", notice)
	require.Equal(t, rampart.NotFound, rampart.KindOf(err))
	require.ErrorContains(t, err, "knows no channel payments")
	require.Contains(t, rampart.HintOf(err), "a, b")
}

func TestEveryWrongPairIsNamed(t *testing.T) {
	_, err := notices.New([]string{"a=log:", "a=log:", "B=log:", "c=logger:"}, notices.Options{})
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
	require.ErrorContains(t, err, "channel a is there twice")
	require.ErrorContains(t, err, "NAME=URL")
	require.ErrorContains(t, err, "channel c is of kind logger")
}

func TestLogChannelWritesToTheLog(t *testing.T) {
	core, seen := observer.New(zap.InfoLevel)
	c, err := notices.New([]string{"dev=log:"}, notices.Options{Log: zap.New(core)})
	require.NoError(t, err)
	require.NoError(t, c.Notify(context.Background(), "dev", notice))
	require.Equal(t, 1, seen.FilterMessage("notice").FilterField(zap.String("id", "run-1/7")).Len())
}

func TestReadTakesAPairALine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "channels")
	require.NoError(t, os.WriteFile(file, []byte("# channels\n\n a=log: \nb=log:"), 0o600))
	pairs, err := notices.Read(file)
	require.NoError(t, err)
	require.Equal(t, []string{"a=log:", "b=log:"}, pairs)
	_, err = notices.Read(file + ".not")
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
}
