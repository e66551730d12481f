package relayed

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// A Feed follows a relay. It connects when it is first asked.
type Feed struct {
	environment string
	base        string // of addresses
	http        http.Client
}

var _ flagstore.Feed = (*Feed)(nil)

// Dial returns a feed of an environment from the relay at an address:
// unix:///run/rampart/relay.sock, or http://127.0.0.1:8090.
func Dial(address, environment string) (*Feed, error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, badAddress(address)
	}
	dialer := net.Dialer{Timeout: 2 * time.Second}
	transport := &http.Transport{
		MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: 10 * time.Second,
		DisableCompression: true, DialContext: dialer.DialContext,
	}
	f := &Feed{environment: environment, base: strings.TrimSuffix(address, "/"), http: http.Client{Transport: transport}}
	switch {
	case u.Scheme == "unix" && u.Host == "" && u.Path != "":
		f.base = "http://" + Host
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", u.Path)
		}
	case u.Scheme != "http" || u.Host == "" || u.Path != "" && u.Path != "/":
		return nil, badAddress(address)
	}
	return f, nil
}

func badAddress(address string) error {
	return rampart.Errorf(rampart.Invalid, "%q is no address of a relay", address).
		WithHint("write unix:///run/rampart/relay.sock, or http://127.0.0.1:8090")
}

// Close lets go of the connections.
func (f *Feed) Close() error {
	f.http.CloseIdleConnections()
	return nil
}

// Load implements flagstore.Feed.
func (f *Feed) Load(ctx context.Context) (flagstore.Snapshot, error) {
	var got State
	header, err := f.ask(ctx, http.MethodGet, PathState, "", nil, &got)
	if err != nil {
		return flagstore.Snapshot{}, err
	}
	state := flagstore.State{Epoch: got.Epoch, Revision: got.Revision, Now: time.Now(), Fields: got.Registers}
	s := state.Snapshot()
	if ms, err := strconv.ParseInt(header.Get(HeaderAge), 10, 64); err == nil {
		s.Age = time.Duration(ms) * time.Millisecond
	}
	return s, nil
}

// Revision implements flagstore.Feed.
func (f *Feed) Revision(ctx context.Context) (epoch string, revision int64, err error) {
	var got Revision
	_, err = f.ask(ctx, http.MethodGet, PathRevision, "", nil, &got)
	return got.Epoch, got.Revision, err
}

// Leases implements flagstore.Feed.
func (f *Feed) Leases(ctx context.Context) ([]rampart.LeaseTerm, time.Time, error) {
	var got Leases
	_, err := f.ask(ctx, http.MethodGet, PathLeases, "", nil, &got)
	return got.Terms, got.Now, err
}

// Confirm implements flagstore.Feed. What it returns are the readers of the relay: it is
// the relay that they all tell, and the store hears of them together.
func (f *Feed) Confirm(ctx context.Context, r flagstore.Reader) (readers int, err error) {
	var got Readers
	_, err = f.ask(ctx, http.MethodPost, PathReaders, "", r, &got)
	return got.Readers, err
}

// Leave implements flagstore.Feed.
func (f *Feed) Leave(ctx context.Context, id string) error {
	_, err := f.ask(ctx, http.MethodDelete, PathReaders, "?id="+url.QueryEscape(id), nil, nil)
	return err
}

// Follow implements flagstore.Feed.
func (f *Feed) Follow(ctx context.Context) (flagstore.Subscription, error) {
	ctx, cancel := context.WithCancel(ctx)
	answer, err := f.send(ctx, http.MethodGet, PathChanges, "", nil)
	if err != nil {
		cancel()
		return nil, err
	}
	return &stream{body: answer.Body, frames: bufio.NewReader(answer.Body), cancel: cancel}, nil
}

// ask sends a question and decodes the answer.
func (f *Feed) ask(ctx context.Context, method, what, query string, question, into any) (http.Header, error) {
	answer, err := f.send(ctx, method, what, query, question)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if into == nil {
		return answer.Header, nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, MaxState)).Decode(into); err != nil {
		return nil, fmt.Errorf("read the relay's %s: %w", what, err)
	}
	return answer.Header, nil
}

func (f *Feed) send(ctx context.Context, method, what, query string, question any) (*http.Response, error) {
	var body io.Reader = http.NoBody
	if question != nil {
		text, err := json.Marshal(question)
		if err != nil {
			return nil, fmt.Errorf("ask the relay: %w", err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, f.base+Path(f.environment, what)+query, body)
	if err != nil {
		return nil, fmt.Errorf("ask the relay: %w", err)
	}
	answer, err := f.http.Do(request)
	if err != nil {
		return nil, rampart.Errorf(rampart.Unreachable, "the relay does not answer").Because(err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	defer answer.Body.Close()
	var why Failure
	_ = json.NewDecoder(io.LimitReader(answer.Body, 4096)).Decode(&why)
	return nil, rampart.Errorf(rampart.Unreachable, "the relay answers %s: %s", answer.Status, why.Error)
}

// A stream is a subscription at a relay.
type stream struct {
	body   io.Closer
	frames *bufio.Reader
	cancel func()
}

// Next implements flagstore.Subscription.
func (s *stream) Next(ctx context.Context) (flagstore.Change, error) {
	stop := context.AfterFunc(ctx, s.cancel) // a blocked read does not see its context
	defer stop()
	for {
		m, err := ReadFrame(s.frames)
		switch {
		case ctx.Err() != nil:
			return flagstore.Change{}, ctx.Err()
		case err != nil:
			return flagstore.Change{}, fmt.Errorf("follow the relay: %w", err)
		case m != "":
			return m.Change(), nil
		}
	}
}

// Close implements flagstore.Subscription.
func (s *stream) Close() error {
	s.cancel()
	return s.body.Close()
}
