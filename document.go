package rampart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// DecodeFlag reads a flag's document of this or a newer format. What it returns
// with an error is as much as could be read: the fields whose meaning never
// changes, so that the flag can be served off under Registers.Unsupported.
func DecodeFlag(doc []byte) (Flag, error) {
	if len(doc) > MaxFlagBytes {
		return Flag{}, fmt.Errorf("decode flag: %d bytes are more than %d", len(doc), MaxFlagBytes)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(doc, &fields); err != nil {
		return Flag{}, fmt.Errorf("decode flag: %w", err)
	}
	var lasting Flag
	err := errors.Join(
		decodeField(fields, "format", &lasting.Format),
		decodeField(fields, "name", &lasting.Name),
		decodeField(fields, "version", &lasting.Version),
		decodeField(fields, "exposure", &lasting.Exposure),
		decodeField(fields, "off", &lasting.Off),
		decodeField(fields, "lease", &lasting.Lease),
		decodeField(fields, "removed", &lasting.Removed))
	if err != nil {
		return lasting, fmt.Errorf("decode flag %s: %w", lasting.Name, err)
	}
	if lasting.Format > FlagFormat {
		return lasting, fmt.Errorf("flag %s has format %d, newer than %d", lasting.Name, lasting.Format, FlagFormat)
	}
	var f Flag
	if err := json.Unmarshal(doc, &f); err != nil {
		return lasting, fmt.Errorf("decode flag %s: %w", lasting.Name, err)
	}
	err = errors.Join(knownAll[[]Rule](fields["except"]), knownAll[[]Rule](fields["include"]),
		knownAll[[]Rule](fields["where"]), knownAll[*Layer](fields["layer"]))
	if err != nil {
		return lasting, fmt.Errorf("decode flag %s: %w", lasting.Name, err)
	}
	return f, nil
}

// DecodeSegment reads a segment's document. With an error, Name, Version,
// Removed and Holdout are as much as could be read.
func DecodeSegment(doc []byte) (Segment, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(doc, &fields); err != nil {
		return Segment{}, fmt.Errorf("decode segment: %w", err)
	}
	var s Segment
	err := errors.Join(json.Unmarshal(doc, &s), knownAll[[]Rule](fields["rules"]))
	if len(s.Keys) > MaxSegmentKeys {
		err = fmt.Errorf("%d keys are more than %d", len(s.Keys), MaxSegmentKeys)
	}
	if err != nil {
		return Segment{Name: s.Name, Version: s.Version, Removed: s.Removed, Holdout: s.Holdout}, fmt.Errorf("decode segment %s: %w", s.Name, err)
	}
	return s, nil
}

func decodeField(fields map[string]json.RawMessage, name string, into any) error {
	raw, ok := fields[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// knownAll finds what a newer writer may have added to a rule, or to a layer. To skip it
// would be to expose others than were meant.
func knownAll[T any](raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var into T
	return d.Decode(&into)
}
