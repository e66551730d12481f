package flagstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/rampart-dev/rampart"
)

// A Write is one document of a flag, written under a pen.
//
// The store sets the document's Version to the fence, Lease, ChangedBy and Reason
// to those of the write, and HighWater to at least Exposure. All times come from
// the writer, because a retry must write the same document: an empty ChangedAt
// becomes the fence.
type Write struct {
	Flag         rampart.Flag
	Pen          rampart.Pen
	Acknowledged int64 // the version that this writer last saw acknowledged; 0: none, or it was told that it is lost
	Verb         string
	By           string
	Reason       string
	Lease        time.Duration // from the write on; 0 removes the lease
	NewOwner     string        // who holds the pen after this write; "": the writer
	Confirm      bool          // ask the readers to confirm at once
	Claims       bool          // slots of a layer that the stored document has not got are claimed, and not just written
	Raises       bool          // it exposes more than the writer has exposed so far, whatever is stored
}

// An Ack says under which version and revision something is stored. Beside an
// error its Version is the one that is stored instead.
type Ack struct {
	Version   int64
	Revision  int64
	Duplicate bool // it was there already: a retry
}

// Put writes a flag's document. Besides [ErrForeign] it answers, in this order:
//
//   - done, where the same document is there under the same version already;
//   - [ErrLost]: less is stored than was acknowledged. Acquire again, or write
//     again under a new version with nothing acknowledged;
//   - [ErrOwned]: another owner holds the pen. A flag whose pen nobody holds is
//     taken by the write;
//   - [ErrStale]: a later version is stored. The owner writes again above it;
//   - [ErrDrift]: another document is stored under this version. The owner writes
//     again under a new one;
//   - [ErrAhead]: the version is more than an hour ahead of the store's clock, and
//     not the next one after the stored version either;
//   - [ErrKilled]: the flag is killed, and the document exposes somebody whom the
//     stored one does not, or anybody where the write raises. To expose nobody is
//     always allowed, and so is to write what was lost: readers see the kill all the same;
//   - [ErrTaken]: it claims slots that another flag has by now.
func (s *Store) Put(ctx context.Context, w Write) (Ack, error) {
	do := fmt.Sprintf("write %s under version %d", w.Flag.Name, w.Pen.Fence)
	document, err := w.document()
	if err != nil {
		return Ack{}, wrap(do, err)
	}
	heir := w.Pen.Owner
	if w.NewOwner != "" {
		heir = w.NewOwner
	}
	if err := checkOwners(w.Pen.Owner, heir); err != nil {
		return Ack{}, wrap(do, err)
	}
	happened := event{Flag: w.Flag.Name, Verb: w.Verb, Exposure: w.Flag.Exposure, Phase: w.Flag.Phase,
		Owner: w.Pen.Owner, By: w.By, Reason: w.Reason}
	layer, claims := "", unclaimed
	if w.Claims && w.Flag.Layer != nil {
		layer = w.Flag.Layer.Name
	}
	for range rounds {
		got, err := s.run(ctx, do, putScript, w.Flag.Name, happened,
			w.Flag.Name, w.Pen.Owner, w.Pen.Fence, w.Acknowledged, document, w.Lease.Milliseconds(), heir, mark(w.Confirm), layer, claims, bit(w.Raises))
		if err != nil {
			return Ack{}, err
		}
		switch got.word() {
		case "OK", "DUP":
			return Ack{Version: got.number(1), Revision: got.number(2), Duplicate: got.word() == "DUP"}, nil
		case "CLAIM": // rarely, so nobody looks before the script says that it is needed
			if claims, err = s.slotsFor(ctx, w.Flag); err != nil {
				return Ack{Version: got.number(1)}, err
			}
		default:
			return Ack{Version: got.number(1)}, s.refusal(do, w.Flag.Name, got)
		}
	}
	return Ack{}, refused(ErrStale, "try again", "%s: slots of layer %s are being claimed all the time", do, layer)
}

// unclaimed is what a write says that has not looked who has the slots of a layer.
const unclaimed = "-1"

// document returns the JSON that is stored.
func (w Write) document() ([]byte, error) {
	f := w.Flag
	f.Version, f.ChangedBy, f.Reason, f.Lease = w.Pen.Fence, w.By, clip(w.Reason), rampart.Duration(w.Lease)
	if f.ChangedAt == 0 {
		f.ChangedAt = w.Pen.Fence
	}
	return encode(f)
}

// encode checks a flag and returns its document.
func encode(f rampart.Flag) ([]byte, error) {
	if err := rampart.CheckName("a flag", f.Name); err != nil {
		return nil, err
	}
	if err := checkVersion(f.Version); err != nil {
		return nil, err
	}
	if f.Exposure < 0 || f.Exposure > rampart.Full {
		return nil, rampart.Errorf(rampart.Invalid, "an exposure of %s", f.Exposure).WithHint("exposure goes from 0 to 100 %%")
	}
	if f.Lease < 0 {
		return nil, rampart.Errorf(rampart.Invalid, "a lease of %s", f.Lease).WithHint("0 is no lease")
	}
	f.Format = max(f.Format, f.NeedsFormat())
	f.HighWater = max(f.HighWater, f.Exposure)
	document, err := json.Marshal(f)
	if err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "the document cannot be written").Because(err)
	}
	if len(document) > rampart.MaxFlagBytes {
		return nil, rampart.Errorf(rampart.Invalid, "the document has %d bytes, more than %d", len(document), rampart.MaxFlagBytes).
			WithHint("move long lists of keys into a segment")
	}
	return document, nil
}

// maxVersion is the last number up to which the doubles of Lua count every one.
const maxVersion = 1<<53 - 1

func checkVersion(v int64) error {
	if v <= 0 || v > maxVersion {
		return rampart.Errorf(rampart.Invalid, "version %d", v).WithHint("versions are milliseconds since 1970")
	}
	return nil
}

// checkOwners refuses names that the fields of the pens cannot hold.
func checkOwners(owners ...string) error {
	for _, o := range owners {
		if o == "" || len(o) > 500 || strings.ContainsFunc(o, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return rampart.Errorf(rampart.Invalid, "%q cannot hold a pen", o).WithHint("owners are workflow IDs: at most 500 bytes without spaces")
		}
	}
	return nil
}

// mark is the sign of a change that readers are asked to confirm at once.
func mark(confirm bool) string {
	if confirm {
		return "!"
	}
	return "."
}
