package promtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// A Sample is a value of a series at a time.
type Sample struct {
	At    time.Time
	Value float64
}

// Write stores samples of one series as if they had been scraped, through the
// remote-write interface. Samples of a series must be in the order of their times,
// over all calls, and within the last hour or so.
func (s *Server) Write(metric string, labels map[string]string, samples ...Sample) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	body := bytes.NewReader(snappy(writeRequest(metric, labels, samples)))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/api/v1/write", body)
	if err != nil {
		s.t.Fatalf("promtest: %v", err)
	}
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatalf("promtest: write %s: %v", metric, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 != 2 {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		s.t.Fatalf("promtest: write %s: %s: %s", metric, resp.Status, why)
	}
}

// writeRequest encodes prometheus.WriteRequest with one time series.
func writeRequest(metric string, labels map[string]string, samples []Sample) []byte {
	all := maps.Clone(labels)
	if all == nil {
		all = map[string]string{}
	}
	all["__name__"] = metric
	var series []byte
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var label []byte
		label = appendText(label, 1, name)
		label = appendText(label, 2, all[name])
		series = appendMessage(series, 1, label)
	}
	for _, x := range samples {
		var sample []byte
		sample = protowire.AppendTag(sample, 1, protowire.Fixed64Type)
		sample = protowire.AppendFixed64(sample, math.Float64bits(x.Value))
		sample = protowire.AppendTag(sample, 2, protowire.VarintType)
		sample = protowire.AppendVarint(sample, uint64(x.At.UnixMilli()))
		series = appendMessage(series, 2, sample)
	}
	return appendMessage(nil, 1, series)
}

func appendText(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendMessage(b []byte, field protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
}

// snappy writes the block format with literals only, which every reader of it
// understands, so that no compressor is needed here.
func snappy(b []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(b)))
	for part := range slices.Chunk(b, 1<<16) {
		n := len(part) - 1
		out = append(out, 61<<2, byte(n), byte(n>>8)) // a literal whose length takes two bytes
		out = append(out, part...)
	}
	return out
}
