package ofrep

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/console/access"
)

// Options say what is answered from, and to whom. All but PublicURL and the limits
// are required.
type Options struct {
	Flags       *client.Client
	Environment string

	Grants    *access.Grants
	Addresses *access.Addresses
	Proxies   access.Proxies

	PublicURL *url.URL // at which clients see the console; nil: where they ask it
	Streams   Limits

	Registerer prometheus.Registerer
	Log        *zap.Logger
	Now        func() time.Time // nil: time.Now
}

// A Handler answers the protocol.
type Handler struct {
	Options
	metrics *metrics
	hub     *hub
	waiting atomic.Int64 // questions that wait for this replica to catch up
}

// The paths of the protocol, and of the stream that it leaves to us.
const (
	bulkPath   = "/ofrep/v1/evaluate/flags"
	singlePath = bulkPath + "/{key}"
	streamPath = "/ofrep/v1/events"
)

// New returns a handler. Events are sent while [Handler.Keep] runs.
func New(o Options) *Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Handler{Options: o}
	h.Streams = o.Streams.withDefaults()
	h.hub = newHub()
	h.metrics = newMetrics(o.Registerer, h.hub)
	return h
}

// Route adds the paths of the protocol to a mux.
func (h *Handler) Route(mux *http.ServeMux) {
	mux.Handle("POST "+singlePath, h.answering("single", h.single))
	mux.Handle("POST "+bulkPath, h.answering("bulk", h.bulk))
	mux.Handle("GET "+streamPath, h.answering("stream", h.stream))
}

// answering lets in whom a token lets in, as often as its limits allow. A stream is
// let in by its link.
func (h *Handler) answering(endpoint string, answer func(http.ResponseWriter, *http.Request, *access.Grant)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := h.Now()
		seen := &outcome{ResponseWriter: w, status: http.StatusOK}
		defer func() { h.metrics.answered(endpoint, seen.status, h.Now().Sub(began)) }()
		grant, err := h.admit(r)
		if err != nil {
			h.refuse(seen, err)
			return
		}
		answer(seen, r, grant)
	})
}

// admit looks at the token first: a server of ours may ask from one address as often
// as its token allows, everybody else is limited by address too, whether or not the
// token is any good.
func (h *Handler) admit(r *http.Request) (*access.Grant, error) {
	grant, err := h.grantOf(r)
	if err != nil || grant.Kind == access.Browser {
		if wait := h.Addresses.Take(h.Proxies.From(r), h.Now()); wait > 0 {
			return nil, tooMany{ofAddress, wait}
		}
	}
	if err != nil {
		return nil, err
	}
	if wait := grant.Take(h.Now()); wait > 0 {
		return nil, tooMany{ofToken, wait}
	}
	return grant, nil
}

func (h *Handler) grantOf(r *http.Request) (*access.Grant, error) {
	if r.URL.Path == streamPath {
		return h.follow(r.URL.Query())
	}
	return h.Grants.Of(access.Secret(r.Header))
}

// tooMany is a question that comes too early.
type tooMany struct {
	of   string // ofToken, ofAddress or ofStreams
	wait time.Duration
}

func (e tooMany) Error() string { return "too much at once: " + e.of }

// refuse is the one place where reasons to refuse become statuses.
func (h *Handler) refuse(w http.ResponseWriter, err error) {
	var early tooMany
	switch {
	case errors.As(err, &early):
		h.metrics.refused(early.of)
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(early.wait.Seconds())))))
		write(w, http.StatusTooManyRequests, failure{Details: err.Error()})
	case errors.Is(err, access.ErrElsewhere):
		h.metrics.refused(forbidden)
		write(w, http.StatusForbidden, failure{Details: err.Error()})
	default:
		h.metrics.refused(unauthorized)
		w.Header().Set("WWW-Authenticate", `Bearer realm="rampart"`)
		write(w, http.StatusUnauthorized, failure{Details: err.Error()})
	}
}

// outcome remembers the status.
type outcome struct {
	http.ResponseWriter
	status int
}

func (o *outcome) WriteHeader(status int) {
	o.status = status
	o.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] through.
func (o *outcome) Unwrap() http.ResponseWriter { return o.ResponseWriter }
