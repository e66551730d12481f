package console

import (
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/cors"
	"go.uber.org/zap"
)

// handler answers everybody.
func (s *console) handler() http.Handler {
	mux := http.NewServeMux()
	s.ofrep.Route(mux)
	s.health(mux)
	return s.guarded(s.shared(mux), s.grants.Open())
}

// metricsHandler answers Prometheus.
func (s *console) metricsHandler() http.Handler {
	mux := http.NewServeMux()
	s.health(mux)
	mux.Handle("GET /metrics", promhttp.InstrumentMetricHandler(s.registry, promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, Timeout: 20 * time.Second,
	})))
	return s.guarded(mux, s.grants.Open() && loopback(s.config.Metrics))
}

func (s *console) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /readyz", s.ready)
}

// shared lets pages of the configured origins ask from a browser. Without any, no page
// but the console's own can read an answer.
func (s *console) shared(next http.Handler) http.Handler {
	origins, _ := s.config.origins() // which Validate has read
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost},
		AllowedHeaders: []string{"Authorization", "X-API-Key", "Content-Type", "If-None-Match"},
		ExposedHeaders: []string{"ETag", "Retry-After"},
		MaxAge:         600,
	}).Handler(next)
}

// guarded is what every request goes through. One to a listener of this machine alone
// must be sent to it by a name of its own.
func (s *console) guarded(next http.Handler, own bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		seen := &statusWriter{ResponseWriter: w}
		defer func() { s.finish(seen, r, began, recover()) }()
		harden(seen.Header(), r.TLS != nil)
		if own && !ownName(r.Host) {
			http.Error(seen, "this console answers only to the name of this machine", http.StatusForbidden)
			return
		}
		next.ServeHTTP(seen, r)
	})
}

// harden tells browsers to take nothing here for a page.
func harden(h http.Header, encrypted bool) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	if encrypted {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// ownName reports whether a request was sent to this machine by a name that only this
// machine has. A page on the web can have its own name point here, and its scripts may
// then ask whatever listens on loopback, as if it were theirs.
func ownName(host string) bool {
	if _, _, err := net.SplitHostPort(host); err != nil {
		host += ":80" // which an address of IPv6 has its brackets for
	}
	return loopback(host)
}

// finish turns a defect into an answer, and writes the access log: never bodies, which
// hold what is known of a user, nor queries, which hold signatures.
func (s *console) finish(w *statusWriter, r *http.Request, began time.Time, defect any) {
	if defect == http.ErrAbortHandler {
		panic(defect)
	}
	if defect != nil {
		s.log.Error("recovered from a defect", zap.String("route", r.Pattern), zap.Any("panic", defect), zap.Stack("stack"))
		if w.status == 0 {
			http.Error(w, "an unexpected failure; it is in the log", http.StatusInternalServerError)
		}
	}
	if s.config.AccessLog {
		s.log.Info("request", zap.String("method", r.Method), zap.String("route", r.Pattern),
			zap.Int("status", max(w.status, http.StatusOK)), zap.Duration("took", time.Since(began)))
	}
}

// statusWriter remembers whether and how a request was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets [http.ResponseController] through.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
