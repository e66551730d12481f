package starter

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// A Situation is what is known of a flag when somebody asks why it stands where it
// stands. Each half may be missing.
type Situation struct {
	Flag     string
	Now      time.Time         // in the zone of whoever asks
	Entry    *flagstore.Entry  // what the store has
	Progress *rampart.Progress // of the open launch, or else of the last
	NoStore  error             // why the store could not be asked
	NoLaunch error             // why Temporal could not be asked
}

// An Account tells in sentences where a flag stands and why, who can move it, and
// what happens next.
type Account struct {
	Flag    string   `json:"flag"`
	Stands  []string `json:"stands"`
	Who     []string `json:"who,omitempty"`
	Next    []string `json:"next,omitempty"`
	Unknown []string `json:"unknown,omitempty"` // what could not be asked
}

// Why gives an account of a flag. One of the store and Temporal is enough for it.
func (s *Starter) Why(ctx context.Context, flag string, now time.Time) (Account, error) {
	if err := rampart.CheckName("a flag", flag); err != nil {
		return Account{}, err
	}
	sit := Situation{Flag: flag, Now: now}
	var both sync.WaitGroup
	both.Go(func() {
		if e, err := s.Store.Get(ctx, flag); err == nil {
			sit.Entry = &e
		} else if rampart.KindOf(err) != rampart.NotFound {
			sit.NoStore = err
		}
	})
	both.Go(func() {
		if p, err := s.Progress(ctx, flag); err == nil {
			sit.Progress = &p
		} else if rampart.KindOf(err) != rampart.NotFound {
			sit.NoLaunch = err
		}
	})
	both.Wait()
	if sit.Entry == nil && sit.Progress == nil {
		return Account{}, s.unknown(sit)
	}
	return Explain(sit), nil
}

func (s *Starter) unknown(sit Situation) error {
	if sit.NoStore != nil {
		return sit.NoStore
	}
	if sit.NoLaunch != nil {
		return sit.NoLaunch
	}
	return rampart.Errorf(rampart.NotFound, "there is no flag %s in %s", sit.Flag, s.Environment()).
		WithHint("rampart flag list shows the flags")
}

// Explain gives the account of a situation. It asks nobody.
func Explain(sit Situation) Account {
	x := explainer{Situation: sit, out: Account{Flag: sit.Flag, Stands: []string{}}}
	killed := x.killed()
	switch p := sit.Progress; {
	case p != nil && !p.State.Ended() && !Broken(p.State):
		x.launch(*p)
	case p != nil:
		x.ended(*p)
		x.resting(killed)
	default:
		x.resting(killed)
	}
	x.lease()
	x.missing()
	return x.out
}

type explainer struct {
	Situation
	out Account
}

func (x *explainer) stands(format string, args ...any) {
	x.out.Stands = append(x.out.Stands, fmt.Sprintf(format, args...))
}

func (x *explainer) who(format string, args ...any) {
	x.out.Who = append(x.out.Who, fmt.Sprintf(format, args...))
}

func (x *explainer) next(format string, args ...any) {
	x.out.Next = append(x.out.Next, fmt.Sprintf(format, args...))
}

func (x *explainer) at(ms int64) string { return Moment(time.UnixMilli(ms), x.Now) }

// killed tells of the register, which wins over everything else.
func (x *explainer) killed() bool {
	var k *rampart.Kill
	if x.Entry != nil {
		k = x.Entry.Kill
	}
	if k == nil || !k.Killed {
		return false
	}
	x.stands("It is killed, and so off for everybody: %s killed it at %s%s.", person(k.By), x.at(k.At), because(k.Reason))
	x.who("Anybody but %s lifts the kill: rampart restore %s --reason …", person(k.By), x.Flag)
	x.next("Once restored, it stays at its baseline; exposure returns only through a launch.")
	return true
}

// resting tells of a flag that no launch answers for now.
func (x *explainer) resting(killed bool) {
	if x.Entry == nil {
		return
	}
	f := x.Entry.Flag
	if f.Launch != "" && x.Progress == nil {
		x.stands("Its launch exposes %s in %s, since %s.", exposed(f), f.Phase, x.at(f.ChangedAt))
		return
	}
	x.stands("No launch of it is under way. It exposes %s; %s wrote that at %s%s.", exposed(f), person(f.ChangedBy), x.at(f.ChangedAt), because(f.Reason))
	if killed {
		return
	}
	if f.Exposure < rampart.Full {
		x.who("Whoever has a plan launches it: rampart start PLAN")
	}
	if f.Exposure > 0 || len(f.Include) > 0 {
		x.who("Anybody turns it off: rampart flag disable %s --reason …, or rampart kill %s --reason …", x.Flag, x.Flag)
	}
	if x.Entry.Lease == nil {
		x.next("Nothing by itself.")
	}
	if f.RetireBy != "" {
		x.next("Its owner, %s, is to have it retired by %s.", f.Owner, f.RetireBy)
	}
}

func (x *explainer) ended(p rampart.Progress) {
	text := p.Note
	if p.Outcome != nil {
		text = p.Outcome.Receipt.Text
	}
	x.stands("Its last launch is over (%s): %s", p.State, full(text))
}

// lease tells what holds where nobody is there to do anything.
func (x *explainer) lease() {
	if x.Entry == nil || x.Entry.Lease == nil || x.Entry.Lease.Version != x.Entry.Flag.Version {
		return
	}
	end := time.UnixMilli(x.Entry.Lease.End)
	if end.Before(x.Now) {
		x.stands("Its lease ended at %s, so the readers are at the baseline already.", Moment(end, x.Now))
		return
	}
	x.next("Should every worker be gone, the readers go to the baseline by themselves at %s.", Moment(end, x.Now))
}

func (x *explainer) missing() {
	if x.NoStore != nil {
		x.out.Unknown = append(x.out.Unknown, fmt.Sprintf("What the store has is not known: %s.", x.NoStore))
	}
	if x.NoLaunch != nil {
		x.out.Unknown = append(x.out.Unknown, fmt.Sprintf("What a launch is doing is not known: %s.", x.NoLaunch))
	}
}

// exposed says in words whom a document exposes.
func exposed(f rampart.Flag) string {
	switch {
	case f.Exposure == 0 && len(f.Include) > 0:
		return "only those who are included by rule"
	case f.Exposure == 0:
		return "nobody"
	case f.Exposure == rampart.Full:
		return "everybody"
	}
	return f.Exposure.String()
}

func person(name string) string {
	if name == "" {
		return "somebody who is not named"
	}
	return name
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

// full makes a sentence end as one.
func full(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}
