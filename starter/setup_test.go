package starter_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/internal/temporaltest"
	"github.com/rampart-dev/rampart/starter"
)

func TestMain(m *testing.M) { os.Exit(temporaltest.Run(m)) }

// An emptied store looks like a new one, but its flags live on in Temporal.
func TestAnEmptiedStoreIsNotSetUpAnew(t *testing.T) {
	redis := redistest.Start(t)
	s, err := starter.Dial(starter.Options{
		Environment: "emptied", Temporal: temporaltest.Shared(t).Address(), Redis: redis.URL(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Setup(t.Context())
	require.NoError(t, err)
	again, err := s.Setup(t.Context())
	require.NoError(t, err, "doing it again changes nothing")
	require.Empty(t, again.Added)
	require.NoError(t, s.Sweep(t.Context(), time.Second))

	redis.Restart()
	_, err = s.Setup(t.Context())
	require.Equal(t, rampart.Refused, rampart.KindOf(err), "%v", err)
	require.Contains(t, rampart.HintOf(err), "a worker restores")
	meta, err := s.Store.Meta(t.Context())
	require.NoError(t, err)
	require.Empty(t, meta.Epoch)
}
