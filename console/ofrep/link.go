package ofrep

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/rampart-dev/rampart/console/access"
)

// streamAt tells a client where events are.
type streamAt struct {
	Type       string    `json:"type"`
	URL        string    `json:"url,omitempty"`
	Endpoint   *endpoint `json:"endpoint,omitempty"`
	Inactivity int       `json:"inactivityDelaySec"`
}

// endpoint leaves the origin to the client, which knows how it has reached us.
type endpoint struct {
	RequestURI string `json:"requestUri"`
}

const (
	inactivity = 120 // seconds; the default of the protocol, said so that nobody must know

	// A link is good for one of these at least, and for two at most. It is the same
	// for as long, so that clients do not connect anew and the ETag stays.
	linkTerm = time.Hour
)

// streams returns the link to the events of a token. A browser cannot send a token
// with it, and a token in an address would end up in logs; so the link shows a
// signature instead, which is good for this alone and for an hour or two.
func (h *Handler) streams(grant *access.Grant) []streamAt {
	uri := streamPath
	if !h.Grants.Open() {
		until := h.Now().Truncate(linkTerm).Add(2 * linkTerm).Unix()
		uri += "?" + url.Values{
			"token": {grant.Name}, "until": {strconv.FormatInt(until, 10)}, "signature": {h.sign(grant, until)},
		}.Encode()
	}
	s := streamAt{Type: "sse", Inactivity: inactivity}
	if h.PublicURL != nil {
		s.URL = h.PublicURL.String() + uri
	} else {
		s.Endpoint = &endpoint{uri}
	}
	return []streamAt{s}
}

// sign needs no key beside the tokens. What the console keeps of a token is known to
// whoever has the token and to every console that reads the same file, so all of them
// agree, restarts change nothing, and a token that is taken back takes its links along.
func (h *Handler) sign(grant *access.Grant, until int64) string {
	mac := hmac.New(sha256.New, grant.Hash[:])
	fmt.Fprintf(mac, "rampart event stream 1\n%s\n%s\n%d", h.Environment, grant.Name, until)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// follow returns the grant of a link.
func (h *Handler) follow(q url.Values) (*access.Grant, error) {
	grant, err := h.Grants.Named(q.Get("token"))
	if err != nil {
		return nil, access.ErrUnknown
	}
	if h.Grants.Open() {
		return grant, nil
	}
	until, err := strconv.ParseInt(q.Get("until"), 10, 64)
	if err != nil || !hmac.Equal([]byte(q.Get("signature")), []byte(h.sign(grant, until))) || h.Now().Unix() >= until {
		return nil, access.ErrUnknown
	}
	return grant, nil
}
