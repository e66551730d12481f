package starter

import (
	"fmt"

	"github.com/rampart-dev/rampart"
)

// evidence tells which gate is nearest to a breach, and what else the last look found
// that is no gate's.
func (x *explainer) evidence(p rampart.Progress, v rampart.Verdict) {
	var most *rampart.GateVerdict
	for i := range v.Gates {
		if g := &v.Gates[i]; g.Share > 0 && (most == nil || g.Share > most.Share) {
			most = g
		}
	}
	if most != nil && v.Word != rampart.Breach {
		text := fmt.Sprintf("%s is the nearest to a breach, with %.0f %% of the evidence that it takes", most.Gate, 100*most.Share)
		if most.Value != nil && most.Low != nil && most.High != nil {
			text += fmt.Sprintf(": %.2fx on/off (%.2f–%.2f)", *most.Value, *most.Low, *most.High)
		}
		if besides := most.Besides(); besides != "" {
			text += ", " + besides
		}
		x.stands("%s.", text)
	}
	if p.Share > 0 && v.Word != rampart.Breach {
		x.stands("All gates together have %.0f %% of the evidence that turns it back.", 100*p.Share)
	}
	if r := v.SampleRatio; r != nil {
		x.stands("The sample ratio %s", full(r.InWords()))
	}
	if r := v.Recommended; r != nil {
		x.stands("Recommended next is %s", full(r.InWords()))
	}
}
