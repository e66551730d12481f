package ledger

import "github.com/rampart-dev/rampart"

// A Sight is what one life of a reader serves of a flag from a moment on.
type Sight struct {
	Flag    string          `json:"flag"`
	Version int64           `json:"version"`
	Served  rampart.Percent `json:"served"` // the rung of the highest probe that is on
	Nested  bool            `json:"nested"` // every probe below it is on as well
	Reason  string          `json:"reason"`
	At      int64           `json:"at"` // ms, after it was looked at
}

// Same reports whether two sights differ in nothing but their time.
func (s Sight) Same(other Sight) bool {
	s.At, other.At = 0, 0
	return s == other
}

// A reader is one life of a reader process, as far as one flag is concerned.
type reader struct {
	last    Sight
	killed  int64           // since when it serves the flag as killed
	exposed map[int64]int64 // by version, when it was last seen to serve anything of it
}

// A doubt is a sight of a version that nobody had told of then.
type doubt struct {
	life  string
	sight Sight
}

// LeaseSlack is how much longer than its lease a reader may be seen to serve an
// exposure: a process that was stopped in mid-breath needs a moment to notice.
const LeaseSlack = 5000

// Saw tells what a life of a reader serves.
func (l *Ledger) Saw(life string, s Sight) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(s.Flag)
	r := a.readers[life]
	if r == nil {
		r = &reader{exposed: map[int64]int64{}}
		a.readers[life] = r
	}
	l.Book.Check(s.Version >= r.last.Version, Onward, s.Flag, "%s goes from version %d to %d", life, r.last.Version, s.Version)
	l.Book.Check(s.Nested, Nested, s.Flag, "%s serves version %d at %s, but not everybody below", life, s.Version, s.Served)
	if s.Served > 0 {
		l.serves(a, life, r, s)
	}
	switch {
	case s.Reason == rampart.ReasonKilled.String() && r.killed == 0:
		r.killed = s.At
	case s.Reason != rampart.ReasonKilled.String() && r.killed > 0:
		l.Book.Check(a.restored > 0 && s.At >= a.restored, Dead, s.Flag, "%s has seen the kill, and serves %s for another reason: %s", life, s.Served, s.Reason)
		r.killed = 0
	}
	r.last = s
}

// serves checks a sight that exposes somebody.
func (l *Ledger) serves(a *account, life string, r *reader, s Sight) {
	var most rampart.Percent
	if w := a.at(s.Version); w != nil {
		most = w.ever(s.At)
	}
	l.Book.Check(s.Served <= most, Served, s.Flag, "%s serves version %d at %s, and %s is allowed", life, s.Version, s.Served, most)
	if wrote, known := a.written[s.Version]; known {
		l.Book.Check(s.Served <= wrote, Faithful, s.Flag, "%s serves version %d at %s, and %s was written", life, s.Version, s.Served, wrote)
	} else {
		a.doubts = append(a.doubts, doubt{life: life, sight: s})
	}
	r.exposed[s.Version] = max(r.exposed[s.Version], s.At)
}

// Lease tells how long an exposure may last, as far as the store says now.
func (l *Ledger) Lease(t rampart.LeaseTerm) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(t.Flag)
	a.ends[t.Version] = max(a.ends[t.Version], t.End)
}

// Settle checks what could not be checked before everything was told, and returns
// how many sights are of versions that only readers have seen.
func (l *Ledger) Settle() (unseen int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.accounts {
		for _, d := range a.doubts {
			wrote, known := a.written[d.sight.Version]
			if !known {
				unseen++ // it was within what was allowed; more cannot be said
				continue
			}
			l.Book.Check(d.sight.Served <= wrote, Faithful, a.flag, "%s serves version %d at %s, and %s was written",
				d.life, d.sight.Version, d.sight.Served, wrote)
		}
		a.doubts = nil
		for life, r := range a.readers {
			for version, last := range r.exposed {
				if end := a.ends[version]; end > 0 {
					l.Book.Check(last <= end+LeaseSlack, Leased, a.flag, "%s serves version %d at %d, and its lease ended at %d", life, version, last, end)
				}
			}
		}
	}
	return unseen
}

// Last returns what a life of a reader was last seen to serve of a flag.
func (l *Ledger) Last(life, flag string) (Sight, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.account(flag).readers[life]
	if r == nil {
		return Sight{}, false
	}
	return r.last, true
}
