package starter_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/starter"
)

func TestEvidenceOfARunNeedsNoTemporal(t *testing.T) {
	store := flagstore.New(redistest.Start(t).Client(), "production")
	s := &starter.Starter{Store: store}
	points := []flagstore.Point{
		{At: ago(20 * time.Second), Phase: rampart.Debug, Exposure: 100, Word: rampart.Holding, Share: 0.05},
		{At: ago(10 * time.Second), Phase: rampart.Debug, Exposure: 500, Word: rampart.Breach, Share: 1},
	}
	for _, p := range points {
		require.NoError(t, store.PutLook(t.Context(), "checkout-v2", "run-1", []byte("{}"), p))
	}
	got, err := s.Evidence(t.Context(), "checkout-v2", "run-1")
	require.NoError(t, err)
	require.Equal(t, starter.Evidence{Flag: "checkout-v2", Environment: "production", Run: "run-1", Points: points}, got)

	_, err = s.Evidence(t.Context(), "checkout-v2", "run-2")
	require.Equal(t, rampart.NotFound, rampart.KindOf(err))
	require.Contains(t, rampart.HintOf(err), "400 days")
	_, err = s.Evidence(t.Context(), "checkout-v2", "no run")
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
}
