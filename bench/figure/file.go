package figure

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
)

// A Figure is one measured number and what the design asks of it.
type Figure struct {
	Name  string
	Value float64
	Most  float64 // the largest value that keeps the promise
	Least float64 // the smallest, of a figure that is to be large; Most means nothing then
	Text  string  // instead of a number; nothing is promised
	Told  bool    // nothing is promised of the number
}

// Kept reports whether the figure keeps its promise.
func (f Figure) Kept() bool {
	switch {
	case f.Text != "" || f.Told:
		return true
	case f.Least != 0:
		return f.Value >= f.Least
	}
	return f.Value <= f.Most
}

// aboutKey is the key of what is no figure.
const aboutKey = "about"

// Merge writes figures, and facts about their machine, into a file. Figures and
// facts of other names that the file has are kept. The file is replaced in one step.
func Merge(path string, figures []Figure, about map[string]string) error {
	all, err := read(path)
	if err != nil {
		return err
	}
	for _, f := range figures {
		if f.Name == aboutKey || math.IsNaN(f.Value) || math.IsInf(f.Value, 0) {
			return fmt.Errorf("%q is no figure: %v", f.Name, f.Value)
		}
		if f.Text != "" {
			all[f.Name], _ = json.Marshal(f.Text)
			continue
		}
		all[f.Name], _ = json.Marshal(math.Round(f.Value*1000) / 1000)
	}
	facts := map[string]string{}
	if err := json.Unmarshal(all[aboutKey], &facts); all[aboutKey] != nil && err != nil {
		return fmt.Errorf("%s: %s: %w", path, aboutKey, err)
	}
	maps.Copy(facts, about)
	all[aboutKey], _ = json.Marshal(facts)
	return replace(path, all)
}

func read(path string) (map[string]json.RawMessage, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]json.RawMessage{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the figures: %w", err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("%s holds no figures; remove it, or write to another file: %w", path, err)
	}
	if all == nil { // null
		all = map[string]json.RawMessage{}
	}
	return all, nil
}

func replace(path string, all map[string]json.RawMessage) error {
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}
