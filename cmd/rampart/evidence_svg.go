package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/starter"
)

// The measures of a drawing, in pixels.
const (
	drawLeft, drawRight = 60, 700
	drawWidth           = 900
	drawTop             = 50
	evidenceHeight      = 240
	ratioTop            = drawTop + evidenceHeight + 50
	ratioHeight         = 160
	exposureTop         = ratioTop + ratioHeight + 50
	exposureHeight      = 60
	drawHeight          = exposureTop + exposureHeight + 40
)

// gateColours can be told from each other by nearly everybody.
var gateColours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c564b", "#7f7f7f"}

// drawing draws evidence as SVG: how much of it there was, the rate ratios with their
// confidence sequences, and the exposure, above each other.
func drawing(e starter.Evidence) []byte {
	d := &drawn{e: e}
	d.from, d.to = e.Points[0].At, e.Points[len(e.Points)-1].At
	d.put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, drawWidth, drawHeight)
	d.put(`<rect width="100%%" height="100%%" fill="white"/>`)
	d.text(drawLeft, 20, "%s in %s: evidence of the run %s", e.Flag, e.Environment, e.Run)
	d.evidence()
	d.ratios()
	d.exposure()
	d.phases()
	d.put("</svg>")
	return d.Bytes()
}

type drawn struct {
	bytes.Buffer
	e        starter.Evidence
	from, to int64
}

func (d *drawn) put(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *drawn) text(x, y float64, format string, args ...any) {
	d.put(`<text x="%.1f" y="%.1f">%s</text>`, x, y, html.EscapeString(printable(fmt.Sprintf(format, args...))))
}

func (d *drawn) x(at int64) float64 {
	if d.to == d.from {
		return drawLeft
	}
	return drawLeft + (drawRight-drawLeft)*float64(at-d.from)/float64(d.to-d.from)
}

// frame draws a panel with lines at some heights, each with its label.
func (d *drawn) frame(title string, top, height float64, marks map[string]float64) {
	d.text(drawLeft, top-6, "%s", title)
	d.put(`<rect x="%d" y="%.1f" width="%d" height="%.1f" fill="none" stroke="#999"/>`, drawLeft, top, drawRight-drawLeft, height)
	labels := make([]string, 0, len(marks))
	for label := range marks {
		labels = append(labels, label)
	}
	slices.Sort(labels)
	for _, label := range labels {
		y := top + height*(1-marks[label])
		d.put(`<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`, drawLeft, drawRight, y, y)
		d.put(`<text x="%d" y="%.1f" text-anchor="end">%s</text>`, drawLeft-6, y+4, html.EscapeString(label))
	}
}

// line draws the levels of points, 0 to 1 of a panel, and leaves gaps where there are
// none.
func (d *drawn) line(colour string, width, top, height float64, of func(flagstore.Point) float64) {
	var path strings.Builder
	pen := "M"
	for _, p := range d.e.Points {
		l := of(p)
		if math.IsNaN(l) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", pen, d.x(p.At), top+height*(1-min(1, max(0, l))))
		pen = "L"
	}
	if path.Len() > 0 {
		d.put(`<path d="%s" fill="none" stroke="%s" stroke-width="%.1f"/>`, path.String(), colour, width)
	}
}

func (d *drawn) evidence() {
	d.frame("evidence, share of its limit", drawTop, evidenceHeight, map[string]float64{
		"100 %": level(1), "10 %": level(0.1), "1 %": level(0.01), "0.1 %": level(0.001),
	})
	d.line("#000", 2.5, drawTop, evidenceHeight, func(p flagstore.Point) float64 { return level(p.Share) })
	d.legend(0, "#000", "launch")
	for i, name := range d.weighing() {
		colour := gateColours[i%len(gateColours)]
		d.line(colour, 1.2, drawTop, evidenceHeight, func(p flagstore.Point) float64 { return gateLevel(p, name) })
		d.legend(i+1, colour, name)
	}
}

// weighing names the gates that gather evidence.
func (d *drawn) weighing() []string {
	return slices.DeleteFunc(gatesOf(d.e), func(name string) bool {
		_, _, weighs := measured(d.e.Points, name)
		return !weighs
	})
}

func (d *drawn) legend(i int, colour, name string) {
	y := float64(drawTop + 12 + 18*i)
	d.put(`<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="%s" stroke-width="3"/>`, drawRight+15, drawRight+35, y-4, y-4, colour)
	d.text(drawRight+42, y, "%s", clip(name, 22))
}

// mostRatio bounds the scale of ratios: 4 and a quarter are its ends.
const mostRatio = 4

func ratioAt(v float64) float64 { return 0.5 + math.Log(v)/(2*math.Log(mostRatio)) }

func (d *drawn) ratios() {
	d.frame("rate ratio of on over off, with its confidence sequence", ratioTop, ratioHeight, map[string]float64{
		"4x": ratioAt(4), "2x": ratioAt(2), "1x": ratioAt(1), "0.5x": ratioAt(0.5), "0.25x": ratioAt(0.25),
	})
	for i, name := range d.weighing() {
		colour := gateColours[i%len(gateColours)]
		for _, line := range []struct {
			width float64
			of    func(*flagstore.GatePoint) *float64
		}{
			{1.5, func(g *flagstore.GatePoint) *float64 { return g.Value }},
			{0.5, func(g *flagstore.GatePoint) *float64 { return g.Low }},
			{0.5, func(g *flagstore.GatePoint) *float64 { return g.High }},
		} {
			d.line(colour, line.width, ratioTop, ratioHeight, func(p flagstore.Point) float64 {
				g := gateAt(p, name)
				if g == nil || g.Low == nil || line.of(g) == nil || *line.of(g) <= 0 {
					return math.NaN()
				}
				return ratioAt(*line.of(g))
			})
		}
	}
}

func (d *drawn) exposure() {
	d.frame("exposure", exposureTop, exposureHeight, map[string]float64{"100 %": 1, "50 %": 0.5, "0 %": 0})
	path := ""
	for i, p := range d.e.Points {
		y := exposureTop + exposureHeight*(1-exposureOf(p))
		if i == 0 {
			path = fmt.Sprintf("M%.1f %.1f", d.x(p.At), y)
			continue
		}
		path += fmt.Sprintf("H%.1fV%.1f", d.x(p.At), y) // it changes at once
	}
	d.put(`<path d="%s" fill="none" stroke="#000" stroke-width="1.5"/>`, path)
	for _, end := range []struct {
		at     int64
		anchor string
	}{{d.from, "start"}, {d.to, "end"}} {
		d.put(`<text x="%.1f" y="%d" text-anchor="%s">%s</text>`, d.x(end.at), exposureTop+exposureHeight+18, end.anchor,
			time.UnixMilli(end.at).UTC().Format("2006-01-02 15:04:05Z"))
	}
}

// phases marks where each phase began.
func (d *drawn) phases() {
	for i, p := range d.e.Points {
		if i > 0 && d.e.Points[i-1].Phase == p.Phase {
			continue
		}
		x := d.x(p.At)
		d.put(`<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#bbb" stroke-dasharray="3 3"/>`, x, x, drawTop, exposureTop+exposureHeight)
		d.text(x+3, drawTop+12, "%s", p.Phase)
	}
}
