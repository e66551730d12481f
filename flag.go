package rampart

import (
	"encoding/json"
	"regexp"
	"slices"
)

// A Flag is the document of one flag, as the store keeps it and readers serve it.
//
// Format, Name, Version, Exposure, Off and Lease never change their meaning, so
// that a reader of any age can lower an exposure whose rules it does not know.
type Flag struct {
	Format   int             `json:"format"`          // at least NeedsFormat
	Name     string          `json:"name"`            //
	Version  int64           `json:"version"`         // the fence under which it was written, ms
	Exposure Percent         `json:"exposure"`        // share of eligible units that are on
	Off      json.RawMessage `json:"off"`             //
	On       json.RawMessage `json:"on"`              //
	Lease    Duration        `json:"lease,omitempty"` // 0: the exposure may outlive its guard
	Removed  bool            `json:"removed,omitempty"`

	Unit        Unit   `json:"unit"`
	Salt        string `json:"salt"`
	HashVersion int    `json:"hashVersion"`
	Include     []Rule `json:"include,omitempty"`
	Where       []Rule `json:"where,omitempty"`

	// Except are held out: whoever they match is off, in no arm, whatever else the
	// document says. They are asked first.
	Except []Rule `json:"except,omitempty"`

	// Layer are the slots that the flag has beside other flags; nil: all of them.
	Layer *Layer `json:"layer,omitempty"`

	// Shadow is the share of eligible units that are in the on arm while nobody is
	// exposed by bucket: both arms are served off, and counted as if they were not. A
	// reader that does not know it serves off all the same.
	Shadow Percent `json:"shadow,omitempty"`

	// HighWater is the highest exposure ever under this salt. The units above it
	// have never been on by bucket, so a holdout above it is clean.
	HighWater Percent `json:"highWater"`

	Type      FlagType  `json:"type"`
	Owner     string    `json:"owner"`
	Purpose   string    `json:"purpose"`
	RetireBy  Date      `json:"retireBy,omitempty"`
	Lifecycle Lifecycle `json:"lifecycle"`

	Launch string `json:"launch,omitempty"` // the launch that answers for it; telemetry is labelled only then
	Phase  Phase  `json:"phase,omitempty"`

	CreatedAt int64  `json:"createdAt,omitempty"` // ms since 1970
	ChangedAt int64  `json:"changedAt,omitempty"` // ms since 1970
	ChangedBy string `json:"changedBy,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// FlagFormat is the newest format that this version of the product reads. It writes the
// oldest that says what it has to say, so that readers which are older go on with that.
const FlagFormat = 2

// NeedsFormat returns the oldest format whose readers decide the document as it is
// meant. A reader of format 1 would expose whom the fields of format 2 keep off, so it
// is told that it does not understand them, and serves off.
func (f Flag) NeedsFormat() int {
	if len(f.Except) > 0 || f.Layer != nil {
		return 2
	}
	return 1
}

// Holdout are the units above an exposure.
type Holdout struct {
	Above Percent `json:"above"` // the exposure
	Clean bool    `json:"clean"` // no unit above it has ever been on by bucket under this salt
	Since Percent `json:"since"` // where it is not clean: the units above this have never been on
}

// Holdout returns the units that are off by bucket now, and whether they always were.
func (f Flag) Holdout() Holdout {
	return Holdout{Above: f.Exposure, Clean: f.HighWater <= f.Exposure, Since: max(f.HighWater, f.Exposure)}
}

// HashVersion is the version of the bucketing that new flags get. A flag keeps its
// version for life.
const HashVersion = 1

// MaxFlagBytes bounds a flag's document.
const MaxFlagBytes = 64 << 10

// A FlagType says what a flag is for.
type FlagType string

// The types of flags.
const (
	Release    FlagType = "release"    // launched, then retired
	Experiment FlagType = "experiment" // measured, then decided
	Operations FlagType = "operations" // a lever for on-call; stays
	Permission FlagType = "permission" // who may; stays
)

// A Lifecycle says how far a flag has come.
type Lifecycle string

// The stations of a flag's life.
const (
	Created  Lifecycle = "created"
	Ramping  Lifecycle = "ramping"
	Released Lifecycle = "released"
	Retiring Lifecycle = "retiring"
	Retired  Lifecycle = "retired"
)

// A Rule matches subjects. Exactly one of Segment, Attribute (with In or NotIn), Keys
// and, in a segment, Share. Rules in a list are alternatives.
type Rule struct {
	Segment   string   `json:"segment,omitempty"`
	Attribute string   `json:"attribute,omitempty"`
	In        []string `json:"in,omitempty"`
	NotIn     []string `json:"notIn,omitempty"`
	Keys      []string `json:"keys,omitempty"`
	Share     *Share   `json:"share,omitempty"`
}

// A Segment is a named set of subjects: rules plus at most MaxSegmentKeys keys. It
// is versioned and propagated like a flag. Its rules may not name other segments.
type Segment struct {
	Format    int      `json:"format"`
	Name      string   `json:"name"`
	Version   int64    `json:"version"`
	Purpose   string   `json:"purpose,omitempty"`
	Rules     []Rule   `json:"rules,omitempty"`
	Keys      []string `json:"keys,omitempty"`
	Removed   bool     `json:"removed,omitempty"`
	ChangedAt int64    `json:"changedAt,omitempty"`
	ChangedBy string   `json:"changedBy,omitempty"`

	// Holdout holds the segment out of every release and every experiment that is
	// launched from then on, unless its plan says otherwise.
	Holdout bool `json:"holdout,omitempty"`
}

// NeedsFormat is [Flag.NeedsFormat] for a segment.
func (s Segment) NeedsFormat() int {
	for _, r := range s.Rules {
		if r.Share != nil {
			return 2
		}
	}
	return 1
}

// MaxSegmentKeys bounds the keys of a segment.
const MaxSegmentKeys = 10000

// A Kill is the kill register of one flag. It has a version of its own, so that no
// write of a launch can lift it.
type Kill struct {
	Flag    string `json:"flag"`
	Version int64  `json:"version"` // ms; strictly growing
	Killed  bool   `json:"killed"`
	By      string `json:"by"`
	Reason  string `json:"reason"`
	At      int64  `json:"at"` // ms since 1970

	// Also are the others who have killed it since it was last restored, the latest
	// first, and at most MaxKillers of them.
	Also []string `json:"also,omitempty"`
}

// MaxKillers bounds how many of those who killed a flag are remembered.
const MaxKillers = 20

// Killers returns all who are known to have killed the flag since it was last
// restored. None of them is the second person that restoring takes.
func (k Kill) Killers() []string {
	if !k.Killed {
		return nil
	}
	return append([]string{k.By}, k.Also...)
}

// After returns a later register with those added who had killed before. The store does
// so itself, unless it has forgotten them.
func (k Kill) After(earlier Kill) Kill {
	known := k.Killers()
	for _, name := range earlier.Killers() {
		if k.Killed && name != "" && !slices.Contains(known, name) && len(k.Also) < MaxKillers {
			known = append(known, name)
			k.Also = known[1:]
		}
	}
	return k
}

// A LeaseTerm is the lease register of one flag: the version that it guards, and
// until when.
type LeaseTerm struct {
	Flag    string `json:"flag"`
	Version int64  `json:"version"`
	End     int64  `json:"end"` // ms since 1970 by the store's clock
}

// A Pen is the right to write a flag: who writes, and when in the order of writes.
type Pen struct {
	Owner string `json:"owner"` // a workflow ID
	Fence int64  `json:"fence"` // ms; strictly growing; the version of what is written
}

// An Event is one entry of a flag's history: who did what, when and why.
type Event struct {
	ID       string  `json:"id"` // of the audit stream
	Flag     string  `json:"flag"`
	Verb     string  `json:"verb"` // acquire, expose, turn-back, finish, set, disable, kill, restore, ...
	Version  int64   `json:"version"`
	Exposure Percent `json:"exposure"`
	Phase    Phase   `json:"phase,omitempty"`
	Owner    string  `json:"owner,omitempty"` // who held the pen
	By       string  `json:"by,omitempty"`
	Reason   string  `json:"reason,omitempty"`
	At       int64   `json:"at"` // ms since 1970
}

var namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?$`)

// CheckName returns an error where name cannot be the name of a flag, a segment or
// an environment.
func CheckName(what, name string) error {
	if namePattern.MatchString(name) {
		return nil
	}
	return Errorf(Invalid, "%q is not a name for %s", name, what).
		WithHint("use 1 to 100 lower-case letters, digits, '.', '_' and '-', with a letter or digit at both ends")
}

// LaunchID returns the ID of the workflow that launches a flag.
func LaunchID(environment, flag string) string { return "launch/" + environment + "/" + flag }

// FlagID returns the ID of the workflow that answers for a flag while no launch does.
func FlagID(environment, flag string) string { return "flag/" + environment + "/" + flag }

// NewFlag returns the document of the plan's flag, as it is before its first launch.
func (p Plan) NewFlag() Flag {
	f := Flag{
		Name: p.Flag, Unit: p.Unit, Salt: p.Flag, HashVersion: HashVersion,
		Type: p.Type, Owner: p.Owner, Purpose: p.Purpose, RetireBy: p.RetireBy, Lifecycle: Created,
	}
	if len(p.Values) == 2 {
		f.Off, f.On = p.Values[0], p.Values[1]
	}
	f.Format = f.NeedsFormat()
	return f
}
