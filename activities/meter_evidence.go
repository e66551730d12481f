package activities

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rampart-dev/rampart"
)

// evidenceMeter exports what the last look at each launch came to. It keeps verdicts
// and makes series of them only when it is scraped: looks are many more than scrapes.
type evidenceMeter struct {
	now func() time.Time

	mu   sync.Mutex
	last map[watchedFlag]weighed
}

// weighed is what one look came to.
type weighed struct {
	verdict     rampart.Verdict
	logE, share float64 // of the launch
	until       time.Time
}

const (
	// looksAway is after how many looks that another worker must have taken, or nobody,
	// the figures of the last one here are not shown any more.
	looksAway = 3
	// maxWeighed bounds the launches whose gates have series of their own: those with
	// the most evidence. A worker that watches thousands would burden every Prometheus.
	maxWeighed = 500
)

// described are the series of evidence. Labels beyond environment and flag are those of
// the one that it belongs to.
var described = struct {
	launchShare, launchLogE, ratioLogE, ratioUnits, mismatch      *prometheus.Desc
	share, logE, ratio, low, high, units, phi, information, value *prometheus.Desc
}{
	launchShare: describe("launch_evidence_share", "How much of the evidence that turns a launch back there is, 0 to 1, at the last look of this worker."),
	launchLogE:  describe("launch_log_e", "Natural logarithm of the e-value of a launch."),
	ratioLogE:   describe("sample_ratio_log_e", "Natural logarithm of the e-value that the arms do not have the units that they should."),
	ratioUnits:  describe("sample_ratio_units", "Units first seen since first exposure, by arm.", "arm"),
	mismatch:    describe("sample_ratio_mismatch", "1 where the arms do not have the units that they should, and nobody has acknowledged it."),
	share:       describe("gate_evidence_share", "How much of the evidence that breaks a gate there is, 0 to 1.", "gate"),
	logE:        describe("gate_log_e", "Natural logarithm of the e-value of a gate.", "gate"),
	ratio:       describe("gate_rate_ratio", "Rate of the on arm over that of the off arm; of a mean, the mean.", "gate"),
	low:         describe("gate_rate_ratio_low", "Lower end of the confidence sequence of the rate ratio.", "gate"),
	high:        describe("gate_rate_ratio_high", "Upper end of the confidence sequence of the rate ratio.", "gate"),
	units:       describe("gate_units", "Units that a gate has compared since first exposure, by arm.", "gate", "arm"),
	phi:         describe("gate_phi", "By how much counts of a gate vary more than chance, 1 being not at all.", "gate"),
	information: describe("gate_information_share", "How much of the information that a gate needs for a pass there is, 0 to 1.", "gate"),
	value:       describe("gate_value", "What a gate measured that compares no rates: of a threshold, the value of its query.", "gate"),
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("rampart_"+name, help, append([]string{"environment", "flag"}, labels...), nil)
}

func newEvidenceMeter(r prometheus.Registerer) *evidenceMeter {
	m := &evidenceMeter{now: time.Now, last: map[watchedFlag]weighed{}}
	r.MustRegister(m)
	return m
}

// weighed notes what a look came to; pace is how long it is until the next one.
func (m *Meter) weighed(env, flag string, memory *Memory, now time.Time, pace time.Duration) {
	if m == nil {
		return
	}
	w := weighed{verdict: memory.Verdict, until: now.Add(looksAway*pace + time.Minute)}
	w.logE, w.share = memory.overall()
	m.evidence.mu.Lock()
	defer m.evidence.mu.Unlock()
	m.evidence.last[watchedFlag{env, flag}] = w
}

// over lets go of a launch that has ended.
func (m *evidenceMeter) over(env, flag string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.last, watchedFlag{env, flag})
}

// Describe implements prometheus.Collector.
func (m *evidenceMeter) Describe(to chan<- *prometheus.Desc) {
	d := described
	for _, one := range []*prometheus.Desc{
		d.launchShare, d.launchLogE, d.ratioLogE, d.ratioUnits, d.mismatch,
		d.share, d.logE, d.ratio, d.low, d.high, d.units, d.phi, d.information, d.value,
	} {
		to <- one
	}
}

// Collect implements prometheus.Collector.
func (m *evidenceMeter) Collect(to chan<- prometheus.Metric) {
	shown := m.present()
	most := slices.SortedFunc(maps.Keys(shown), func(a, b watchedFlag) int {
		return cmp.Or(-cmp.Compare(shown[a].share, shown[b].share), cmp.Compare(a.flag, b.flag), cmp.Compare(a.environment, b.environment))
	})
	for i, who := range most {
		tell := teller{to: to, labels: []string{who.environment, who.flag}}
		w := shown[who]
		tell.launch(w)
		if i < maxWeighed {
			named := map[string]bool{}
			for _, g := range w.verdict.Gates {
				if !named[g.Gate] { // a series that is there twice would spoil the whole answer
					named[g.Gate] = true
					tell.gate(g)
				}
			}
		}
	}
}

// present returns what was looked at of late, and forgets the rest.
func (m *evidenceMeter) present() map[watchedFlag]weighed {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	maps.DeleteFunc(m.last, func(_ watchedFlag, w weighed) bool { return now.After(w.until) })
	return maps.Clone(m.last)
}

// A teller makes series of one launch.
type teller struct {
	to     chan<- prometheus.Metric
	labels []string
}

func (t teller) say(d *prometheus.Desc, v float64, labels ...string) {
	series, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, v, append(slices.Clone(t.labels), labels...)...)
	if err == nil { // a name that is no text is left out
		t.to <- series
	}
}

func (t teller) launch(w weighed) {
	t.say(described.launchShare, w.share)
	t.say(described.launchLogE, w.logE)
	r := w.verdict.SampleRatio
	if r == nil {
		return
	}
	t.say(described.ratioLogE, r.LogE)
	t.say(described.ratioUnits, float64(r.On), "on")
	t.say(described.ratioUnits, float64(r.Off), "off")
	var mismatch float64
	if r.Mismatch {
		mismatch = 1
	}
	t.say(described.mismatch, mismatch)
}

// gate tells of one gate what there is of it.
func (t teller) gate(g rampart.GateVerdict) {
	switch g.Kind {
	case rampart.KindRatio, rampart.KindCount, rampart.KindLatency, rampart.KindMean: // which compare the arms
		t.present(described.ratio, g.Value, g.Gate)
		t.present(described.low, g.Low, g.Gate)
		t.present(described.high, g.High, g.Gate)
	default:
		t.present(described.value, g.Value, g.Gate)
	}
	if g.OnN > 0 || g.OffN > 0 {
		t.say(described.units, g.OnN, g.Gate, "on")
		t.say(described.units, g.OffN, g.Gate, "off")
	}
	if g.Phi > 0 {
		t.say(described.phi, g.Phi, g.Gate)
	}
	if g.LogE != 0 || g.Share != 0 || g.Power != 0 {
		t.say(described.logE, g.LogE, g.Gate)
		t.say(described.share, g.Share, g.Gate)
		t.say(described.information, g.Power, g.Gate)
	}
}

func (t teller) present(d *prometheus.Desc, v *float64, gate string) {
	if v != nil {
		t.say(d, *v, gate)
	}
}
