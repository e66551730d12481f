package access_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/console/access"
)

const production = "production"

func TestATokenSurvivesItsLine(t *testing.T) {
	expires := time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC)
	secret, kept, err := access.New(access.Token{Name: "shop-web", Kind: access.Browser, Environment: production, Expires: expires, Flags: []string{"a", "b"}})
	require.NoError(t, err)
	require.Regexp(t, `^rampart_browser_[A-Za-z0-9_-]{43}$`, secret)
	require.NotContains(t, kept.String(), secret)
	again, err := access.Parse("tokens", []byte("# a comment\n\n"+kept.String()+" # of the shop\n"))
	require.NoError(t, err)
	require.Equal(t, []access.Token{kept}, again)

	other, _, err := access.New(kept)
	require.NoError(t, err)
	require.NotEqual(t, secret, other)
}

func TestMistakesInTheFile(t *testing.T) {
	hash := "sha256:" + strings.Repeat("ab", 32)
	for _, c := range []struct{ name, text, want string }{
		{"too few words", "shop-web browser production", "tokens:1: it has 3 words"},
		{"a hash that is none", "shop-web browser production sha256:abc", "tokens:1: its fourth word is not the SHA-256 of a token"},
		{"a token instead of its hash", "shop-web browser production rampart_browser_secret", "tokens:1: its fourth word is not the SHA-256 of a token"},
		{"an unknown kind", "shop-web robot production " + hash, `tokens:1: "robot" is no kind of token`},
		{"a date that is none", "shop-web browser production " + hash + " flags=a expires=soon", `tokens:1: "soon" is no date`},
		{"a word that is neither", "shop-web browser production " + hash + " scope=all", `"scope=all" is neither expires= nor flags=`},
		{"a flag that is none", "shop-web browser production " + hash + " flags=a,,b", `"" is not a name for a flag`},
		{"a name twice", "a server production " + hash + "\n\na server production " + hash, "tokens:3: token a is on line 1 already"},
		{"a token twice", "a server production " + hash + "\nb server staging " + hash, "tokens:2: the token is on line 1 already"},
		{"a browser that sees everything", "shop-web browser production " + hash, "shop-web would show every visitor every flag"},
		{"a token beside its hash", "a server production " + hash + " rampart_server_secret", "tokens:1: it holds a token"},
		{"every mistake at once", "a\nb server", "tokens:2: it has 2 words"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := access.Parse("tokens", []byte(c.text))
			require.ErrorContains(t, err, c.want)
			require.Equal(t, rampart.Invalid, rampart.KindOf(err))
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

// file is a file of tokens that changes.
type file struct {
	t    *testing.T
	name string
}

func (f file) write(tokens ...access.Token) {
	var lines strings.Builder
	for _, token := range tokens {
		lines.WriteString(token.String() + "\n")
	}
	f.replace(lines.String())
}

func (f file) replace(text string) {
	f.t.Helper()
	fresh := f.name + ".new"
	require.NoError(f.t, os.WriteFile(fresh, []byte(text), 0o600))
	require.NoError(f.t, os.Rename(fresh, f.name))
}

func TestGrants(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	made := func(token access.Token) (string, access.Token) {
		secret, kept, err := access.New(token)
		require.NoError(t, err)
		return secret, kept
	}
	server, keptServer := made(access.Token{Name: "checkout", Kind: access.Server, Environment: production})
	expiring, keptExpiring := made(access.Token{Name: "trial", Kind: access.Server, Environment: production, Expires: now.Add(time.Hour)})
	staging, keptStaging := made(access.Token{Name: "staging", Kind: access.Server, Environment: "staging"})
	f := file{t, filepath.Join(t.TempDir(), "tokens")}
	f.write(keptServer, keptExpiring, keptStaging)
	grants, err := access.Open(access.Options{Environment: production, File: f.name, Log: zap.NewNop(), Now: func() time.Time { return now }})
	require.NoError(t, err)
	require.False(t, grants.Open())

	grant, err := grants.Of(server)
	require.NoError(t, err)
	require.Equal(t, "checkout", grant.Name)
	named, err := grants.Named("checkout")
	require.NoError(t, err)
	require.Same(t, grant, named)
	for secret, want := range map[string]error{
		"": access.ErrMissing, "guess": access.ErrUnknown, server + "x": access.ErrUnknown, staging: access.ErrElsewhere,
	} {
		_, err := grants.Of(secret)
		require.Equal(t, want, err, secret)
	}
	_, err = grants.Of(expiring)
	require.NoError(t, err)
	now = now.Add(time.Hour)
	_, err = grants.Of(expiring)
	require.Equal(t, access.ErrUnknown, err)

	go grants.Keep(t.Context())
	f.replace("a mistake")
	f.write(keptStaging) // whether or not the mistake was read, the file is right again
	select {
	case <-grant.Ended():
	case <-time.After(time.Minute):
		require.Fail(t, "the grant of a token that was taken out does not end")
	}
	_, err = grants.Of(server)
	require.Equal(t, access.ErrUnknown, err)

	f.write(keptServer, keptStaging)
	require.Eventually(t, func() bool { _, err := grants.Of(server); return err == nil }, time.Minute, time.Millisecond)
	before, err := grants.Of(server)
	require.NoError(t, err)
	f.write(keptServer) // of the two, the one that has not changed keeps its grant
	require.Eventually(t, func() bool { _, err := grants.Of(staging); return err == access.ErrUnknown }, time.Minute, time.Millisecond)
	after, err := grants.Of(server)
	require.NoError(t, err)
	require.Same(t, before, after)
}

func TestAFileThatIsBeingWrittenEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, kept, err := access.New(access.Token{Name: "checkout", Kind: access.Server, Environment: production})
		require.NoError(t, err)
		f := file{t, filepath.Join(t.TempDir(), "tokens")}
		f.write(kept)
		grants, err := access.Open(access.Options{Environment: production, File: f.name, Log: zap.NewNop()})
		require.NoError(t, err)
		go grants.Keep(t.Context())
		grant, err := grants.Named("checkout")
		require.NoError(t, err)
		ended := func() bool {
			time.Sleep(time.Second)
			synctest.Wait()
			select {
			case <-grant.Ended():
				return true
			default:
				return false
			}
		}
		require.False(t, ended())
		for range 3 {
			f.replace("") // as by a redirection, before the first line is there
			require.False(t, ended())
			f.write(kept)
			require.False(t, ended())
		}
		f.replace("")
		require.False(t, ended())
		require.True(t, ended(), "it stays so: the token is taken back")
	})
}

