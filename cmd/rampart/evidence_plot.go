package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/starter"
)

const (
	plotCells = 48
	// decades is how many powers of ten below its limit evidence is drawn.
	decades = 4
)

// plotted draws how evidence went, a row of bars each: of the launch, of each gate, and
// of the rate ratios and the exposure beside them.
func plotted(e starter.Evidence, now time.Time) []string {
	from, to := span(e.Points)
	lines := []string{
		fmt.Sprintf("%s  %s  run %s", e.Flag, e.Environment, e.Run),
		fmt.Sprintf("%s kept, %s to %s; evidence in powers of ten, full at its limit", plural(len(e.Points), "look"),
			starter.Moment(from, now), starter.Moment(to, now)), "",
	}
	last := e.Points[len(e.Points)-1]
	lines = append(lines, row("exposure", bars(e.Points, exposureOf)+"  "+last.Exposure.String()))
	lines = append(lines, row("launch", bars(e.Points, func(p flagstore.Point) float64 { return level(p.Share) })+"  "+shareOfLimit(last.Share)))
	for _, name := range gatesOf(e) {
		lines = append(lines, gatePlot(e.Points, name)...)
	}
	return lines
}

// gatePlot draws the evidence of a gate and its ratio; of one that gathers none, what
// it measured.
func gatePlot(points []flagstore.Point, name string) []string {
	low, high, weighs := measured(points, name)
	value := func(p flagstore.Point) float64 {
		if g := gateAt(p, name); g != nil && g.Value != nil {
			return (*g.Value - low) / max(high-low, math.SmallestNonzeroFloat64)
		}
		return math.NaN()
	}
	now := "  " + cell(points[len(points)-1], name)
	if !weighs {
		return []string{row(name, bars(points, value)+now+fmt.Sprintf(", of %.4g to %.4g", low, high))}
	}
	lines := []string{row(name, bars(points, func(p flagstore.Point) float64 { return gateLevel(p, name) })+now)}
	if low < high {
		lines = append(lines, row("  ratio", bars(points, value)+fmt.Sprintf("  %.2fx to %.2fx", low, high)))
	}
	return lines
}

func span(points []flagstore.Point) (from, to time.Time) {
	return time.UnixMilli(points[0].At), time.UnixMilli(points[len(points)-1].At)
}

var cells = []rune(" ▁▂▃▄▅▆▇█")

// bars draws the highest level of the points in each part of the time. A part without
// a point is as the one before: nobody has looked, and nothing has changed.
func bars(points []flagstore.Point, of func(flagstore.Point) float64) string {
	from, to := points[0].At, points[len(points)-1].At
	var b strings.Builder
	level, next := math.NaN(), 0
	for i := range int64(plotCells) {
		end := from + (to-from)*(i+1)/plotCells
		for first := true; next < len(points) && points[next].At <= end; next++ {
			if l := of(points[next]); first || l > level || math.IsNaN(level) {
				level = l
			}
			first = false
		}
		b.WriteRune(cells[cellOf(level)])
	}
	return b.String()
}

func cellOf(level float64) int {
	if math.IsNaN(level) {
		return 0
	}
	most := float64(len(cells) - 2)
	return 1 + int(math.Round(most*min(1, max(0, level))))
}

func exposureOf(p flagstore.Point) float64 { return p.Exposure.Share() }

// level places a share of the limit on the scale: 1 at the limit.
func level(share float64) float64 {
	if share <= 0 {
		return 0
	}
	return 1 + math.Log10(share)/decades
}

// gateLevel is that of a gate; not a number where it was not asked.
func gateLevel(p flagstore.Point, name string) float64 {
	g := gateAt(p, name)
	if g == nil || g.LogE == 0 && g.Share == 0 {
		return math.NaN()
	}
	return level(g.Share)
}

// measured returns between what the value of a gate went, and whether it gathers
// evidence.
func measured(points []flagstore.Point, name string) (low, high float64, weighs bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, p := range points {
		g := gateAt(p, name)
		if g == nil {
			continue
		}
		weighs = weighs || g.LogE != 0 || g.Share != 0
		if g.Value != nil {
			low, high = min(low, *g.Value), max(high, *g.Value)
		}
	}
	return low, high, weighs
}
