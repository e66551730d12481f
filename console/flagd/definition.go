package flagd

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// A definition is what a provider gets: https://flagd.dev/schema/v0/flags.json
type definition struct {
	Flags      map[string]flag `json:"flags"`
	Evaluators map[string]any  `json:"$evaluators,omitempty"`
	Metadata   map[string]any  `json:"metadata"`
}

type flag struct {
	State     string                     `json:"state"`
	Variants  map[string]json.RawMessage `json:"variants"`
	Default   *string                    `json:"defaultVariant"` // null: the caller's default
	Targeting any                        `json:"targeting,omitempty"`
	Metadata  map[string]any             `json:"metadata,omitempty"`
}

// The names of variants.
const (
	on  = "on"
	off = "off"
)

// define says all flags that may be seen, and why some of them are off or left out.
func define(environment string, flags *client.Client, may func(flag string) bool) (d definition, inexpressible map[string]string) {
	d = definition{Flags: map[string]flag{}, Metadata: map[string]any{"flagSetId": environment}}
	inexpressible = map[string]string{}
	w := &writer{segments: flags.Segment, evaluators: map[string]any{}}
	for decision := range flags.All(nil) {
		doc, known := flags.Flag(decision.Flag).Document()
		if !known || !may(decision.Flag) {
			continue
		}
		f, there, err := w.flag(doc, decision.Reason)
		if err != nil {
			inexpressible[decision.Flag] = err.Error()
		}
		if there {
			d.Flags[decision.Flag] = f
		}
	}
	d.Evaluators = w.evaluators
	return d, inexpressible
}

// A writer says documents in flagd's format.
type writer struct {
	segments   func(name string) (rampart.Segment, bool)
	evaluators map[string]any // said so far, by segment
}

// flag says one document. There is no flag where it is removed, or its off value
// cannot be said.
func (w *writer) flag(doc *rampart.Flag, why rampart.Reason) (f flag, there bool, err error) {
	if why == rampart.ReasonRemoved {
		return f, false, nil
	}
	offKind := kindOf(doc.Off)
	if offKind == "" {
		if len(doc.Off) == 0 { // killed before it was ever seen
			return f, false, nil
		}
		return f, false, fmt.Errorf("its off value is %s: flagd knows booleans, strings, numbers and objects; left out", shape(doc.Off))
	}
	f = flag{State: "ENABLED", Variants: map[string]json.RawMessage{off: doc.Off}, Default: ptr(off), Metadata: map[string]any{"flagVersion": doc.Version}}
	if doc.Phase != "" {
		f.Metadata["phase"] = doc.Phase
	}
	switch why {
	case rampart.ReasonKilled, rampart.ReasonLeaseEnded, rampart.ReasonUnsupportedRule:
		f.Metadata["reason"] = why.String()
		return f, true, nil
	}
	targeting, err := w.targeting(doc)
	if err == nil && kindOf(doc.On) != offKind {
		err = fmt.Errorf("its values are of different types")
	}
	if err != nil {
		f.Metadata["inexpressible"] = err.Error()
		return f, true, fmt.Errorf("%w; served off", err)
	}
	f.Variants[on] = doc.On
	if always, fixed := targeting.(string); fixed {
		f.Default = &always
		return f, true, nil
	}
	f.Targeting, f.Default = targeting, nil // what comes to nothing is the caller's default
	return f, true, nil
}

// kindOf returns the kind of a value that flagd knows, or "".
func kindOf(value json.RawMessage) string {
	switch b := strings.TrimSpace(string(value)); {
	case b == "true" || b == "false":
		return "boolean"
	case strings.HasPrefix(b, `"`):
		return "string"
	case strings.HasPrefix(b, "{"):
		return "object"
	case b == "" || b == "null" || strings.HasPrefix(b, "["):
		return ""
	}
	return "number"
}

func shape(value json.RawMessage) string {
	if strings.HasPrefix(strings.TrimSpace(string(value)), "[") {
		return "an array"
	}
	return "null"
}

func ptr(s string) *string { return &s }
