package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// A chart is drawn as SVG, with a font that every reader has and without scripts.
type chart struct {
	title, x, y string
	logX, logY  bool
	lines       []line
}

type line struct {
	name   string
	points []point
	dashed bool
}

type point struct{ x, y float64 }

// A bar is a value with its interval.
type bar struct {
	name             string
	value, low, high float64
}

const (
	width, height = 860, 440
	left, right   = 70, 300 // right of the axes there is the legend
	top, bottom   = 40, 50
)

// colors can be told apart by most people, after Okabe and Ito.
var colors = []string{"#0072B2", "#5FA8D3", "#A6CEE3", "#000000", "#999999", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#8C564B", "#7F7F00", "#444444"}

// axis turns values into places.
type axis struct {
	low, high float64
	log       bool
	from, to  float64
}

func newAxis(values []float64, log bool, from, to float64) axis {
	a := axis{low: math.Inf(1), high: math.Inf(-1), log: log, from: from, to: to}
	for _, v := range values {
		a.low, a.high = min(a.low, v), max(a.high, v)
	}
	if !log {
		a.low = min(a.low, 0)
	}
	if !(a.high > a.low) {
		a.high = a.low + 1
	}
	return a
}

func (a axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		low, high, v = math.Log(low), math.Log(high), math.Log(v)
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}

// marks are round values along the axis.
func (a axis) marks() []float64 {
	var out []float64
	if a.log {
		for decade := math.Pow(10, math.Floor(math.Log10(a.low))); decade <= a.high; decade *= 10 {
			for _, m := range []float64{1, 1.5, 2, 3, 5} {
				if v := m * decade; v >= a.low*0.999 && v <= a.high*1.001 {
					out = append(out, v)
				}
			}
		}
		return out
	}
	step := math.Pow(10, math.Floor(math.Log10(a.high-a.low)))
	if (a.high-a.low)/step < 4 {
		step /= 2
	}
	for v := math.Ceil(a.low/step) * step; v <= a.high; v += step {
		out = append(out, v)
	}
	return out
}

type drawing struct{ strings.Builder }

func newDrawing(title string) *drawing {
	d := new(drawing)
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(d, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	d.label(left, 22, "start", "14", title)
	return d
}

func (d *drawing) label(x, y float64, anchor, size, text string) {
	fmt.Fprintf(d, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%s">%s</text>`+"\n", x, y, anchor, size, html.EscapeString(text))
}

func (d *drawing) stroke(x1, y1, x2, y2 float64, color, more string) {
	fmt.Fprintf(d, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" %s/>`+"\n", x1, y1, x2, y2, color, more)
}

func (d *drawing) end() string {
	fmt.Fprintln(d, "</svg>")
	return d.String()
}

// svg draws the chart.
func (c chart) svg() string {
	var xs, ys []float64
	for _, l := range c.lines {
		for _, p := range l.points {
			xs, ys = append(xs, p.x), append(ys, p.y)
		}
	}
	x := newAxis(xs, c.logX, left, width-right)
	y := newAxis(ys, c.logY, height-bottom, top)
	d := newDrawing(c.title)
	for _, v := range y.marks() {
		d.stroke(left, y.at(v), width-right, y.at(v), "#DDDDDD", "")
		d.label(left-6, y.at(v)+4, "end", "11", fmt.Sprintf("%g", v))
	}
	slices.Sort(xs)
	for _, v := range slices.Compact(xs) { // what was measured, and nothing between
		d.stroke(x.at(v), height-bottom, x.at(v), height-bottom+4, "#000000", "")
		d.label(x.at(v), height-bottom+17, "middle", "11", fmt.Sprintf("%g", v))
	}
	d.stroke(left, height-bottom, width-right, height-bottom, "#000000", "")
	d.label((left+width-right)/2, height-12, "middle", "12", c.x)
	d.label(left, top-6, "start", "12", c.y)
	for i, l := range c.lines {
		d.line(l, colors[i%len(colors)], i, x, y)
	}
	return d.end()
}

// line draws one line and its entry in the legend.
func (d *drawing) line(l line, color string, i int, x, y axis) {
	more := `stroke-width="2" fill="none"`
	if l.dashed {
		more += ` stroke-dasharray="5 4"`
	}
	legend := float64(top + 10 + 20*i)
	name := l.name
	if len(l.points) == 0 {
		name += " (not in time)"
	}
	d.stroke(width-right+16, legend-4, width-right+40, legend-4, color, more)
	d.label(width-right+46, legend, "start", "12", name)
	if len(l.points) == 0 {
		return
	}
	var places []string
	for _, p := range l.points {
		places = append(places, fmt.Sprintf("%.1f,%.1f", x.at(p.x), y.at(p.y)))
		fmt.Fprintf(d, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x.at(p.x), y.at(p.y), color)
	}
	fmt.Fprintf(d, `<polyline points="%s" stroke="%s" %s/>`+"\n", strings.Join(places, " "), color, more)
}

// barChart draws values with their intervals, and a line at what was promised.
func barChart(title string, bars []bar, promised float64) string {
	values := []float64{promised}
	for _, b := range bars {
		values = append(values, b.high)
	}
	y := newAxis(values, false, height-bottom, top)
	d := newDrawing(title)
	for _, v := range y.marks() {
		d.stroke(left, y.at(v), width-20, y.at(v), "#DDDDDD", "")
		d.label(left-6, y.at(v)+4, "end", "11", fmt.Sprintf("%g", v))
	}
	slot := float64(width-20-left) / float64(max(1, len(bars)))
	for i, b := range bars {
		x := left + slot*(float64(i)+0.5)
		fmt.Fprintf(d, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x-slot/4, y.at(b.value), slot/2, y.at(0)-y.at(b.value), colors[1])
		d.stroke(x, y.at(b.low), x, y.at(b.high), "#000000", `stroke-width="2"`)
		d.label(x, height-bottom+17, "middle", "12", b.name)
	}
	d.stroke(left, y.at(promised), width-20, y.at(promised), "#D55E00", `stroke-width="2" stroke-dasharray="5 4"`)
	d.label(width-24, y.at(promised)-5, "end", "12", "error budget")
	d.stroke(left, height-bottom, width-20, height-bottom, "#000000", "")
	return d.end()
}
