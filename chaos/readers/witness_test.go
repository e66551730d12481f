package readers_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/ledger"
	"github.com/rampart-dev/rampart/chaos/readers"
)

// The witness must see whatever breaks the law, and nothing else. Version 5 exposes a
// tenth and version 7 half, under a lease that lasts for a minute.
func TestWitnessSeesWhatBreaksTheLaw(t *testing.T) {
	began := time.Now()
	sees := func(version int64, served rampart.Percent, killed bool) readers.Sight {
		return readers.Sight{Flag: "f", Version: version, Served: served, Killed: killed, At: began.Add(time.Second)}
	}
	late := sees(7, 5000, false)
	late.At = began.Add(time.Minute + readers.LeaseSlack + time.Second)
	kill := func(m *readers.Meant) { m.Turn(true); m.Turned(100) }
	lift := func(m *readers.Meant) { m.Turn(false); m.Turned(200) }
	cases := map[string]struct {
		meant  []func(*readers.Meant)
		before []readers.Sight
		file   *readers.Bootstrap
		anew   bool
		sights []readers.Sight
		broken []ledger.Rule
	}{
		"it follows": {sights: []readers.Sight{sees(5, 1000, false), sees(7, 5000, false)}},
		"it goes back to an earlier version": {
			sights: []readers.Sight{sees(7, 5000, false), sees(5, 1000, false)}, broken: []ledger.Rule{readers.Onward},
		},
		"it forgets the flag": {
			sights: []readers.Sight{sees(5, 1000, false), sees(0, 0, false)}, broken: []ledger.Rule{readers.Onward},
		},
		"it goes back and forward, which is once": {
			sights: []readers.Sight{sees(7, 0, false), sees(5, 0, false), sees(7, 0, false)}, broken: []ledger.Rule{readers.Onward},
		},
		"it serves more than was written": {
			sights: []readers.Sight{sees(5, 5000, false)}, broken: []ledger.Rule{readers.Faithful},
		},
		"it serves what nobody wrote": {
			sights: []readers.Sight{sees(6, 1000, false)}, broken: []ledger.Rule{readers.Faithful},
		},
		"it serves for longer than the lease": {sights: []readers.Sight{late}, broken: []ledger.Rule{readers.Leased}},
		"it is killed, and restored": {
			meant:  []func(*readers.Meant){kill, lift},
			sights: []readers.Sight{sees(5, 1000, false), sees(5, 0, true), sees(5, 1000, false)},
		},
		"it was away while it was killed and restored": {
			meant: []func(*readers.Meant){kill, lift}, sights: []readers.Sight{sees(5, 1000, false), sees(7, 5000, false)},
		},
		"it lets go of a kill": {
			meant: []func(*readers.Meant){kill}, sights: []readers.Sight{sees(5, 0, true), sees(5, 1000, false)}, broken: []ledger.Rule{readers.Dead},
		},
		"it serves a kill that nobody has made": {sights: []readers.Sight{sees(5, 0, true)}, broken: []ledger.Rule{readers.Dead}},
		"it comes back to a kill that was lifted": {
			meant:  []func(*readers.Meant){kill, lift},
			sights: []readers.Sight{sees(5, 0, true), sees(5, 1000, false), sees(5, 0, true)}, broken: []ledger.Rule{readers.Dead},
		},
		"it starts anew with nothing": {
			before: []readers.Sight{sees(7, 5000, false)}, anew: true, sights: []readers.Sight{sees(5, 1000, false)},
		},
		"it starts anew with a file that knows a part": {
			before: []readers.Sight{sees(7, 5000, false)}, anew: true, file: knows(5, 0), sights: []readers.Sight{sees(5, 1000, false)},
		},
		"it starts anew and does not know what its file knows": {
			before: []readers.Sight{sees(7, 5000, false)}, anew: true, file: knows(7, 0), sights: []readers.Sight{sees(5, 1000, false)},
			broken: []ledger.Rule{readers.Onward},
		},
		"it starts anew and does not know the kill that its file knows": {
			meant: []func(*readers.Meant){kill}, anew: true, file: knows(5, 100), sights: []readers.Sight{sees(5, 1000, false)},
			broken: []ledger.Rule{readers.Dead},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := readers.NewMeant("f")
			m.Write(5, 1000, false)
			m.Write(7, 5000, true)
			m.Leased(7, began.Add(time.Minute))
			for _, tell := range tc.meant {
				tell(m)
			}
			w := readers.NewWitness([]*readers.Meant{m})
			for _, s := range tc.before {
				w.Saw("r", s)
			}
			if tc.anew {
				w.Restarted("r", tc.file)
			}
			for _, s := range tc.sights {
				w.Saw("r", s)
			}
			var broken []ledger.Rule
			for _, v := range w.Book.Violations() {
				broken = append(broken, v.Rule)
			}
			require.Equal(t, tc.broken, broken)
		})
	}
}

func knows(version, kill int64) *readers.Bootstrap {
	return &readers.Bootstrap{Versions: map[string]int64{"f": version}, Kills: map[string]int64{"f": kill}}
}

func TestWitnessMeasuresHowLongAReaderDidNotKnow(t *testing.T) {
	began := time.Now()
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	m := readers.NewMeant("f")
	m.Acked(5, at(0))
	m.Acked(6, at(10))
	m.Acked(7, at(12))
	w := readers.NewWitness([]*readers.Meant{m})
	saw := func(version int64, when int) { w.Saw("r", readers.Sight{Flag: "f", Version: version, At: at(when)}) }
	saw(5, 1)
	require.Zero(t, w.Tally(at(1)).Longest, "nobody knows yet since when it reaches the store")
	w.Reaches("r", at(1))
	saw(7, 13)
	require.Equal(t, 3*time.Second, w.Tally(at(20)).Longest, "since version 6, whatever came after")
	m.Acked(8, at(20))
	require.Equal(t, 10*time.Second, w.Tally(at(30)).Longest, "it has not caught up yet")
	w.Away("r", at(32))
	w.Away("r", at(33))
	w.Reaches("r", at(40))
	saw(8, 41)
	require.Equal(t, readers.Tally{Seen: 3, Longest: 13 * time.Second, Slowest: "r"}, w.Tally(at(50)), "less what it could not know")

	m.Acked(9, at(60))
	m.Lost(8, at(62))
	m.Acked(10, at(90))
	saw(10, 91)
	require.Equal(t, 13*time.Second, w.Tally(at(91)).Longest, "the store itself had forgotten version 9")
	m.Acked(11, at(100))
	m.Acked(12, at(105))
	m.Lost(0, at(110))
	m.Acked(13, at(120))
	require.Equal(t, 20*time.Second, w.Tally(at(130)).Longest, "twice ten seconds, and not what lies between")
}
