package flagstore

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/rampart-dev/rampart"
)

// maxReason bounds what the history keeps of a reason.
const maxReason = 1000

// History returns the last events of a flag, the newest first. The name of a
// segment is written "segment:NAME".
func (s *Store) History(ctx context.Context, flag string, limit int) ([]rampart.Event, error) {
	if err := rampart.CheckName("a flag", strings.TrimPrefix(flag, "segment:")); err != nil {
		return nil, err
	}
	return s.events(ctx, "history:"+flag, "+", limit)
}

// Events returns the last events of the environment, the newest first. Before, if
// not empty, is the ID of an event: only earlier ones are returned.
func (s *Store) Events(ctx context.Context, before string, limit int) ([]rampart.Event, error) {
	end := "+"
	if before != "" {
		end = "(" + before
	}
	return s.events(ctx, "audit", end, limit)
}

func (s *Store) events(ctx context.Context, stream, end string, limit int) ([]rampart.Event, error) {
	return s.eventsBetween(ctx, stream, "-", end, limit)
}

func (s *Store) eventsBetween(ctx context.Context, stream, begin, end string, limit int) ([]rampart.Event, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	limit = min(max(limit, 1), 10_000)
	entries, err := s.rdb.XRevRangeN(ctx, s.key(stream), end, begin, int64(limit)).Result()
	if err != nil {
		return nil, s.fault("read history", err)
	}
	all := make([]rampart.Event, 0, len(entries))
	for _, entry := range entries {
		var e rampart.Event
		text, _ := entry.Values["event"].(string)
		if json.Unmarshal([]byte(text), &e) != nil {
			e = rampart.Event{Verb: "unreadable", Reason: clip(text)} // shown, not hidden
		}
		e.ID = entry.ID
		all = append(all, e)
	}
	return all, nil
}

// An event is what is known of a [rampart.Event] before the script runs, which
// adds version and time.
type event struct {
	Flag     string          `json:"flag"`
	Verb     string          `json:"verb"`
	Exposure rampart.Percent `json:"exposure"`
	Phase    rampart.Phase   `json:"phase,omitempty"`
	Owner    string          `json:"owner,omitempty"`
	By       string          `json:"by,omitempty"`
	Reason   string          `json:"reason,omitempty"`
}

// tail returns the event's JSON without its opening brace.
func (e event) tail() (string, error) {
	e.By, e.Reason = clip(e.By), clip(e.Reason)
	return jsonTail(e)
}

func jsonTail(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return string(b[1:]), nil
}

// clip bounds what people write. It cuts rather than refuses: no kill fails because
// its reason is long.
func clip(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason] + "..."
	}
	return strings.ToValidUTF8(s, "")
}
