package client

import (
	"net/http"
	"slices"
	"time"

	"github.com/rampart-dev/rampart"
)

// Middleware ties each request to its subject, so that handlers can ask flags by
// context, and counts each request once on every flag with a launch that was
// decided for it: its outcome, its duration and its user.
//
// The outcome is error for a status of 500 and above and for a panic, which goes
// on to whoever recovers it. A subject without a Request gets the trace id of the
// traceparent header, or a random one, so that flags by request work.
//
// It is made for the edge: what callers say in Rampart's name in the baggage header is
// not believed, and taken out, so that nothing behind believes it either.
// [TrustingMiddleware] is for services behind.
func Middleware(c *Client, subject func(*http.Request) rampart.Subject) func(http.Handler) http.Handler {
	return TrustingMiddleware(c, nil, subject)
}

// TrustingMiddleware is [Middleware] which believes the baggage of those callers that
// are trusted, as [Client.Receive] says. They must be services that authenticated
// themselves, say by a certificate, or that a network lets through which users cannot
// reach: whoever writes the baggage chooses the arm. Nil trusts nobody.
func TrustingMiddleware(c *Client, trusted func(*http.Request) bool, subject func(*http.Request) rampart.Subject) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			in := incoming(req, trusted)
			ctx, r := c.Receive(req.Context(), subject(req), in)
			observed := &response{ResponseWriter: w}
			returned := false
			// Without recover, so that the panic keeps its stack.
			defer func() {
				took := time.Since(r.began)
				if observed.hijacked {
					took = -1 // how long a connection lives is no latency
				}
				r.end(!returned || observed.status >= http.StatusInternalServerError, took)
			}()
			req = req.WithContext(ctx)
			if !in.Trusted {
				strip(req)
			}
			next.ServeHTTP(observed.as(w), req)
			returned = true
		})
	}
}

// incoming looks the headers up by the names that the server gives them.
func incoming(req *http.Request, trusted func(*http.Request) bool) Incoming {
	in := Incoming{Baggage: req.Header["Baggage"]}
	in.Trusted = trusted != nil && len(in.Baggage) > 0 && trusted(req)
	if h := req.Header["Traceparent"]; len(h) == 1 {
		in.Traceparent = h[0]
	}
	return in
}

// strip leaves the headers of the caller as they are, and gives the request its own.
func strip(req *http.Request) {
	if was := req.Header["Baggage"]; hasOurs(was) {
		req.Header = req.Header.Clone()
		setBaggage(req.Header, StripBaggage(was))
	}
}

func setBaggage(h http.Header, baggage []string) {
	if len(baggage) == 0 {
		h.Del("Baggage")
		return
	}
	h["Baggage"] = slices.Clone(baggage)
}
