package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

// askTimeout bounds each question to Prometheus: a person waits.
const askTimeout = 5 * time.Second

// againstFlag adds the flag that names a Prometheus. It takes no password, which
// everybody on the machine could read; variables do.
func againstFlag(c *cobra.Command, to *string, meaning string) {
	c.Flags().Var(urlFlag{to}, "against", meaning)
}

type urlFlag struct{ to *string }

// Set implements pflag.Value.
func (f urlFlag) Set(text string) error {
	if u, err := url.Parse(text); err == nil && u.User != nil {
		return errors.New("everybody on this machine can read a password on a command line; use RAMPART_PROMETHEUS_USER and RAMPART_PROMETHEUS_PASSWORD")
	}
	*f.to = text
	return nil
}

// String implements pflag.Value.
func (f urlFlag) String() string {
	if f.to == nil {
		return ""
	}
	return *f.to
}

// Type implements pflag.Value.
func (urlFlag) Type() string { return "string" }

// ask asks a Prometheus of all gates, and tells what would keep one from being
// judged, or turn a launch back at once.
func ask(ctx context.Context, plan rampart.Plan, address string) (rampart.Mistakes, error) {
	prometheus, err := prometheusAt(address)
	if err != nil {
		return nil, err
	}
	return prometheus.Check(ctx, plan.WithDefaults()) // also the standard gates are asked
}

// prometheusAt is a Prometheus at an address, with the credentials that a worker would
// have from the same variables.
func prometheusAt(address string) (*gates.Prometheus, error) {
	return gates.NewPrometheus(prometheusOptions(address))
}

func prometheusOptions(address string) gates.PrometheusOptions {
	return gates.PrometheusOptions{
		Address: address, Timeout: askTimeout,
		Username: os.Getenv("RAMPART_PROMETHEUS_USER"), Password: os.Getenv("RAMPART_PROMETHEUS_PASSWORD"),
		PasswordFile: os.Getenv("RAMPART_PROMETHEUS_PASSWORD_FILE"),
		BearerToken:  os.Getenv("RAMPART_PROMETHEUS_TOKEN"), BearerTokenFile: os.Getenv("RAMPART_PROMETHEUS_TOKEN_FILE"),
		CAFile:   os.Getenv("RAMPART_PROMETHEUS_TLS_CA"),
		CertFile: os.Getenv("RAMPART_PROMETHEUS_TLS_CERT"), KeyFile: os.Getenv("RAMPART_PROMETHEUS_TLS_KEY"),
		ServerName: os.Getenv("RAMPART_PROMETHEUS_TLS_SERVER_NAME"),
	}
}
