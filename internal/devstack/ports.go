package devstack

import (
	"fmt"
	"net"
	"strconv"

	"github.com/rampart-dev/rampart"
)

// FreePorts finds ports of the loopback interface for what is to be launched beside
// the stack. They are kept from everybody who asks for any port for about a minute.
func FreePorts(n int) ([]int, error) { return claim(0, n) }

// claim finds ports that nobody listens on: successive ones, or any where first is
// 0. They are held until all are found, so that no two are the same.
func claim(first, n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		wanted := 0
		if first > 0 {
			wanted = first + i
		}
		l, err := net.Listen("tcp", loopback(wanted))
		if err != nil {
			return nil, rampart.Errorf(rampart.Invalid, "port %d is taken, or may not be used", wanted).
				WithHint("%d successive ports are needed; name another first one, or none for free ports", n).Because(err)
		}
		defer func() { _ = l.Close() }()
		ports[i] = l.Addr().(*net.TCPAddr).Port
		if err := linger(l); err != nil {
			return nil, err
		}
	}
	return ports, nil
}

// linger leaves a connection in TIME_WAIT on the port. For the next minute the
// system gives it to nobody who asks for any port, but to those who ask for it by
// number: without that, a part that starts last may find its port gone.
func linger(l net.Listener) error {
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return fmt.Errorf("keep a port: %w", err)
	}
	defer func() { _ = client.Close() }()
	accepted, err := l.Accept()
	if err != nil {
		return fmt.Errorf("keep a port: %w", err)
	}
	return accepted.Close() // who closes first is who lingers
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
