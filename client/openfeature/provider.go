package openfeature

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// ProviderName is what the provider calls itself, also in telemetry.
const ProviderName = "rampart"

// Options say how a provider starts and how it speaks of flags. The zero value is useful.
type Options struct {
	// InitWithin bounds how long initialising waits for flags where its context has no
	// earlier deadline; default 10 s. Beyond it the provider is in state ERROR and callers
	// get their defaults until flags come, which makes it READY.
	InitWithin time.Duration

	// Hooks are the provider's own: they run at each evaluation, nearest to it.
	Hooks []openfeature.Hook

	// Variant names the value that is served for on or for off. A service that comes
	// from another provider can so keep the names that its dashboards know. Default: on
	// and off.
	Variant func(flag *rampart.Flag, on bool) string

	// Metadata says when evaluations carry metadata of the flag, which hooks find in them.
	// It costs four allocations, where OpenFeature takes eleven for an evaluation by itself.
	// Default: where Hooks are given. With hooks that are added to OpenFeature or to one of
	// its clients, say Always: the provider does not see them.
	Metadata When

	// Describe is what evaluations carry in place of what the provider tells of a flag. It
	// is asked once for each version of a flag, and neither may change the other's.
	Describe func(flag *rampart.Flag) openfeature.FlagMetadata

	// ShareMetadata hands out one map of metadata again and again, and no copies, which
	// saves two of the four allocations. It must not be set behind the multi-provider of
	// OpenFeature's SDK, nor behind anything else that writes into the metadata it gets.
	ShareMetadata bool
}

// When says when evaluations carry metadata.
type When uint8

// The times at which they do.
const (
	WithHooks When = iota // where the provider has hooks of its own
	Always
	Never
)

// A Provider serves flags through OpenFeature. It may be registered for several
// domains, shut down, and initialised again.
type Provider struct {
	options Options
	tells   bool            // evaluations carry metadata
	owned   *client.Options // of the client to open; nil: the client is the caller's

	client    atomic.Pointer[client.Client] // nil: one of its own that is not open
	events    chan openfeature.Event
	described sync.Map // *client.Flag -> *described

	starting sync.Mutex // held while initialising, which happens once at a time
	mu       sync.Mutex // guards all below
	life     *life      // nil: not initialised, or shut down
	ended    int        // how often it was shut down
}

var (
	_ openfeature.FeatureProvider          = (*Provider)(nil)
	_ openfeature.ContextAwareStateHandler = (*Provider)(nil)
	_ openfeature.EventHandler             = (*Provider)(nil)
	_ openfeature.Tracker                  = (*Provider)(nil)
)

// New returns a provider of a client that the caller has opened, and closes when
// nobody asks it any more.
func New(flags *client.Client, o Options) *Provider {
	p := newProvider(o)
	p.client.Store(flags)
	return p
}

// NewOwner returns a provider that opens a client of its own when it is initialised,
// and closes it when it is shut down. Options that no client can be opened with make
// it FATAL.
func NewOwner(flags client.Options, o Options) *Provider {
	p := newProvider(o)
	p.owned = &flags
	return p
}

func newProvider(o Options) *Provider {
	if o.InitWithin <= 0 {
		o.InitWithin = 10 * time.Second
	}
	tells := o.Metadata == Always || o.Metadata == WithHooks && len(o.Hooks) > 0
	return &Provider{options: o, tells: tells, events: make(chan openfeature.Event)}
}

// Client returns the client behind the provider, for [client.Middleware] and for hot
// paths. Of a provider with a client of its own it is nil while that is not open.
func (p *Provider) Client() *client.Client { return p.client.Load() }

// Metadata implements [openfeature.FeatureProvider].
func (p *Provider) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: ProviderName} }

// Hooks implements [openfeature.FeatureProvider].
func (p *Provider) Hooks() []openfeature.Hook { return p.options.Hooks }

// BooleanEvaluation implements [openfeature.FeatureProvider].
func (p *Provider) BooleanEvaluation(ctx context.Context, flag string, def bool, flat openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	return resolve(ctx, p, flag, def, flat, (*rampart.Value).Bool)
}

// StringEvaluation implements [openfeature.FeatureProvider].
func (p *Provider) StringEvaluation(ctx context.Context, flag string, def string, flat openfeature.FlattenedContext) openfeature.StringResolutionDetail {
	return resolve(ctx, p, flag, def, flat, (*rampart.Value).Text)
}

// FloatEvaluation implements [openfeature.FeatureProvider]. A whole number is a float too.
func (p *Provider) FloatEvaluation(ctx context.Context, flag string, def float64, flat openfeature.FlattenedContext) openfeature.FloatResolutionDetail {
	return resolve(ctx, p, flag, def, flat, (*rampart.Value).Float)
}

// IntEvaluation implements [openfeature.FeatureProvider]. 3.0 is a whole number, 3.5 is
// of another type.
func (p *Provider) IntEvaluation(ctx context.Context, flag string, def int64, flat openfeature.FlattenedContext) openfeature.IntResolutionDetail {
	return resolve(ctx, p, flag, def, flat, (*rampart.Value).Int)
}

// ObjectEvaluation implements [openfeature.FeatureProvider]. An object is a map[string]any
// or a []any, as encoding/json makes it; it is the caller's to change.
func (p *Provider) ObjectEvaluation(ctx context.Context, flag string, def any, flat openfeature.FlattenedContext) openfeature.InterfaceResolutionDetail {
	return resolve(ctx, p, flag, def, flat, object)
}

// Track implements [openfeature.Tracker]: it counts a business event with its value on
// the flags that were decided for the subject. See [client.Client.Track] for names.
// Attributes of the details are left out: counters have no room for them.
func (p *Provider) Track(ctx context.Context, event string, about openfeature.EvaluationContext, details openfeature.TrackingEventDetails) {
	flags := p.client.Load()
	if flags == nil {
		return
	}
	defer func() { _ = recover() }() // an attribute that cannot write itself
	if ctx == nil {
		ctx = context.Background()
	}
	properties := about.Attributes()
	if key := about.TargetingKey(); key != "" {
		properties[openfeature.TargetingKey] = key
	}
	s := client.SubjectAbout(ctx, properties)
	if s.Key == "" && s.Request == "" && len(s.Attributes) == 0 {
		flags.Track(ctx, nil, event, details.Value()) // which says that nobody is known
		return
	}
	flags.Track(ctx, &s, event, details.Value())
}
