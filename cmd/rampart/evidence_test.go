package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/starter"
)

// course is how a launch went that was turned back: harm begins in its last quarter.
func course(flag string) starter.Evidence {
	e := starter.Evidence{Flag: flag, Environment: "production", Run: "run-1"}
	const looks = 120
	ptr := func(v float64) *float64 { return &v }
	for i := range looks {
		p := flagstore.Point{At: now.Add(time.Duration(i-looks) * time.Minute).UnixMilli(), Phase: rampart.Debug, Exposure: 100, Word: rampart.Holding, Share: 0.05}
		pool := flagstore.GatePoint{Gate: "pool", Kind: rampart.KindThreshold, Word: rampart.Holding, Value: ptr(float64(12 + i/4%40))}
		errors := flagstore.GatePoint{Gate: "errors", Kind: rampart.KindRatio, Word: rampart.Holding, LogE: -1, Share: 0.02, OnN: float64(100 * i), OffN: float64(900 * i)}
		if i >= 10 {
			errors.Value, errors.Low, errors.High = ptr(1.04), ptr(0.5), ptr(2.1)
		}
		if i >= 30 {
			p.Phase, p.Exposure = rampart.MaxPowerRamp, 5000
			p.Gates = append(p.Gates, flagstore.GatePoint{Gate: "latency", Kind: rampart.KindLatency, Word: rampart.Holding, LogE: -0.5, Share: 0.02})
		}
		if i >= 90 {
			grown := float64(i-89) / 30
			errors.Value, errors.LogE, errors.Share = ptr(1+1.5*grown), 4*grown, math.Pow(0.02, 1-grown)
			p.Share = max(p.Share, errors.Share)
		}
		if i == looks-1 {
			p.Word, errors.Word = rampart.Breach, rampart.Breach
		}
		if i > 0 {
			p.Gates = append(p.Gates, errors)
		}
		p.Gates = append(p.Gates, pool)
		e.Points = append(e.Points, p)
	}
	e.Points[40].Gates[2].Word, e.Points[40].Gates[2].Value = rampart.NoData, nil
	return e
}

func TestEvidenceIsTold(t *testing.T) {
	var got strings.Builder
	e := course("checkout-v2")
	got.WriteString("# a table\n")
	showEvidence(&got, e, 12, now)
	got.WriteString("\n# a plot\n")
	writeLines(&got, plotted(e, now))
	one := starter.Evidence{Flag: "f", Environment: "production", Run: "run-1", Points: []flagstore.Point{{At: ago(0), Word: rampart.NotApplicable}}}
	got.WriteString("\n# a plot of one look that asked nothing\n")
	writeLines(&got, plotted(one, now))
	got.WriteString("\n# the same in a table\n")
	showEvidence(&got, one, 12, now)
	got.WriteString("\n# lines for other programs\n")
	require.NoError(t, writeCSV(&got, one))
	e.Points = evenly(e.Points, 4)
	require.NoError(t, writeCSV(&got, e))
	golden(t, "evidence.txt", got.String())
}

func TestDrawingIsWhole(t *testing.T) {
	for name, e := range map[string]starter.Evidence{
		"a launch":                  course("checkout-v2"),
		"a name that means to harm": course("<script>&"),
		"one look":                  {Points: []flagstore.Point{{At: ago(0)}}},
	} {
		svg := drawing(e)
		d := xml.NewDecoder(bytes.NewReader(svg))
		elements := 0
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			require.NoError(t, err, name)
			if start, ok := token.(xml.StartElement); ok {
				elements++
				require.Contains(t, []string{"svg", "rect", "text", "line", "path"}, start.Name.Local, name)
			}
		}
		require.Greater(t, elements, 20, name)
		require.NotContains(t, string(svg), "NaN", name)
		require.NotContains(t, string(svg), "Inf", name)
		require.Equal(t, svg, drawing(e), "it is the same every time")
	}
}
