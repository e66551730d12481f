package acceptance_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/activities"
)

// A hook receives notices, as a service of the operator's would: it believes only
// what is signed. The first notice it does not take, so that it is sent again.
type hook struct {
	s       *stack
	channel string // as a worker is told of it
	secret  []byte

	mu       sync.Mutex
	attempts map[string]int // by the ID of the notice
	notices  []told
}

// told is the body of a notice.
type told struct {
	Type string            `json:"type"`
	Data activities.Notice `json:"data"`
}

// listen opens a hook.
func (s *stack) listen() *hook {
	s.t.Helper()
	h := &hook{s: s, secret: []byte("this is not a secret to anybody"), attempts: map[string]int{}}
	file := filepath.Join(s.t.TempDir(), "secret")
	require.NoError(s.t, os.WriteFile(file, []byte("whsec_"+base64.StdEncoding.EncodeToString(h.secret)), 0o600))
	server := httptest.NewServer(h)
	s.t.Cleanup(server.Close)
	h.channel = "webhook+" + server.URL + "/notices?secret-file=" + file
	return h
}

// ServeHTTP implements http.Handler.
func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	id := r.Header.Get("webhook-id")
	mac := hmac.New(sha256.New, h.secret)
	mac.Write([]byte(id + "." + r.Header.Get("webhook-timestamp") + "." + string(body)))
	signature := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	var notice told
	if err != nil || !hmac.Equal([]byte(signature), []byte(r.Header.Get("webhook-signature"))) || json.Unmarshal(body, &notice) != nil {
		h.s.t.Errorf("a notice that nobody can believe: %v: %s", err, body)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attempts[id]++
	if len(h.attempts) == 1 && h.attempts[id] == 1 {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	h.notices = append(h.notices, notice)
}

// awaits waits for a notice.
func (h *hook) awaits(kind string, is func(told) bool) {
	h.s.t.Helper()
	eventually(h.s.t, "the notice "+kind, func() (bool, any) {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, n := range h.notices {
			if n.Type == kind && n.Data.ID != "" && is(n) {
				return true, nil
			}
		}
		return false, h.notices
	})
}