func TestWithoutAFileEverybodyMayAsk(t *testing.T) {
	grants, err := access.Open(access.Options{Environment: production})
	require.NoError(t, err)
	require.True(t, grants.Open())
	grant, err := grants.Of("")
	require.NoError(t, err)
	require.True(t, grant.May("checkout-v2"))
}

func TestRates(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	grants, err := access.Open(access.Options{Environment: production, Rate: access.Rate{PerSecond: 10, Burst: 4}})
	require.NoError(t, err)
	grant, err := grants.Of("")
	require.NoError(t, err)
	for range 4 {
		require.Zero(t, grant.Take(now))
	}
	require.Equal(t, 100*time.Millisecond, grant.Take(now))
	require.Equal(t, 100*time.Millisecond, grant.Take(now), "a question that was refused costs nothing")
	require.Zero(t, grant.Take(now.Add(100*time.Millisecond)))

	require.Zero(t, grant.Pace(2), "half of the burst at once")
	require.Equal(t, 200*time.Millisecond, grant.Pace(3), "the others at half the rate")

	addresses := access.NewAddresses(access.Rate{PerSecond: 1, Burst: 1})
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	require.Zero(t, addresses.Take(one, now))
	require.Zero(t, addresses.Take(other, now))
	require.Positive(t, addresses.Take(one, now))
	require.Positive(t, addresses.Take(netip.MustParseAddr("::ffff:192.0.2.1"), now), "an address written in another way is the same")
	require.Zero(t, addresses.Take(netip.MustParseAddr("2001:db8::1"), now))
	require.Positive(t, addresses.Take(netip.MustParseAddr("2001:db8::2"), now), "a network of IPv6 is one customer")
}

func TestWhereARequestComesFrom(t *testing.T) {
	proxies, err := access.ParseProxies("10.0.0.0/8, 192.0.2.7")
	require.NoError(t, err)
	for _, c := range []struct{ name, peer, forwarded, want string }{
		{"no proxy", "198.51.100.1:1", "", "198.51.100.1"},
		{"somebody says that he is a proxy", "198.51.100.1:1", "203.0.113.9", "198.51.100.1"},
		{"a proxy", "10.1.2.3:1", "203.0.113.9", "203.0.113.9"},
		{"a client that claims another address", "10.1.2.3:1", "1.1.1.1, 203.0.113.9", "203.0.113.9"},
		{"two proxies", "10.1.2.3:1", "203.0.113.9, 192.0.2.7", "203.0.113.9"},
		{"a proxy that says nothing", "10.1.2.3:1", "", "10.1.2.3"},
		{"a proxy that says nonsense", "10.1.2.3:1", "203.0.113.9, <script>", "10.1.2.3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
			require.Equal(t, c.want, proxies.From(r).String())
		})
	}
	_, err = access.ParseProxies("10.0.0.0/8, somewhere")
	require.ErrorContains(t, err, `"somewhere" is no network`)
}

func TestSecret(t *testing.T) {
	for _, c := range []struct{ name, header, value, want string }{
		{"a bearer token", "Authorization", "Bearer t", "t"},
		{"in another case", "Authorization", "bearer t", "t"},
		{"an API key", "X-API-Key", "t", "t"},
		{"another scheme", "Authorization", "Basic dTpw", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{}
			h.Set(c.header, c.value)
			require.Equal(t, c.want, access.Secret(h))
		})
	}
}
