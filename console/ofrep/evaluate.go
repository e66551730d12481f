package ofrep

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/console/access"
)

// single answers one flag.
func (h *Handler) single(w http.ResponseWriter, r *http.Request, grant *access.Grant) {
	key := r.PathValue("key")
	subject, wrong := read(r)
	if wrong != nil {
		wrong.Key = key
		write(w, http.StatusBadRequest, wrong)
		return
	}
	// What a token may not see looks like what is not there.
	if rampart.CheckName("a flag", key) != nil || !grant.May(key) {
		write(w, http.StatusNotFound, notFound(key))
		return
	}
	status, answer := h.evaluated(h.Flags.Evaluate(key, &subject))
	write(w, status, answer)
}

// everything is the answer of all flags.
type everything struct {
	Flags    []any       `json:"flags"`
	Streams  []streamAt  `json:"eventStreams,omitempty"`
	Metadata setMetadata `json:"metadata"`
}

type setMetadata struct {
	FlagSet string       `json:"flagSetId"`
	State   client.State `json:"state"`
}

// bulk answers all flags that the token may see.
func (h *Handler) bulk(w http.ResponseWriter, r *http.Request, grant *access.Grant) {
	subject, wrong := read(r)
	if wrong != nil {
		write(w, http.StatusBadRequest, wrong)
		return
	}
	if !h.Flags.Ready() {
		write(w, http.StatusInternalServerError, failure{Code: rampart.ReasonDefault.ErrorCode(), Details: notReady})
		return
	}
	h.catchUp(r.Context(), r.URL.Query().Get("flagConfigEtag"))
	all := everything{Flags: []any{}, Streams: h.streams(grant), Metadata: setMetadata{h.Environment, h.Flags.Status().State}}
	for d, v := range h.Flags.All(&subject) {
		if !grant.May(d.Flag) {
			continue
		}
		if status, answer := h.evaluated(d, v); status != http.StatusNotFound {
			all.Flags = append(all.Flags, answer)
		}
	}
	body, err := json.Marshal(all)
	if err != nil {
		write(w, http.StatusInternalServerError, failure{Details: "the answer cannot be written"})
		return
	}
	tag := etag(body)
	w.Header().Set("ETag", tag)
	if matches(r.Header.Values("If-None-Match"), tag) {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeBody(w, http.StatusOK, body)
}

// etag is over the whole answer. A link to the stream is part of it: a client that is
// told that nothing has changed goes on with the link it has, so that must be good.
func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`
}

// matches reports whether one of the tags is the tag. A proxy that compresses calls it
// a weak one, and there are clients that leave the quotes out.
func matches(headers []string, tag string) bool {
	bare := strings.Trim(tag, `"`)
	for _, header := range headers {
		for one := range strings.SplitSeq(header, ",") {
			one = strings.TrimSpace(one)
			if strings.Trim(strings.TrimPrefix(one, "W/"), `"`) == bare {
				return true
			}
		}
	}
	return false
}

const (
	// catchUpAtMost is more than a replica needs that has missed a message: it looks for
	// what it has missed every second or so, and then loads it.
	catchUpAtMost = 3 * time.Second
	catchUpEvery  = 10 * time.Millisecond
	// mostCatchUps is how many may wait at once. What they wait for comes from outside.
	mostCatchUps = 256
	// ahead is how far a revision, which is a time, may be beyond our clock.
	ahead = time.Minute
)

// catchUp waits until this replica knows what an event told of. The event may have
// come from another console, a moment ahead: without this, the client would be told
// that nothing has changed, and would not ask again.
func (h *Handler) catchUp(ctx context.Context, flagConfig string) {
	told, err := strconv.ParseInt(flagConfig, 10, 64)
	if err != nil || h.Flags.Revision() >= told || told > h.Now().Add(ahead).UnixMicro() {
		return
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > mostCatchUps {
		return // it is reminded
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpAtMost)
	defer cancel()
	tick := time.NewTicker(catchUpEvery)
	defer tick.Stop()
	for h.Flags.Revision() < told {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
