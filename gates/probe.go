package gates

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/rampart-dev/rampart"
)

// probings are what is known of a probe.
type probings struct {
	Asked    int64  `json:"asked"`              // when it was last sent, ms by the clock
	Failures int    `json:"failures,omitempty"` // in a row
	Failing  int64  `json:"failing,omitempty"`  // the tick of the first of them
	Why      string `json:"why,omitempty"`      // of the last
}

const (
	// maxRedirects is how often a probe follows its host to another path.
	maxRedirects = 3
	// maxProbeBody is how much of an answer is read, so that the connection can be
	// used again. What it says does not matter.
	maxProbeBody = 64 << 10
	// probeSlack lets a probe be due at a tick that comes a little early.
	probeSlack = 100 * time.Millisecond
)

// due reports whether the probe is to be sent at this look. A probe is sent at
// ticks only, so never more often than the gates are judged.
func (g *gate) due(look Look, p rampart.Probe, now time.Time) bool {
	if g.Probed == nil {
		return true
	}
	slack := min(probeSlack, look.Every/10)
	return now.Sub(time.UnixMilli(g.Probed.Asked)) >= or(p.Interval, rampart.DefaultProbeInterval).D()-slack
}

// probed takes in what came of a probe.
func (g *gate) probed(look Look, saw sight) {
	if g.Probed == nil {
		g.Probed = new(probings)
	}
	p := g.Probed
	p.Asked = saw.to.UnixMilli()
	if saw.ill == "" {
		p.Failures, p.Failing, p.Why = 0, 0, ""
		return
	}
	if p.Failures == 0 {
		p.Failing = look.tick()
	}
	p.Failures, p.Why = p.Failures+1, short(saw.ill)
}

// well reads the verdict on a probe off what is known of it.
func (g *gate) well(look Look, name string, spec rampart.Probe, v *rampart.GateVerdict) {
	limit := or(spec.Failures, rampart.DefaultProbeFailures)
	failures := float64(g.Probed.Failures)
	v.Value = &failures
	switch {
	case g.Probed.Failures >= limit:
		v.Word, v.Reason = rampart.Breach, fmt.Sprintf("%s failed %s: %s", name, times(g.Probed.Failures), g.Probed.Why)
	case g.Probed.Failures > 0:
		v.Word, v.Reason = rampart.Holding, fmt.Sprintf("%s failed %d of %d times in a row: %s", name, g.Probed.Failures, limit, g.Probed.Why)
	case !look.HoldOver:
		v.Word, v.Reason = rampart.Holding, name+" is well"
	case g.Run < enough:
		v.Word, v.Reason = rampart.Holding, fmt.Sprintf("%s is well, at %d of %d ticks in a row", name, g.Run, enough)
	default:
		v.Word, v.Reason = rampart.Pass, name+" is well"
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times in a row", n)
}

// A prober sends probes. A probe that cannot be sent says so in its answer: not to
// be reached is what it looks for, so it is a failure and not blindness.
type prober struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	http *http.Client
}

func newProber(dial func(ctx context.Context, network, address string) (net.Conn, error)) prober {
	if dial == nil {
		dial = (&net.Dialer{Control: refuseLinkLocal}).DialContext
	}
	return prober{dial: dial, http: &http.Client{
		Transport: &http.Transport{
			DialContext:            dial,
			Proxy:                  nil, // the service itself is asked, not a proxy's opinion of it
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: stayAtHost,
	}}
}

// ask sends a probe and says what is wrong, or nothing.
func (p prober) ask(ctx context.Context, spec rampart.Probe) string {
	timeout := or(spec.Timeout, rampart.DefaultProbeTimeout).D()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var err error
	switch {
	case spec.URL != "":
		err = p.askHTTP(ctx, spec)
	case spec.TCP != "":
		err = p.askTCP(ctx, spec.TCP)
	case spec.GRPC != "":
		err = p.askGRPC(ctx, spec)
	default:
		err = errors.New("nothing to ask: give a url, a tcp or a grpc address")
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "no answer within " + rampart.Duration(timeout).String()
	}
	return err.Error()
}

func (p prober) askHTTP(ctx context.Context, spec rampart.Probe) error {
	u, err := url.Parse(spec.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("the address is not an http or https URL")
	}
	u.User = nil // credentials do not belong in a plan
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return errors.New("the address is not an http or https URL")
	}
	req.Header.Set("User-Agent", "rampart-probe")
	resp, err := p.http.Do(req)
	if err != nil {
		var where *url.Error // its text has the whole address, with whatever is in its query
		if errors.As(err, &where) {
			err = where.Err
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, maxProbeBody)
	if len(spec.Status) == 0 && resp.StatusCode/100 == 2 || slices.Contains(spec.Status, resp.StatusCode) {
		return nil
	}
	return fmt.Errorf("answered %s", resp.Status)
}

func (p prober) askTCP(ctx context.Context, address string) error {
	conn, err := p.dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (p prober) askGRPC(ctx context.Context, spec rampart.Probe) error {
	address, service, _ := strings.Cut(spec.GRPC, "/")
	creds := insecure.NewCredentials()
	if spec.TLS {
		creds = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(creds),
		grpc.WithUserAgent("rampart-probe"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxProbeBody)),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return p.dial(ctx, "tcp", address) }),
	)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	health, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	if err != nil {
		return err
	}
	if health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("answered %s", health.GetStatus())
	}
	return nil
}

// stayAtHost follows a redirect to another path of the same host, and takes one that
// leads elsewhere for the answer: whoever answers there was not asked about.
func stayAtHost(req *http.Request, via []*http.Request) error {
	if req.URL.Host != via[0].URL.Host || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// refuseLinkLocal keeps plans from reading what only the machine itself may read:
// clouds serve its credentials at link-local addresses.
func refuseLinkLocal(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%s is not an address", address)
	}
	if ip := to.Addr().Unmap(); ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return fmt.Errorf("%s is not an address that may be probed", ip)
	}
	return nil
}
