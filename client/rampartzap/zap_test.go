package rampartzap_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/client/rampartzap"
	"github.com/rampart-dev/rampart/flagstore"
)

// fixed is a store whose twenty flags with a launch are on for everybody.
type fixed struct{}

func (fixed) Load(context.Context) (flagstore.Snapshot, error) {
	s := flagstore.Snapshot{Epoch: "e", Revision: 1, Now: time.Now()}
	for i := range 20 {
		f := rampart.Flag{
			Format: rampart.FlagFormat, Name: fmt.Sprintf("flag-%d", i), Version: 1, Exposure: rampart.Full,
			Off: []byte("false"), On: []byte("true"), Unit: rampart.User, HashVersion: rampart.HashVersion, Launch: "a", Phase: rampart.Debug,
		}
		doc, err := json.Marshal(f)
		if err != nil {
			return s, err
		}
		s.Flags = append(s.Flags, flagstore.Document{Name: f.Name, Version: 1, JSON: doc})
	}
	return s, nil
}

func (fixed) Revision(context.Context) (string, int64, error) { return "e", 1, nil }
func (fixed) Leases(context.Context) ([]rampart.LeaseTerm, time.Time, error) {
	return nil, time.Now(), nil
}
func (fixed) Confirm(context.Context, flagstore.Reader) (int, error)   { return 1, nil }
func (fixed) Leave(context.Context, string) error                      { return nil }
func (f fixed) Follow(context.Context) (flagstore.Subscription, error) { return f, nil }
func (fixed) Close() error                                             { return nil }
func (fixed) Next(ctx context.Context) (flagstore.Change, error) {
	<-ctx.Done()
	return flagstore.Change{}, ctx.Err()
}

func TestLinesTellOfFlags(t *testing.T) {
	flags, err := client.Open(t.Context(), client.Options{Environment: "production", Feed: fixed{}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, flags.Close()) })
	var out bytes.Buffer
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"}), zapcore.AddSync(&out), zap.InfoLevel))
	line := func(ctx context.Context) map[string]any {
		out.Reset()
		log.Info("paid", rampartzap.Flags(ctx), zap.Int("amount", 5))
		fields := map[string]any{}
		require.NoError(t, json.Unmarshal(out.Bytes(), &fields), out.String())
		return fields
	}
	ctx, r := flags.Begin(t.Context(), rampart.Subject{Key: "ann", Request: "r1"})
	require.Equal(t, map[string]any{"msg": "paid", "amount": 5.0}, line(t.Context()))
	require.Equal(t, map[string]any{"msg": "paid", "amount": 5.0, "request_id": "r1"}, line(ctx))
	flags.OnContext(ctx, "flag-7")
	require.Equal(t, map[string]any{"flag-7": "on"}, line(ctx)["flags"])
	for i := range 20 {
		flags.OnContext(ctx, fmt.Sprintf("flag-%d", i))
	}
	r.End(false)
	got := line(ctx)
	require.Len(t, got["flags"], client.MaxLogged)
	require.EqualValues(t, 20-client.MaxLogged, got["flags_more"])
	require.NotContains(t, out.String(), "ann")
}
