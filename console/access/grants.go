package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/rampart-dev/rampart"
)

// A Grant is a token that is in force.
type Grant struct {
	Token
	ended chan struct{} // closed when it is taken out of the file
	limit Rate
	rate  *rate.Limiter
}

// Ended is closed once the grant is taken back. That it expires must be looked at
// beside.
func (g *Grant) Ended() <-chan struct{} { return g.ended }

// Options say where tokens come from and how often each may ask.
type Options struct {
	Environment string
	File        string // of tokens; empty: whoever asks may see everything
	Rate        Rate   // of each token
	Log         *zap.Logger
	Now         func() time.Time
}

// Grants are the tokens that are in force.
type Grants struct {
	options Options
	anyone  *Grant // where there is no file

	byHash atomic.Pointer[map[[sha256.Size]byte]*Grant]
	byName atomic.Pointer[map[string]*Grant]

	mu   sync.Mutex // one reads the file
	text []byte     // of the file that is in force
	next []byte     // as it was last read, where that is another
}

// Open reads the tokens for the first time. A mistake in the file is an error.
func Open(o Options) (*Grants, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &Grants{options: o}
	g.use(nil)
	if o.File == "" {
		g.anyone = g.grant(Token{Name: "anyone", Kind: Server, Environment: o.Environment})
		return g, nil
	}
	_, err := g.reread()
	return g, err
}

// rereadEvery is how often the file is read. A token that was taken out is refused at the
// second time.
const rereadEvery = time.Second

// Keep reads the file again whenever it has changed, until the context ends. While
// the file cannot be read, or has a mistake, the tokens of before stay in force.
func (g *Grants) Keep(ctx context.Context) {
	if g.options.File == "" {
		return
	}
	tick := time.NewTicker(rereadEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		news, err := g.reread()
		switch {
		case err != nil && !failing:
			g.options.Log.Error("tokens cannot be read again; those of before stay in force", zap.Error(err), zap.String("hint", rampart.HintOf(err)))
		case err == nil && news:
			g.options.Log.Info("tokens read", zap.Int("tokens", len(*g.byName.Load())))
		}
		failing = err != nil
	}
}

func (g *Grants) reread() (news bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	text, err := readFile(g.options.File)
	if err != nil || g.text != nil && bytes.Equal(text, g.text) {
		g.next = nil
		return false, err
	}
	// Somebody may be writing it: half a file, or none of it yet, is without mistakes too,
	// and would end what others have opened.
	if g.text != nil && (g.next == nil || !bytes.Equal(text, g.next)) {
		g.next = text
		return false, nil
	}
	tokens, err := Parse(g.options.File, text)
	if err != nil {
		return false, err
	}
	g.text, g.next = text, nil
	g.use(tokens)
	return true, nil
}

// use puts tokens in force. One that has not changed keeps its grant, and with it
// what it has opened and how much it has asked.
func (g *Grants) use(tokens []Token) {
	byHash, byName := map[[sha256.Size]byte]*Grant{}, map[string]*Grant{}
	var before map[string]*Grant
	if p := g.byName.Load(); p != nil {
		before = *p
	}
	for _, t := range tokens {
		grant := before[t.Name]
		if grant == nil || grant.String() != t.String() {
			grant = g.grant(t)
		}
		byHash[t.Hash], byName[t.Name] = grant, grant
	}
	g.byHash.Store(&byHash)
	g.byName.Store(&byName)
	for name, grant := range before {
		if byName[name] != grant {
			close(grant.ended)
		}
	}
}

func (g *Grants) grant(t Token) *Grant {
	return &Grant{Token: t, ended: make(chan struct{}), limit: g.options.Rate, rate: g.options.Rate.limiter()}
}

// The ways to be refused: by the first two nobody knows who asks, by the third it is
// known, and of no use.
var (
	ErrUnknown   = rampart.Errorf(rampart.Refused, "the token is not known, or has expired")
	ErrMissing   = rampart.Errorf(rampart.Refused, "there is no token").WithHint("send it as Authorization: Bearer TOKEN, or as X-API-Key: TOKEN")
	ErrElsewhere = rampart.Errorf(rampart.Refused, "the token is for another environment")
)

// Of returns the grant of a token.
func (g *Grants) Of(secret string) (*Grant, error) {
	if g.anyone != nil {
		return g.anyone, nil
	}
	if secret == "" {
		return nil, ErrMissing
	}
	// What is looked up is a hash of 256 random bits, so the time that it takes tells
	// nothing that would help to guess them.
	sum := sha256.Sum256([]byte(secret))
	grant := (*g.byHash.Load())[sum]
	if grant == nil || subtle.ConstantTimeCompare(grant.Hash[:], sum[:]) != 1 {
		return nil, ErrUnknown
	}
	return g.inForce(grant)
}

// Named returns the grant of the token of that name.
func (g *Grants) Named(name string) (*Grant, error) {
	if g.anyone != nil {
		return g.anyone, nil
	}
	grant := (*g.byName.Load())[name]
	if grant == nil {
		return nil, ErrUnknown
	}
	return g.inForce(grant)
}

func (g *Grants) inForce(grant *Grant) (*Grant, error) {
	switch {
	case !grant.Expires.IsZero() && !g.options.Now().Before(grant.Expires):
		return nil, ErrUnknown
	case grant.Environment != g.options.Environment:
		return nil, ErrElsewhere
	}
	return grant, nil
}

// Open reports whether everybody is let in.
func (g *Grants) Open() bool { return g.anyone != nil }
