package acceptance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// A snare stands between workers and Redis, and freezes Redis at the moment at which a
// command is on its way: the command waits there until Redis goes on.
type snare struct {
	listener net.Listener
	to       string

	mu     sync.Mutex
	prey   []byte
	sprung chan struct{} // closed once Redis is frozen
	freeze func()
}

// snared has the workers that are started from now on reach Redis through a snare,
// until the function that it returns is called.
func (s *stack) snared() (*snare, func()) {
	s.t.Helper()
	direct, err := url.Parse(s.store.writer)
	require.NoError(s.t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	n := &snare{listener: listener, to: direct.Host, freeze: s.redis.Freeze}
	go n.accept()
	s.t.Cleanup(func() { _ = listener.Close() })
	through := *direct
	through.Host = listener.Addr().String()
	s.store.writer = through.String()
	return n, func() { s.store.writer = direct.String() }
}

// set has the next write sprung of a verb of the audit stream, to an exposure.
func (n *snare) set(t *testing.T, verb string, to rampart.Percent) {
	t.Helper()
	exposure, err := json.Marshal(to)
	require.NoError(t, err)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.prey, n.sprung = fmt.Appendf(nil, `"verb":%q,"exposure":%s`, verb, exposure), make(chan struct{})
}

// springs waits until Redis is frozen. That the write is being attempted is not enough:
// it may be on its way, and whoever lets Redis go on now has it frozen afterwards.
func (n *snare) springs(t *testing.T) {
	t.Helper()
	n.mu.Lock()
	sprung := n.sprung
	n.mu.Unlock()
	eventually(t, "the snare is sprung", func() (bool, any) {
		select {
		case <-sprung:
			return true, nil
		default:
			return false, nil
		}
	})
}

// look freezes Redis where the prey is in what is sent.
func (n *snare) look(sent []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.prey != nil && bytes.Contains(sent, n.prey) {
		n.prey = nil
		n.freeze()
		close(n.sprung)
	}
}

func (n *snare) accept() {
	for {
		from, err := n.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", n.to)
		if err != nil {
			_ = from.Close()
			continue
		}
		go func() {
			defer func() { _ = to.Close() }()
			defer func() { _ = from.Close() }()
			_, _ = io.Copy(from, to)
		}()
		go n.forward(from, to)
	}
}

// forward passes on what a worker sends. A command may come in two parts, so what is
// looked at begins a little before each. A worker that is gone leaves what it has sent.
func (n *snare) forward(from, to net.Conn) {
	part, before := make([]byte, 64<<10), []byte(nil)
	for {
		size, err := from.Read(part)
		n.look(append(before, part[:size]...))
		before = append([]byte(nil), part[max(0, size-64):size]...)
		if _, failed := to.Write(part[:size]); failed != nil || err != nil {
			if half, ok := to.(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
			return
		}
	}
}
