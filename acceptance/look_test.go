package acceptance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
	"github.com/rampart-dev/rampart/flagstore"
)

// witnessTicks looks at the evidence of a launch until the test ends. A tick that is
// judged twice would show as a look too many, or as two memories of one tick.
func (l *launch) witnessTicks() {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		again := time.NewTicker(50 * time.Millisecond)
		defer again.Stop()
		var last activities.Memory
		for {
			if m, err := l.memory(); err == nil && m.Tick > 0 {
				if why := doubted(last, m, l.plan.Every.D()); why != "" {
					l.t.Errorf("the evidence of %s: %s: %d looks at %d, then %d looks at %d", l.plan.Flag, why, last.Looks, last.Tick, m.Looks, m.Tick)
				}
				last = m
			}
			select {
			case <-stop:
				return
			case <-again.C:
			}
		}
	}()
	l.t.Cleanup(func() { close(stop); <-done })
}

// doubted says what is wrong with evidence that follows other evidence.
func doubted(last, m activities.Memory, every time.Duration) string {
	ticks, looks := (m.Tick-last.Tick)/every.Milliseconds(), m.Looks-last.Looks
	switch {
	case m.Tick%every.Milliseconds() != 0:
		return "a tick is not a multiple of every"
	case last.Tick == 0:
		return ""
	case ticks < 0:
		return "time went back"
	case looks < 0:
		return "looks were forgotten"
	case looks > ticks:
		return "more looks than ticks"
	case ticks > 0 && looks == 0:
		return "a tick without a look"
	}
	return ""
}

// entry returns what the store has of a flag.
func (s *stack) entry(flag string) flagstore.Entry {
	s.t.Helper()
	e, err := s.people.Store.Get(s.t.Context(), flag)
	require.NoError(s.t, err)
	return e
}

// history returns the writes of a flag as "verb exposure", the first one first.
func (s *stack) history(flag string) []string {
	s.t.Helper()
	events, err := s.people.Store.History(s.t.Context(), flag, 1000)
	require.NoError(s.t, err)
	slices.Reverse(events)
	var path []string
	last := int64(0)
	for _, e := range events {
		if e.Exposure > 0 || e.Phase != "" || e.Owner != "" { // of the document, and not of the kill register
			require.Greater(s.t, e.Version, last, "versions only grow: %+v", events)
			last = e.Version
		}
		path = append(path, fmt.Sprintf("%s %s", e.Verb, e.Exposure))
	}
	return path
}

// query asks Prometheus for one value, as of now.
func (s *stack) query(expression string) (float64, error) {
	return s.queryAt(expression, time.Now())
}

// queryAt asks Prometheus for one value.
func (s *stack) queryAt(expression string, at time.Time) (float64, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	ask := s.prometheus.URL() + "/api/v1/query?" + url.Values{
		"query": {expression}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)},
	}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ask, nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, err
	}
	var got struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return 0, err
	}
	if len(got.Data.Result) != 1 {
		return 0, fmt.Errorf("%s: %s", expression, body)
	}
	text, _ := got.Data.Result[0].Value[1].(string)
	return strconv.ParseFloat(text, 64)
}

// gate returns the verdict on a gate.
func gate(v *rampart.Verdict, name string) rampart.GateVerdict {
	if v != nil {
		for _, g := range v.Gates {
			if g.Gate == name {
				return g
			}
		}
	}
	return rampart.GateVerdict{}
}

// equal compares by what is written of two values.
func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// storyOf returns the story of a launch as one text.
func storyOf(p rampart.Progress) string {
	var b strings.Builder
	for _, c := range p.Story {
		b.WriteString(c.Text + "\n")
	}
	return b.String()
}
