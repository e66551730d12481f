package sim

import "github.com/rampart-dev/rampart/evidence"

// objective is the share of requests that may fail under the objective that burn rates
// refer to: 99 %, twice the base rate of the reference case.
const objective = 0.01

// BurnRate is the multiwindow, multi-burn-rate alert of the Site Reliability Workbook,
// on the requests of the on arm: 14.4 times the budget of 30 days over one hour and five
// minutes, or 6 times over six hours and half an hour. Windows that the stream is too
// young for are filled as far as it goes. Source: "The Site Reliability Workbook",
// chapter 5.
func BurnRate() Method {
	return Method{Name: "burn", Title: "burn rate alone", New: func(c Case) Judge {
		windows := []*window{newWindow(c, 3600), newWindow(c, 300), newWindow(c, 6*3600), newWindow(c, 1800)}
		return judge(func(t evidence.Tick) bool {
			for _, w := range windows {
				w.add(t)
			}
			return windows[0].burns(14.4) && windows[1].burns(14.4) || windows[2].burns(6) && windows[3].burns(6)
		})
	}}
}

// A window sums the last ticks.
type window struct {
	x, n   []float64
	next   int
	sx, sn float64
}

func newWindow(c Case, seconds float64) *window {
	size := max(1, int(seconds/c.Seconds))
	return &window{x: make([]float64, size), n: make([]float64, size)}
}

func (w *window) add(t evidence.Tick) {
	w.sx, w.sn = w.sx+t.X1-w.x[w.next], w.sn+t.N1-w.n[w.next]
	w.x[w.next], w.n[w.next] = t.X1, t.N1
	w.next = (w.next + 1) % len(w.x)
}

func (w *window) burns(rate float64) bool { return w.sn > 0 && w.sx/w.sn > rate*objective }
