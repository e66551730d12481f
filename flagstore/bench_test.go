package flagstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rampart-dev/rampart/flagstore"
)

// BenchmarkRoundTrip compares what a write and a watch cost with the least that a
// round trip can: go test -bench RoundTrip ./flagstore
func BenchmarkRoundTrip(b *testing.B) {
	ctx := context.Background()
	s, _ := open(b)
	b.Run("ping", func(b *testing.B) {
		for b.Loop() {
			if err := s.Ping(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
	fence := int64(0)
	b.Run("put", func(b *testing.B) {
		for b.Loop() {
			fence++
			if _, err := s.Put(ctx, with(expose(fence, 100), leased(time.Hour))); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("renew", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.RenewLease(ctx, "f", began+fence, time.Hour); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("kill", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Kill(ctx, "f", "ann", "fire"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkLoad reads a whole environment of 1,000 flags.
func BenchmarkLoad(b *testing.B) {
	ctx := context.Background()
	s, _ := open(b)
	for i := range 1000 {
		put(b, s, with(expose(1, 100), func(w *flagstore.Write) { w.Flag.Name = fmt.Sprintf("flag-%d", i) }))
	}
	for b.Loop() {
		if _, err := s.Load(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkKeep compares what it costs to keep evidence alone and with its point, of a
// dozen gates: go test -bench Keep ./flagstore
func BenchmarkKeep(b *testing.B) {
	ctx := context.Background()
	s, _ := open(b)
	blob, n := make([]byte, 6<<10), 0
	b.Run("evidence", func(b *testing.B) {
		for b.Loop() {
			n++
			if err := s.PutEvidence(ctx, "f", "run-1", began+int64(n), blob); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("look", func(b *testing.B) {
		for b.Loop() {
			n++
			p := full(0, 12)
			p.At = began + int64(n)
			if err := s.PutLook(ctx, "f", "run-1", blob, p); err != nil {
				b.Fatal(err)
			}
		}
	})
}
