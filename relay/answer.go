package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/client/relayed"
	"github.com/rampart-dev/rampart/flagstore"
)

const (
	// freshFor is how old the relay's last proof may be for it to answer for a revision:
	// it looks for one every second, and a busy machine may be late.
	freshFor = 3 * time.Second
	// writeWithin is how long a reader may take to read an answer or a message.
	writeWithin = 10 * time.Second
	// aliveEvery is how often a stream without changes says that it is there.
	aliveEvery = 10 * time.Second
	// maxReader bounds what a reader says of itself, in bytes.
	maxReader = 4 << 10
)

func (r *Relay) handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range []struct {
		method, what string
		answer       http.HandlerFunc
	}{
		{http.MethodGet, relayed.PathState, r.state},
		{http.MethodGet, relayed.PathRevision, r.revision},
		{http.MethodGet, relayed.PathLeases, r.leaseTerms},
		{http.MethodGet, relayed.PathChanges, r.changes},
		{http.MethodPost, relayed.PathReaders, r.confirm},
		{http.MethodDelete, relayed.PathReaders, r.leave},
	} {
		mux.HandleFunc(route.method+" "+relayed.Path("{environment}", route.what), func(w http.ResponseWriter, q *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeWithin))
			if ofBrowser(q) {
				refuse(w, http.StatusForbidden, errors.New("a relay answers no browser: ask rampart console"))
				return
			}
			if e := q.PathValue("environment"); e != r.environment {
				refuse(w, http.StatusNotFound, fmt.Errorf("this relay has the flags of %s, not of %.100q", r.environment, e))
				return
			}
			route.answer(w, q)
		})
	}
	return mux
}

// ofBrowser is true of what a page of the web has a browser on this machine ask: it names
// an origin, or, where a page has its own name lead to this machine, that name as host.
func ofBrowser(q *http.Request) bool {
	if q.Header.Get("Origin") != "" || q.Header.Get("Sec-Fetch-Site") != "" {
		return true
	}
	host, _, err := net.SplitHostPort(q.Host)
	if err != nil {
		host = q.Host
	}
	ip := net.ParseIP(host)
	return host != relayed.Host && host != "localhost" && (ip == nil || !ip.IsLoopback())
}

func (r *Relay) state(w http.ResponseWriter, _ *http.Request) {
	state, err := r.held.state()
	switch {
	case err != nil:
		refuse(w, http.StatusInternalServerError, err)
		return
	case state == nil:
		refuse(w, http.StatusServiceUnavailable, fmt.Errorf("nothing is known yet of %s: the store has not answered", r.environment))
		return
	}
	if s := r.Status(); s.Source != client.FromStore || s.Staleness > freshFor {
		w.Header().Set(relayed.HeaderAge, strconv.FormatInt(s.Staleness.Milliseconds(), 10))
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(state)
}

// revision answers only for what the store has just said: a relay that is cut off must
// not keep its readers from knowing that they are.
func (r *Relay) revision(w http.ResponseWriter, _ *http.Request) {
	if s := r.client.Status(); s.State == client.Starting || s.Staleness > freshFor {
		refuse(w, http.StatusServiceUnavailable, fmt.Errorf("the relay has not heard of the store for %s", s.Staleness.Round(time.Second)))
		return
	}
	answer(w, r.held.position())
}

func (r *Relay) leaseTerms(w http.ResponseWriter, q *http.Request) {
	got, err := r.leases.read(q.Context())
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	answer(w, got)
}

func (r *Relay) confirm(w http.ResponseWriter, q *http.Request) {
	var reader flagstore.Reader
	if err := json.NewDecoder(http.MaxBytesReader(w, q.Body, maxReader)).Decode(&reader); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("this is no reader: %w", err))
		return
	}
	readers, err := r.roll.confirm(reader)
	switch {
	case rampart.KindOf(err) == rampart.Refused:
		refuse(w, http.StatusTooManyRequests, err)
	case err != nil:
		refuse(w, http.StatusBadRequest, err)
	default:
		answer(w, relayed.Readers{Readers: readers})
	}
}

func (r *Relay) leave(w http.ResponseWriter, q *http.Request) {
	r.roll.leave(q.URL.Query().Get("id"))
	answer(w, struct{}{})
}

// changes streams messages for as long as the reader listens and keeps up.
func (r *Relay) changes(w http.ResponseWriter, q *http.Request) {
	if following, _ := r.held.counts(); following >= r.roll.most {
		refuse(w, http.StatusTooManyRequests, fmt.Errorf("%d readers follow the relay already", following))
		return
	}
	l := r.held.listen() // before the reader is told that it follows
	defer func() {
		if r.held.leave(l) {
			r.log.Warn("a reader was too slow, and was cut")
		}
	}()
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Connection", "close") // nothing comes after the stream
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	for m := flagstore.Message(""); ; {
		_ = control.SetWriteDeadline(time.Now().Add(writeWithin))
		err := l.write(w, m)
		if err == nil {
			err = control.Flush()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			r.held.cutOff(l)
		}
		if err != nil {
			return
		}
		select {
		case next, open := <-l.messages:
			if !open {
				return
			}
			m = next
		case <-alive.C:
			m = ""
		case <-r.stopped:
			return
		case <-q.Context().Done():
			return
		}
	}
}

func answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(what)
}

func refuse(w http.ResponseWriter, status int, why error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(relayed.Failure{Error: why.Error()})
}
