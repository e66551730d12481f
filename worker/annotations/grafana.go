package annotations

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/settings"
)

// Grafana says where a Grafana is, and who asks it.
type Grafana struct {
	URL       string // http or https, with the path that Grafana is served under
	Token     string // of a service account that may write annotations
	TokenFile string // read again for every request, so that it can be rotated
}

// An annotation is one mark, as Grafana's HTTP API has it.
type annotation struct {
	Time    int64    `json:"time"` // ms since 1970
	TimeEnd int64    `json:"timeEnd,omitempty"`
	Tags    []string `json:"tags"`
	Text    string   `json:"text"`
}

// grafana speaks to one.
type grafana struct {
	base   *url.URL
	config Grafana
	client *http.Client
}

const (
	// requestTimeout bounds each question. Nothing waits for it but other annotations.
	requestTimeout = 10 * time.Second
	// maxAnswer is how much of an answer is read.
	maxAnswer = 256 << 10
)

func newGrafana(c Grafana) (*grafana, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, rampart.Errorf(rampart.Invalid, "the address of Grafana is not a URL").WithHint("write it as http://localhost:3000")
	}
	if u.User != nil {
		return nil, rampart.Errorf(rampart.Invalid, "the address of Grafana holds a password").
			WithHint("give the token of a service account with RAMPART_GRAFANA_TOKEN or --grafana-token-file")
	}
	if c.Token == "" && c.TokenFile == "" {
		return nil, rampart.Errorf(rampart.Invalid, "Grafana is to be annotated, and there is no token for it").
			WithHint("make a service account that may write annotations; give its token with RAMPART_GRAFANA_TOKEN or --grafana-token-file")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = maxAnswer
	return &grafana{base: u, config: c, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token stays here
	}}, nil
}

// has reports whether there is an annotation with all of the tags.
func (g *grafana) has(ctx context.Context, tags ...string) (bool, error) {
	q := url.Values{"tags": tags, "limit": {"1"}}
	body, err := g.ask(ctx, http.MethodGet, q.Encode(), nil)
	if err != nil {
		return false, err
	}
	var found []json.RawMessage
	if err := json.Unmarshal(body, &found); err != nil {
		return false, rampart.Errorf(rampart.Unreachable, "Grafana at %s does not answer with annotations", g.base.Host)
	}
	return len(found) > 0, nil
}

// mark makes an annotation.
func (g *grafana) mark(ctx context.Context, a annotation) error {
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("annotate: %w", err)
	}
	_, err = g.ask(ctx, http.MethodPost, "", body)
	return err
}

func (g *grafana) ask(ctx context.Context, method, query string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	token := g.config.Token
	if g.config.TokenFile != "" {
		var err error
		if token, err = settings.Secret(g.config.TokenFile); err != nil {
			return nil, err
		}
	}
	target := *g.base
	target.Path = strings.TrimSuffix(target.Path, "/") + "/api/annotations"
	target.RawQuery = query
	req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, rampart.Errorf(rampart.Unexpected, "the address of Grafana is not a URL")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "rampart")
	resp, err := g.client.Do(req)
	if err != nil {
		return nil, rampart.Errorf(rampart.Unreachable, "Grafana at %s does not answer: %s", g.base.Host, failure(err))
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, rampart.Errorf(rampart.Unreachable, "Grafana at %s does not answer: %s", g.base.Host, failure(err))
	}
	return answer, g.answered(resp.StatusCode)
}

// answered sorts answers into taken, refused for good, which is of kind Refused, and to
// be tried again. Who may do what is mended in Grafana, so a refused token is the latter.
func (g *grafana) answered(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return rampart.Errorf(rampart.Unreachable, "Grafana at %s refuses the token (%d)", g.base.Host, status).
			WithHint("give the service account the permission annotations:create and annotations:read, or rotate its token")
	case status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity:
		return rampart.Errorf(rampart.Refused, "Grafana at %s refuses the annotation (%d)", g.base.Host, status)
	}
	return rampart.Errorf(rampart.Unreachable, "Grafana at %s answers with status %d", g.base.Host, status).
		WithHint("check --grafana: it is the address of Grafana itself, with the path that it is served under")
}

// failure says why a request failed, without its URL.
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
