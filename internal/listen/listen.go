// Package listen takes the addresses of our processes, and says in one way what is wrong
// with one.
package listen

import (
	"net"

	"github.com/rampart-dev/rampart"
)

// Check returns what is wrong with host:port, as far as it can be told without listening.
func Check(flag, address, usual string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return rampart.Errorf(rampart.Invalid, "%s: cannot listen on %q", flag, address).WithHint("write host:port, such as %s", usual)
	}
	return nil
}

// Loopback reports whether a host is this machine alone. A name is not looked up: what it
// means may change.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// On listens.
func On(network, address, flag string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "cannot listen").Because(err).
			WithHint("name another address with %s; port 0 is any free one", flag)
	}
	return l, nil
}
