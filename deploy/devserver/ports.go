package main

import (
	"errors"
	"fmt"
	"net"
	"os"

	"go.temporal.io/server/common/primitives"
)

// ports are those on which the services listen. Only the frontend's is of
// interest to anybody outside; for the others any free one will do.
type ports struct {
	services map[primitives.ServiceName]int
	http     int
	metrics  int
}

// findPorts checks the ports that were asked for and finds the others.
func findPorts(opts options) (ports, error) {
	claim := portClaim{ip: opts.ip}
	defer claim.release()

	found := ports{services: map[primitives.ServiceName]int{primitives.FrontendService: opts.port}}
	if err := claim.asked("port", opts.port); err != nil {
		return ports{}, err
	}
	if !opts.headless {
		if err := claim.asked("ui-port", opts.uiPort); err != nil {
			return ports{}, err
		}
	}
	if found.metrics = opts.metricsPort; found.metrics != 0 {
		if err := claim.asked("metrics-port", found.metrics); err != nil {
			return ports{}, err
		}
	} else if err := claim.free(&found.metrics); err != nil {
		return ports{}, err
	}
	if err := claim.free(&found.http); err != nil {
		return ports{}, err
	}
	for _, service := range []primitives.ServiceName{
		primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
	} {
		var port int
		if err := claim.free(&port); err != nil {
			return ports{}, err
		}
		found.services[service] = port
	}
	return found, nil
}

// portClaim holds ports until all are known, so that no two are the same. The
// server then opens them by number.
type portClaim struct {
	ip   string
	held []net.Listener
}

func (c *portClaim) asked(flag string, port int) error {
	listener, err := net.Listen("tcp", address(c.ip, port))
	if err != nil {
		return portError{address: address(c.ip, port), flag: flag, cause: err}
	}
	c.held = append(c.held, listener)
	return nil
}

func (c *portClaim) free(port *int) error {
	listener, err := net.Listen("tcp", address(c.ip, 0))
	if err != nil {
		return fmt.Errorf("find a free port: %w", err)
	}
	c.held = append(c.held, listener)
	*port = listener.Addr().(*net.TCPAddr).Port
	return linger(listener)
}

// linger leaves a connection in TIME_WAIT on the port. For the next minute the
// system then gives it to nobody who asks for any free port, but still to us,
// who ask for it by number.
func linger(listener net.Listener) error {
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return fmt.Errorf("reserve a free port: %w", err)
	}
	defer client.Close()
	accepted, err := listener.Accept()
	if err != nil {
		return fmt.Errorf("reserve a free port: %w", err)
	}
	return accepted.Close() // Who closes first is who lingers.
}

func (c *portClaim) release() {
	for _, listener := range c.held {
		_ = listener.Close()
	}
}

// portError is a port that cannot be had, mostly because it is taken.
type portError struct {
	address, flag string
	cause         error
}

func (e portError) Error() string {
	cause := e.cause
	var system *os.SyscallError
	if errors.As(e.cause, &system) {
		cause = system.Err // Without net's prefix, which says the address again.
	}
	return fmt.Sprintf("listen on %s: %v", e.address, cause)
}

func (e portError) Unwrap() error { return e.cause }

// Hint says what to do about it.
func (e portError) Hint() string {
	return fmt.Sprintf("stop what listens on %s, or choose another port with --%s", e.address, e.flag)
}
