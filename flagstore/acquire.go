package flagstore

import (
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart"
)

// AcquireInput asks for the pen of a flag.
type AcquireInput struct {
	Flag   string
	Owner  string // a workflow ID
	At     int64  // time of the workflow, ms; it tells a retry from a new request
	By     string
	Reason string

	// Takes lists whose pen may be taken, besides nobody's, the owner's own and that
	// of the flag's own workflow.
	Takes []string
	// Baseline is written where the flag is new, was removed, or is lost. Without it
	// such a flag is not found.
	Baseline *rampart.Flag
	// Claim, if not nil, is whom the launch leaves out: its document says so from the
	// taking of the pen on.
	Claim *Claim
	// Seen, if not 0, is the version that the flag must still have.
	Seen int64
	// Restore is set by whoever puts right what was lost or left behind: it lets the
	// request through while the flag is killed, and before the store is set up again.
	Restore bool
}

// A Claim is whom a launch leaves out: it has its slots of a layer, and no others, and
// holds out whom Except matches.
type Claim struct {
	Layer  *rampart.Layer
	Unit   rampart.Unit // by which the launch buckets, whatever the flag did; empty: as it did
	Except []rampart.Rule
}

// Acquired is a flag whose pen is held now.
type Acquired struct {
	Flag          rampart.Flag // as stored, under its new version
	Exists        bool         // it was there before
	Version       int64        // the first fence of the new owner
	Revision      int64
	PreviousOwner string // "" where nobody held the pen, and to a retry
}

// Acquire takes the pen by writing the flag's document again under version
// max(stored+1, At), which overtakes every earlier pen, and asks the readers to
// confirm it: the parachute check. The exposure stays what readers serve: that of
// the document, with its whole lease before it again, or nobody where the lease has
// ended. A retry is recognised by owner and time.
//
// Slots of a layer are claimed with the pen. Another flag that has one of them is found
// in its document; and of two that claim at the same time the later one reads again,
// because each claim moves the layer's counter on.
//
// It answers [ErrOwned], [ErrKilled], [ErrStale] where the flag has moved on since
// Seen, [ErrNotSetUp], [ErrForeign], [ErrAhead], [ErrTaken] where another flag has one of
// the slots, or an error of kind [rampart.NotFound].
func (s *Store) Acquire(ctx context.Context, in AcquireInput) (Acquired, error) {
	do := "acquire " + in.Flag
	if err := errors.Join(checkVersion(in.At), checkOwners(in.Owner)); err != nil {
		return Acquired{}, wrap(do, err)
	}
	// Somebody else may write between the read and the script, which then says so.
	ended := false
	for range rounds {
		out, again, err := s.acquire(ctx, do, in, &ended)
		if !again {
			return out, err
		}
	}
	return Acquired{}, refused(ErrStale, "try again", "%s: it is being written all the time", do)
}

func (s *Store) acquire(ctx context.Context, do string, in AcquireInput, ended *bool) (out Acquired, again bool, err error) {
	entry, version, err := s.find(ctx, in.Flag)
	if err != nil {
		return out, false, wrap(do, err)
	}
	if in.Seen != 0 && in.Seen != version && entry.Owner != in.Owner {
		return out, false, refused(ErrStale, "look at the flag again", "%s: version %d was seen, %d is stored", do, in.Seen, version)
	}
	flag, exists, err := heirloom(entry, version, in)
	if err != nil {
		return out, false, wrap(do, err)
	}
	layer, claims := "", "0"
	if in.Claim != nil {
		if claims, err = s.claim(ctx, &flag, *in.Claim); err != nil {
			return out, false, wrap(do, err)
		}
		if flag.Layer != nil {
			layer = flag.Layer.Name
		}
	}
	flag.Version, flag.ChangedAt, flag.ChangedBy, flag.Reason = max(version+1, in.At), in.At, in.By, clip(in.Reason)
	if *ended && exists {
		flag.Exposure, flag.Include, flag.Lease = 0, nil, 0
	}
	document, err := encode(flag)
	if err != nil {
		return out, false, wrap(do, err)
	}
	happened := event{Flag: in.Flag, Verb: "acquire", Exposure: flag.Exposure, Phase: flag.Phase, Owner: in.Owner, By: in.By, Reason: in.Reason}
	args := []any{in.Flag, in.Owner, in.At, version, flag.Version, document, bit(in.Restore),
		flag.Lease.D().Milliseconds(), bit(exists), layer, claims, rampart.FlagID(s.env, in.Flag)}
	for _, o := range in.Takes {
		args = append(args, o)
	}
	got, err := s.run(ctx, do, acquireScript, in.Flag, happened, args...)
	if err != nil {
		return out, false, err
	}
	switch got.word() {
	case "OK":
		return Acquired{flag, exists, flag.Version, got.number(2), got.text(3)}, false, nil
	case "DUP":
		return Acquired{entry.Flag, true, got.number(1), got.number(2), ""}, version < got.number(1), nil
	case "CHANGED":
		return out, true, nil
	case "ENDED":
		*ended = true
		return out, true, nil
	}
	return out, false, s.refusal(do, in.Flag, got)
}

