package notices

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/internal/settings"
)

// webhook posts notices, signed, to a service of the operator's.
type webhook struct {
	name   string
	url    string
	secret []byte
	client *http.Client
	now    func() time.Time
}

// Parameters of a webhook's URL that name its secret. They are not sent.
const (
	paramSecretEnv  = "secret-env"
	paramSecretFile = "secret-file"
)

func newWebhook(name string, u *url.URL, o Options) (*webhook, error) {
	if u.Host == "" {
		return nil, rampart.Errorf(rampart.Invalid, "the webhook %s has no host", name).WithHint("write webhook+https://host/path?secret-env=NAME")
	}
	query := u.Query()
	secret, err := webhookSecret(name, query)
	if err != nil {
		return nil, err
	}
	query.Del(paramSecretEnv)
	query.Del(paramSecretFile)
	target := *u
	target.Scheme, target.RawQuery = strings.TrimPrefix(u.Scheme, "webhook+"), query.Encode()
	transport := o.HTTP
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxResponseHeaderBytes = maxAnswer
		transport = own
	}
	return &webhook{name: name, url: target.String(), secret: secret, now: o.Now, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// minSecret is the least that Standard Webhooks allows, 192 bits.
const minSecret = 24

// webhookSecret reads the secret that a URL names, in the form that is usual for
// webhooks: base64, with or without the prefix whsec_.
func webhookSecret(name string, query url.Values) ([]byte, error) {
	env, file := query.Get(paramSecretEnv), query.Get(paramSecretFile)
	text, where := os.Getenv(env), "the variable "+env
	if file != "" {
		var err error
		if text, err = settings.Secret(file); err != nil {
			return nil, fmt.Errorf("webhook %s: %w", name, err)
		}
		where = file
	}
	const hint = "make one with: openssl rand -base64 32; name it with ?secret-env=NAME or ?secret-file=PATH"
	if env == "" && file == "" {
		return nil, rampart.Errorf(rampart.Invalid, "the webhook %s names no secret to sign with", name).WithHint(hint)
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(text), "whsec_"))
	if err != nil || len(secret) < minSecret { // the error would quote the secret
		return nil, rampart.Errorf(rampart.Invalid, "%s holds no secret for webhook %s: it must be base64 of at least %d bytes", where, name, minSecret).WithHint(hint)
	}
	return secret, nil
}

// An event is the body of a webhook, in the form that Standard Webhooks recommends.
type event struct {
	Type      string            `json:"type"`      // launch.EVENT
	Timestamp time.Time         `json:"timestamp"` // of the notice
	Data      activities.Notice `json:"data"`
}

// maxAnswer is how much of an answer is read: enough to use the connection again.
const maxAnswer = 16 << 10

func (w *webhook) send(ctx context.Context, n activities.Notice) error {
	body, err := json.Marshal(event{Type: "launch." + n.Event, Timestamp: time.UnixMilli(n.At).UTC(), Data: n})
	if err != nil {
		return fmt.Errorf("webhook %s: %w", w.name, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return rampart.Errorf(rampart.Refused, "the address of webhook %s is not a URL", w.name)
	}
	at := strconv.FormatInt(w.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "rampart")
	req.Header.Set("webhook-id", n.ID)
	req.Header.Set("webhook-timestamp", at)
	req.Header.Set("webhook-signature", sign(w.secret, n.ID, at, body))
	resp, err := w.client.Do(req)
	if err != nil {
		return rampart.Errorf(rampart.Unreachable, "the webhook %s does not answer: %s", w.name, failure(err))
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	return w.answered(resp.StatusCode)
}

// sign returns the signature of a body by Standard Webhooks, version 1.
func sign(secret []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// answered sorts answers into taken, refused for good, and to be tried again.
func (w *webhook) answered(status int) error {
	again := status == http.StatusRequestTimeout || status == http.StatusTooManyRequests
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return rampart.Errorf(rampart.Refused, "the webhook %s redirects (%d), which is not followed", w.name, status).
			WithHint("name the address that it redirects to")
	case status >= 400 && status < 500 && !again:
		return rampart.Errorf(rampart.Refused, "the webhook %s refuses the notice with status %d", w.name, status).
			WithHint("check its address, and that both sides have the same secret")
	}
	return rampart.Errorf(rampart.Unreachable, "the webhook %s answers with status %d", w.name, status)
}

// failure says why a request failed, without the URL that the error of an HTTP
// client begins with, and that may hold a secret.
func failure(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout() {
		return "no answer in time"
	}
	return err.Error()
}
