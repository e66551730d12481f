package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/internal/temporaltest"
	"github.com/rampart-dev/rampart/starter"
)

func TestLaunchIsWalkedBehindATemporalThatAsksForCertificates(t *testing.T) {
	certs := redistest.NewCertificates(t)
	s := newSite(t)
	guard := temporaltest.Guard(t, s.temporal, certs.ServerCert, certs.ServerKey, certs.CA)
	s.config.Parts.Temporal = guard.Address()
	s.config.Parts.TLS = starter.TLS{CA: certs.CA, Cert: certs.ClientCert, Key: certs.ClientKey, ServerName: redistest.ServerName}
	s.setup()
	s.work().awaitReady()
	_, err := s.starter.Start(t.Context(), starter.Launching{Plan: s.plan(), By: "rita"})
	require.NoError(t, err)
	guard.HangUp() // as a frontend that is replaced

	out, err := s.starter.Wait(t.Context(), "checkout-v2")
	require.NoError(t, err)
	require.Equal(t, rampart.Launched, out.State)
}