// claim puts into the flag's document whom the launch leaves out, and returns how often
// slots of the layer had been claimed before it looked at who has them.
func (s *Store) claim(ctx context.Context, flag *rampart.Flag, c Claim) (string, error) {
	exposes := flag.Exposure > 0 || len(flag.Include) > 0
	if exposes && (!within(flag.Except, c.Except) || flag.Layer != nil && (c.Layer == nil || *flag.Layer != *c.Layer)) {
		return "", rampart.Errorf(rampart.Refused, "%s exposes somebody already, and holds others out than its launch would", flag.Name).
			WithHint("disable it first: rampart flag disable %s", flag.Name)
	}
	flag.Layer, flag.Except = c.Layer, c.Except
	flag.Format = flag.NeedsFormat()
	if c.Layer == nil {
		return "0", nil
	}
	if c.Unit != "" && c.Unit != flag.Unit { // who claims next must see by what the slots are had
		if flag.Exposure > 0 {
			return "", rampart.Errorf(rampart.Refused, "%s exposes somebody already, by %s, and its launch has slots by %s", flag.Name, flag.Unit, c.Unit).
				WithHint("disable it first: rampart flag disable %s", flag.Name)
		}
		flag.Unit = c.Unit
	}
	return s.slotsFor(ctx, *flag)
}

// slotsFor looks whether a flag can have its slots beside the others, which is
// [ErrTaken] where it cannot. It returns how often slots of the layer had been claimed
// before it looked.
func (s *Store) slotsFor(ctx context.Context, flag rampart.Flag) (string, error) {
	asking, cancel := s.bounded(ctx)
	defer cancel()
	claims, err := s.rdb.HGet(asking, s.key("pens"), "claims:"+flag.Layer.Name).Result()
	if err != nil && err != redis.Nil {
		return "", s.fault("read the claims of layer "+flag.Layer.Name, err)
	}
	if claims == "" {
		claims = "0"
	}
	return claims, s.Conflict(ctx, flag)
}

// Conflict says why a flag cannot have its slots of its layer beside the flags that are
// stored, with [ErrTaken] in it; nil where it can. A document that cannot be read may
// have any slots.
func (s *Store) Conflict(ctx context.Context, flag rampart.Flag) error {
	if flag.Layer == nil {
		return nil
	}
	entries, err := s.List(ctx)
	if err != nil {
		return err
	}
	others := make([]rampart.Flag, len(entries))
	for i, e := range entries {
		if others[i] = e.Flag; e.Unreadable != "" && e.Flag.Name != flag.Name {
			return takenError{rampart.Errorf(rampart.Refused, "which slots of layer %s are free is not known: the document of %s cannot be read: %s",
				flag.Layer.Name, e.Flag.Name, e.Unreadable).
				WithHint("its own workflow writes it again; of a newer version of rampart, use that version here")}
		}
	}
	if err := flag.Conflict(others); err != nil {
		return takenError{err}
	}
	return nil
}

// takenError is why slots cannot be had.
type takenError struct{ error }

func (e takenError) Unwrap() error { return e.error }

func (takenError) Is(target error) bool { return target == ErrTaken }

// within reports whether all rules are among others. They name segments.
func within(rules, others []rampart.Rule) bool {
	return !slices.ContainsFunc(rules, func(r rampart.Rule) bool {
		return !slices.ContainsFunc(others, func(o rampart.Rule) bool { return r.Segment != "" && r.Segment == o.Segment })
	})
}

// heirloom returns the document that the new owner starts from.
func heirloom(e Entry, version int64, in AcquireInput) (rampart.Flag, bool, error) {
	there := version > 0 && !e.Flag.Removed
	if there && e.Unreadable == "" {
		return e.Flag, true, nil
	}
	if there && e.Flag.Format > rampart.FlagFormat {
		return rampart.Flag{}, true, rampart.Errorf(rampart.Refused, "%s was written by a newer version of rampart: %s", in.Flag, e.Unreadable).
			WithHint("use at least that version here")
	}
	if in.Baseline == nil {
		if there {
			return rampart.Flag{}, true, rampart.Errorf(rampart.Refused, "the document of %s cannot be read: %s", in.Flag, e.Unreadable).
				WithHint("its own workflow writes it again: rampart flag history %s shows who changed it", in.Flag)
		}
		return rampart.Flag{}, false, notFound("flag", in.Flag)
	}
	f := *in.Baseline
	f.Name = in.Flag
	return f, false, nil
}
