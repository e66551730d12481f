package rampart

import "encoding/json"

// MaxSegmentBytes bounds a segment's document: its keys at fifty bytes each. Temporal
// takes no message above two megabytes, and warns of those above this.
const MaxSegmentBytes = 512 << 10

// Names of the messages that a segment's own workflow understands. It knows
// [UpdateRestore] too.
const (
	UpdateApply  = "apply"   // SegmentChange -> SegmentApplied: make the segment this
	QuerySegment = "segment" // -> Segment: what the workflow holds to be true
)

// SegmentID returns the ID of the workflow that answers for a segment.
func SegmentID(environment, segment string) string { return "segment/" + environment + "/" + segment }

// A SegmentChange asks a segment's own workflow to make the segment another one.
type SegmentChange struct {
	Segment Segment `json:"segment"`
	By      string  `json:"by"`
	Reason  string  `json:"reason,omitempty"`
}

// A SegmentApplied says under which version a segment is stored. It does not repeat
// the document, which whoever has asked has.
type SegmentApplied struct {
	Version   int64  `json:"version"`
	ChangedAt int64  `json:"changedAt"` // ms since 1970
	ChangedBy string `json:"changedBy"`
}

// CheckSegment says why a segment cannot be written: what no workflow and no store takes,
// whoever has made it. [Segment.Validate] says what is wrong with one that a person wrote.
func CheckSegment(s Segment) error {
	const attribute = "a segment this large is an attribute of your users: match it with a rule"
	if err := CheckName("a segment", s.Name); err != nil {
		return err
	}
	if len(s.Keys) > MaxSegmentKeys {
		return Errorf(Invalid, "%d keys are more than %d", len(s.Keys), MaxSegmentKeys).WithHint(attribute)
	}
	for _, r := range s.Rules {
		if r.Segment != "" {
			return Errorf(Invalid, "its rules name segment %s", r.Segment).WithHint("a segment's rules may not name other segments")
		}
	}
	if _, err := CompileSegment(s); err != nil { // readers would serve off whatever names it
		return Errorf(Invalid, "segment %s cannot be evaluated", s.Name).Because(err)
	}
	document, err := json.Marshal(s)
	if err != nil {
		return Errorf(Invalid, "segment %s cannot be written", s.Name).Because(err)
	}
	if len(document) > MaxSegmentBytes {
		return Errorf(Invalid, "segment %s: its document has %d bytes, more than %d", s.Name, len(document), MaxSegmentBytes).WithHint(attribute)
	}
	return nil
}
