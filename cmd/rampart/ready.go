package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/worker"
)

// readyPatience is how long an answer may take: a worker asks its own parts for two
// seconds first.
const readyPatience = 5 * time.Second

func (a *app) readyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ready [URL]",
		Short: "Ask a worker whether it can work, for health checks",
		Long: `Ready asks /readyz of the worker on this machine, at the address of RAMPART_LISTEN,
and says what is missing; or it asks any other URL. It exits with 0 where the answer is
good and with 5 where it is not, for images that have nothing else to ask with.`,
		Example: "  rampart ready\n  rampart ready http://127.0.0.1:8080/healthz",
		Args:    a.takes("[URL]"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			address, err := readyAddress(os.Getenv("RAMPART_LISTEN"), args)
			if err != nil {
				return err
			}
			return ready(ctx, address)
		}),
	}
}

// readyAddress returns what to ask. A worker that listens everywhere is asked on
// loopback.
func readyAddress(listen string, args []string) (string, error) {
	if len(args) > 0 {
		if u, err := url.Parse(args[0]); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "", rampart.Errorf(rampart.Invalid, "%q is no address to ask", args[0]).WithHint("write http://host:port/path")
		}
		return args[0], nil
	}
	if listen == "" {
		var usual worker.Config
		usual.Settings()
		listen = usual.Listen
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "0" {
		return "", rampart.Errorf(rampart.Invalid, "RAMPART_LISTEN does not say where the worker listens").WithHint("name its address: rampart ready http://host:port/readyz")
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/readyz", nil
}

func ready(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil) // #nosec G704 -- whoever runs the command may ask whom they like
	if err != nil {
		return rampart.Errorf(rampart.Invalid, "%q is no address to ask", address).Because(err)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req) // #nosec G704 -- likewise
	if err != nil {
		return rampart.Errorf(rampart.Unreachable, "nobody answers").Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < http.StatusBadRequest {
		return nil
	}
	return rampart.Errorf(rampart.Unreachable, "%s answers %s%s", address, resp.Status, missing(resp.Body))
}

// missing lists what a worker says it is without.
func missing(body io.Reader) string {
	var said struct {
		State string
		Parts map[string]struct {
			OK     bool
			Needed bool
			Error  string
		}
	}
	if json.NewDecoder(io.LimitReader(body, 64<<10)).Decode(&said) != nil || said.State == "" {
		return ""
	}
	var without []string
	for name, part := range said.Parts {
		if part.Needed && !part.OK {
			without = append(without, name+": "+part.Error)
		}
	}
	slices.Sort(without)
	return ": " + strings.Join(append([]string{said.State}, without...), "; ")
}
