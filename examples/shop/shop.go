package shop

import (
	"fmt"
	"net/http"
	"regexp"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// The names by which the shop is known to Rampart.
const (
	FlagName       = "checkout-v2"
	EventCompleted = "checkout_completed" // declare it in client.Options.Events
)

// Options say what a shop is made of. Flags and Registry are required.
type Options struct {
	Flags    *client.Client
	Registry *prometheus.Registry // that Flags has been given, too
	Database DatabaseOptions
	Faults   *Faults // nil: none can be injected
	Console  Console // the zero Console: pages that are open do not see what changes
}

// A Console is where pages that are open hear of changes.
type Console struct {
	URL   string // as browsers reach it
	Token string // of kind browser, because every visitor can read it; empty: the console wants none
}

// A Shop serves the pages of the shop.
type Shop struct {
	flags    *client.Client
	checkout *client.Flag
	database *database
	faults   *Faults
	console  Console
	registry *prometheus.Registry
}

// New returns a shop.
func New(o Options) (*Shop, error) {
	database, err := newDatabase(o.Database, o.Faults, o.Registry)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return &Shop{
		flags:    o.Flags,
		checkout: o.Flags.Flag(FlagName), // once, not for every request
		database: database,
		faults:   o.Faults,
		console:  o.Console,
		registry: o.Registry,
	}, nil
}

// Handler returns the pages of the shop, its metrics and its health. Only pages are
// counted: a scrape is no customer.
func (s *Shop) Handler() http.Handler {
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", s.cart)
	pages.HandleFunc("GET /checkout", s.begin)
	pages.HandleFunc("POST /checkout/delivery", s.deliver)
	pages.HandleFunc("POST /checkout/payment", s.pay)
	pages.HandleFunc("POST /checkout/order", s.order)

	all := http.NewServeMux()
	all.Handle("/", s.measured(client.Middleware(s.flags, subjectOf)(pages)))
	all.HandleFunc("GET /as", becomeUser)
	all.Handle("GET /assets/", http.FileServerFS(assets))
	all.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	all.HandleFunc("GET /healthz", s.health)
	return all
}

// measured exports what dashboards have of any service. It knows nothing of flags;
// the client counts by arm.
func (s *Shop) measured(next http.Handler) http.Handler {
	service := prometheus.WrapRegistererWith(prometheus.Labels{"service": "shop"}, s.registry)
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_total", Help: "Requests answered, by status.",
	}, []string{"code"})
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "How long requests took.", Buckets: prometheus.DefBuckets,
	}, nil)
	service.MustRegister(requests, durations)
	return promhttp.InstrumentHandlerCounter(requests, promhttp.InstrumentHandlerDuration(durations, next))
}

// health says whether the shop can serve: it has an answer for every flag.
func (s *Shop) health(w http.ResponseWriter, _ *http.Request) {
	if !s.flags.Ready() {
		http.Error(w, "no flags yet", http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintln(w, "well")
}

var userName = regexp.MustCompile(`^[a-z0-9][a-z0-9.@_-]{0,63}$`)

// subjectOf says whom a request is from: a real service would look into its session.
// Whoever says nothing is one and the same guest.
func subjectOf(r *http.Request) rampart.Subject {
	user := r.Header.Get("X-User")
	if cookie, err := r.Cookie("user"); user == "" && err == nil {
		user = cookie.Value
	}
	if !userName.MatchString(user) {
		user = "guest"
	}
	return rampart.Subject{Key: user}
}

// becomeUser lets a person see the shop as somebody else does.
func becomeUser(w http.ResponseWriter, r *http.Request) {
	user := r.URL.Query().Get("user")
	if !userName.MatchString(user) {
		http.Error(w, "a user's name is lower-case letters, digits, '.', '@', '_' and '-'", http.StatusBadRequest)
		return
	}
	http.SetCookie(w, &http.Cookie{ // #nosec G124 -- no secret, and the shop is served on loopback without TLS
		Name: "user", Value: user, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
