package planfile

import "github.com/rampart-dev/rampart"

// MaxSegmentBytes bounds the file of a segment: its keys at a hundred bytes each,
// and a comment for some.
const MaxSegmentBytes = 2 << 20

var segmentForm = form{"segment", MaxSegmentBytes, "begin with name, and give it rules or keys", "a segment this large is an attribute of your users: match it with a rule"}

// segment is what the file of a segment may say; the store adds the rest.
type segment struct {
	Name    string         `json:"name"`
	Purpose string         `json:"purpose"`
	Holdout bool           `json:"holdout"`
	Rules   []rampart.Rule `json:"rules"`
	Keys    []string       `json:"keys"`
}

func (s segment) document() rampart.Segment {
	g := rampart.Segment{Name: s.Name, Purpose: s.Purpose, Holdout: s.Holdout, Rules: s.Rules, Keys: s.Keys}
	g.Format = g.NeedsFormat()
	return g
}

// ReadSegment is [Read] for the file of a segment: name, purpose, holdout, rules and keys.
func ReadSegment(path string) (rampart.Segment, File, error) {
	data, err := readBounded(path, segmentForm, "write its name, purpose, rules and keys as YAML")
	if err != nil {
		return rampart.Segment{}, File{Name: path}, err
	}
	return ParseSegment(path, data)
}

// ParseSegment is [Parse] for a segment.
func ParseSegment(name string, data []byte) (rampart.Segment, File, error) {
	var s segment
	file, err := read(name, data, segmentForm, &s, func() rampart.Mistakes { return s.document().Validate() })
	return s.document(), file, err
}
