package flagd

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"time"

	syncv1grpc "buf.build/gen/go/open-feature/flagd/grpc/go/flagd/sync/v1/syncv1grpc"
	syncv1 "buf.build/gen/go/open-feature/flagd/protocolbuffers/go/flagd/sync/v1"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/console/access"
)

// Options say what is handed out, and to whom.
type Options struct {
	Flags       *client.Client
	Environment string
	Grants      *access.Grants
	Streams     int // at once; 0: DefaultStreams
	Registerer  prometheus.Registerer
	Log         *zap.Logger
	Now         func() time.Time // nil: time.Now
}

// DefaultStreams is how many providers may follow at once: servers, not browsers.
const DefaultStreams = 1000

// A Service is flagd.sync.v1.
type Service struct {
	syncv1grpc.UnimplementedFlagSyncServiceServer
	Options

	mu    sync.Mutex
	now   *state
	open  int
	said  map[string]string // what cannot be expressed, as it was logged
	ended chan struct{}
}

// A state is the definition of all flags until the next change.
type state struct {
	text string        // empty: nothing is known yet
	next chan struct{} // closed when there is a newer one

	mu sync.Mutex
	of map[*access.Grant]string // what tokens see that do not see all, said once for all who hold one
}

// New returns a service. It hands out changes while [Service.Keep] runs.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Streams <= 0 {
		o.Streams = DefaultStreams
	}
	s := &Service{Options: o, now: &state{next: make(chan struct{})}, said: map[string]string{}, ended: make(chan struct{})}
	if o.Registerer != nil {
		s.register(o.Registerer)
	}
	return s
}

func (s *Service) register(r prometheus.Registerer) {
	gauge := func(name, help string, value func() int) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			s.mu.Lock()
			defer s.mu.Unlock()
			return float64(value())
		}))
	}
	gauge("rampart_flagd_streams", "Providers of flagd that follow the flags.", func() int { return s.open })
	gauge("rampart_flagd_inexpressible_flags", "Flags that flagd's format cannot say: off for everybody, or left out.", func() int { return len(s.said) })
}

// Keep says the flags anew whenever they change, once for all who follow, until the
// context ends; then it ends their streams.
func (s *Service) Keep(ctx context.Context) {
	defer close(s.ended)
	for change := range s.Flags.Changes(ctx) {
		if s.Flags.Ready() && (len(change.Flags) > 0 || s.current().text == "") {
			s.say()
		}
	}
}

func (s *Service) say() {
	d, inexpressible := define(s.Environment, s.Flags, func(string) bool { return true })
	text, err := json.Marshal(d)
	if err != nil {
		s.Log.Error("flags cannot be said in flagd's format", zap.Error(err))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for flag, why := range inexpressible {
		if s.said[flag] != why {
			s.Log.Warn("flag cannot be said in flagd's format", zap.String("flag", flag), zap.String("why", why))
		}
	}
	s.said = maps.Clone(inexpressible)
	before := s.now
	if before.text != string(text) {
		s.now = &state{text: string(text), next: make(chan struct{})}
		close(before.next)
	}
}

func (s *Service) current() *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// textFor returns what a token may see of a state.
func (s *Service) textFor(grant *access.Grant, now *state) (string, error) {
	if now.text == "" {
		return "", status.Error(codes.Unavailable, "no flag is known yet: the flag store has not been reached since the start")
	}
	if len(grant.Flags) == 0 {
		return now.text, nil
	}
	now.mu.Lock()
	defer now.mu.Unlock()
	if text, said := now.of[grant]; said {
		return text, nil
	}
	d, _ := define(s.Environment, s.Flags, grant.May)
	text, err := json.Marshal(d)
	if err != nil {
		return "", status.Error(codes.Internal, "the flags cannot be said in flagd's format")
	}
	if now.of == nil {
		now.of = map[*access.Grant]string{}
	}
	now.of[grant] = string(text)
	return now.of[grant], nil
}

// FetchAllFlags hands out all flags.
func (s *Service) FetchAllFlags(ctx context.Context, q *syncv1.FetchAllFlagsRequest) (*syncv1.FetchAllFlagsResponse, error) {
	grant, err := s.admit(ctx, q.GetSelector()) //lint:ignore SA1019 providers send it still
	if err != nil {
		return nil, err
	}
	text, err := s.textFor(grant, s.current())
	if err != nil {
		return nil, err
	}
	return &syncv1.FetchAllFlagsResponse{FlagConfiguration: text}, nil
}

// SyncFlags hands out all flags, and all of them again after every change. Whoever is
// slow gets the newest next, and holds up nobody.
func (s *Service) SyncFlags(q *syncv1.SyncFlagsRequest, to syncv1grpc.FlagSyncService_SyncFlagsServer) error {
	grant, err := s.admit(to.Context(), q.GetSelector()) //lint:ignore SA1019 likewise
	if err != nil {
		return err
	}
	if err := s.join(); err != nil {
		return err
	}
	defer s.leave()
	var expired <-chan time.Time
	if !grant.Expires.IsZero() {
		t := time.NewTimer(grant.Expires.Sub(s.Now()))
		defer t.Stop()
		expired = t.C
	}
	sent := ""
	for {
		now := s.current()
		text, err := s.textFor(grant, now)
		if err != nil {
			return err
		}
		if text != sent { // a token that sees a few flags need not hear of the others
			if err := to.Send(&syncv1.SyncFlagsResponse{FlagConfiguration: text}); err != nil {
				return err
			}
			sent = text
		}
		select {
		case <-now.next:
		case <-expired:
			return errUnknown
		case <-grant.Ended():
			return errUnknown
		case <-s.ended:
			return status.Error(codes.Unavailable, "the console stops")
		case <-to.Context().Done():
			return status.FromContextError(to.Context().Err()).Err()
		}
	}
}

// GetMetadata is there for older providers. What it says would become part of the
// context of every evaluation, so it says nothing.
//
//lint:ignore SA1019 older providers ask
func (s *Service) GetMetadata(ctx context.Context, _ *syncv1.GetMetadataRequest) (*syncv1.GetMetadataResponse, error) {
	if _, err := s.admit(ctx, ""); err != nil {
		return nil, err
	}
	//lint:ignore SA1019 likewise
	return &syncv1.GetMetadataResponse{Metadata: &structpb.Struct{}}, nil
}

func (s *Service) join() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= s.Streams {
		return status.Error(codes.ResourceExhausted, "too many streams are open")
	}
	s.open++
	return nil
}

func (s *Service) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}
