package client

import (
	"crypto/rand"
	"net/http"
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
func Middleware(c *Client, subject func(*http.Request) rampart.Subject) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			s := subject(req)
			if s.Request == "" {
				s.Request = requestID(req)
			}
			ctx, r := c.Begin(req.Context(), s)
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
			next.ServeHTTP(observed.as(w), req.WithContext(ctx))
			returned = true
		})
	}
}

// requestID returns the trace id of a W3C traceparent, version-traceid-parent-flags.
func requestID(req *http.Request) string {
	if h := req.Header["Traceparent"]; len(h) == 1 && len(h[0]) >= 55 && h[0][2] == '-' && h[0][35] == '-' {
		return h[0][3:35]
	}
	return rand.Text()
}
