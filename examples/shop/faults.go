package shop

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/rampart-dev/rampart"
)

// Trouble is what is to go wrong. The zero value is nothing.
type Trouble struct {
	NewErrors       rampart.Percent  `json:"newErrors,omitempty"`       // of the new checkout's requests fail
	NewLatency      rampart.Duration `json:"newLatency,omitempty"`      // is added to each of them
	NewKeeps        rampart.Duration `json:"newKeeps,omitempty"`        // each of them keeps its connection so long after its answer
	NewCrash        bool             `json:"newCrash,omitempty"`        // the next of them ends the process
	DatabaseErrors  rampart.Percent  `json:"databaseErrors,omitempty"`  // of all queries fail
	DatabaseLatency rampart.Duration `json:"databaseLatency,omitempty"` // is added to each of them
}

// maxLatency bounds what may be added to a request.
const maxLatency = rampart.Duration(10 * time.Second)

// Faults make the shop fail on purpose. A nil *Faults never does, which is how a
// shop is safe from them: who is not given any cannot be told to fail.
type Faults struct {
	trouble atomic.Pointer[Trouble]
	crash   func()
}

// NewFaults returns faults without trouble. A crash calls the function that is
// given; nil ends the process.
func NewFaults(crash func()) *Faults {
	if crash == nil {
		crash = func() { os.Exit(1) }
	}
	f := &Faults{crash: crash}
	f.trouble.Store(&Trouble{})
	return f
}

// Set replaces the trouble, from the next request on.
func (f *Faults) Set(t Trouble) error {
	switch {
	case t.NewErrors < 0 || t.NewErrors > rampart.Full, t.DatabaseErrors < 0 || t.DatabaseErrors > rampart.Full:
		return rampart.Errorf(rampart.Invalid, "errors are a share of the requests").WithHint("write a number of percent, from 0 to 100")
	}
	for _, d := range []rampart.Duration{t.NewLatency, t.NewKeeps, t.DatabaseLatency} {
		if d < 0 || d > maxLatency {
			return rampart.Errorf(rampart.Invalid, "latency is from 0 to %s", maxLatency).WithHint(`write a duration: "200ms"`)
		}
	}
	f.trouble.Store(&t)
	return nil
}

// Trouble returns what goes wrong at present.
func (f *Faults) Trouble() Trouble { return *f.trouble.Load() }

// Handler lets trouble be read (GET), replaced (PUT) and ended (DELETE) over HTTP.
// It must be served on loopback only. A page in a browser on the same machine cannot
// use it: browsers ask before they send these methods elsewhere, and a name that an
// attacker points at loopback is not ours.
func (f *Faults) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { f.tell(w) })
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		_ = f.Set(Trouble{})
		f.tell(w)
	})
	mux.HandleFunc("PUT /faults", func(w http.ResponseWriter, r *http.Request) {
		var t Trouble
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&t)
		if err == nil {
			err = f.Set(t)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f.tell(w)
	})
	return onlyLoopback(mux)
}

func (f *Faults) tell(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(f.Trouble())
}

func onlyLoopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "ask by a loopback address", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// strikeNew is the trouble of the new checkout.
func (f *Faults) strikeNew(ctx context.Context) error {
	if f == nil {
		return nil
	}
	t := f.Trouble()
	if t.NewCrash {
		f.crash()
	}
	return strike(ctx, t.NewErrors, t.NewLatency, "the one-page checkout has a bug")
}

// newKeeps is how long the new checkout forgets to give its connection back.
func (f *Faults) newKeeps() time.Duration {
	if f == nil {
		return 0
	}
	return f.Trouble().NewKeeps.D()
}

// strikeDatabase is the trouble of both.
func (f *Faults) strikeDatabase(ctx context.Context) error {
	if f == nil {
		return nil
	}
	t := f.Trouble()
	return strike(ctx, t.DatabaseErrors, t.DatabaseLatency, "the database is failing")
}

func strike(ctx context.Context, failing rampart.Percent, latency rampart.Duration, what string) error {
	if latency > 0 {
		if err := pause(ctx, latency.D()); err != nil {
			return err
		}
	}
	if happens(failing) {
		return errors.New(what)
	}
	return nil
}
