package client

import "net/http"

// Carry says what a service tells the services that it calls of the request that it
// works on: the request's id and what was decided in it.
type Carry struct {
	// Key carries the key of the subject too, so that the next service can decide flags by
	// user on its own. It stands in the header as it is.
	Key bool
	// To says which calls carry anything; default: all, redirects included. Say it where
	// the same HTTP client calls others than services of your own.
	To func(*http.Request) bool
}

// Transport is a [http.RoundTripper] that tells the service which is called what
// [Carry] says, in the baggage header. Where tracing has a transport, this one goes
// inside, so that it sees the baggage which that wrote. Nil is http.DefaultTransport.
func Transport(inner http.RoundTripper, c Carry) http.RoundTripper {
	if inner == nil {
		inner = http.DefaultTransport
	}
	return &transport{inner, c}
}

type transport struct {
	inner http.RoundTripper
	carry Carry
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if FromContext(req.Context()) == nil || t.carry.To != nil && !t.carry.To(req) {
		return t.inner.RoundTrip(req)
	}
	called := req.WithContext(req.Context()) // a copy: the caller's request must not change
	called.Header = req.Header.Clone()
	if called.Header == nil {
		called.Header = http.Header{}
	}
	setBaggage(called.Header, Baggage(req.Context(), req.Header["Baggage"], t.carry.Key))
	return t.inner.RoundTrip(called)
}
