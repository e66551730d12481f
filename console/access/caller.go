package access

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/rampart-dev/rampart"
)

// Secret returns the token that a request shows, or "".
func Secret(h http.Header) string {
	if scheme, token, ok := strings.Cut(h.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return h.Get("X-API-Key")
}

// Proxies are those whose word about where a request came from is believed.
type Proxies []netip.Prefix

// ParseProxies reads networks and addresses, separated by commas.
func ParseProxies(text string) (Proxies, error) {
	var all Proxies
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		p, err := netip.ParsePrefix(word)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(word); err == nil {
				p, err = a.Prefix(a.BitLen())
			}
		}
		if err != nil {
			return nil, rampart.Errorf(rampart.Invalid, "%q is no network", word).WithHint("write 10.0.0.0/8, or an address")
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// From returns the address that a request comes from. Every proxy adds the one before
// it at the end of X-Forwarded-For, so the last that is no proxy of ours is the first
// whom nobody vouches for.
func (p Proxies) From(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	from, err := netip.ParseAddr(host)
	if err != nil || !p.trust(from) {
		return from
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return from
		}
		if from = hop; !p.trust(from) {
			return from
		}
	}
	return from
}

func (p Proxies) trust(a netip.Addr) bool {
	a = a.Unmap()
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}
