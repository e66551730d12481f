package activities

import (
	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// point returns what the last look came to, for the series of the launch.
func (m *Memory) point(in WatchInput) flagstore.Point {
	p := flagstore.Point{At: m.Tick, Phase: in.Phase, Exposure: in.Exposure, Word: m.Verdict.Word, Share: m.Share()}
	if r := m.Verdict.SampleRatio; r != nil {
		p.SampleRatio = &flagstore.RatioPoint{On: r.On, Off: r.Off, LogE: r.LogE}
	}
	for _, g := range m.Verdict.Gates {
		if g.Word == rampart.NotApplicable && g.LogE == 0 {
			continue // nothing was asked of it
		}
		p.Gates = append(p.Gates, flagstore.GatePoint{
			Gate: g.Gate, Kind: g.Kind, Word: g.Word, Value: g.Value, Low: g.Low, High: g.High,
			LogE: g.LogE, Share: g.Share, OnN: g.OnN, OffN: g.OffN, Phi: g.Phi,
		})
	}
	return p
}

// Share is how much of the evidence that turns the launch back there is, 0 to 1.
func (m *Memory) Share() float64 {
	_, share := m.overall()
	return share
}

// overall returns what the evidence of all gates comes to that take exposure back: the
// logarithm of its e-value, and how much of its limit that is.
func (m *Memory) overall() (logE, share float64) {
	all := m.Gates.Evidence
	if all == nil {
		return 0, 0
	}
	return all.LogE(), all.ShareOfLimit()
}
