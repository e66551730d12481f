package activities

import (
	"bytes"
	"compress/flate"
	"encoding/ascii85"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

// plainMemory is a Memory as it is written where there is room for it: for people to
// read in a heartbeat.
type plainMemory Memory

// packedMemory is one that would be too long. Most of its text is said of every gate.
type packedMemory struct {
	Packed []byte `json:"packed,omitempty"` // plainMemory as JSON, deflated; as it was written once
	Dense  string `json:"dense,omitempty"`  // the same in fewer characters
}

// A dense text is base 85, without the characters that JSON escapes.
var (
	toJSON   = strings.NewReplacer(`"`, "v", "&", "w", "<", "x", ">", "y", `\`, "{")
	fromJSON = strings.NewReplacer("v", `"`, "w", "&", "x", "<", "y", ">", "{", `\`)
)

func dense(b []byte) string {
	out := make([]byte, ascii85.MaxEncodedLen(len(b)))
	return toJSON.Replace(string(out[:ascii85.Encode(out, b)]))
}

// bytes returns what is packed, deflated.
func (p packedMemory) bytes() ([]byte, error) {
	if p.Dense == "" {
		return p.Packed, nil
	}
	text := []byte(fromJSON.Replace(p.Dense))
	out := make([]byte, 4*len(text)) // the letter z is four zeros
	n, _, err := ascii85.Decode(out, text, true)
	return out[:n], err
}

// maxUnpacked bounds what is unpacked: some hundred times what is written.
const maxUnpacked = 1 << 20

// MarshalJSON writes a memory as it is, and one that is longer than MaxMemoryBytes
// packed.
func (m Memory) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(plainMemory(m))
	if err != nil || len(b) <= MaxMemoryBytes {
		return b, err
	}
	packed, err := deflate(b)
	if err != nil {
		return nil, err
	}
	return json.Marshal(packedMemory{Dense: dense(packed)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (m *Memory) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(data, []byte(`{"packed":`)) && !bytes.HasPrefix(data, []byte(`{"dense":`)) {
		return json.Unmarshal(data, (*plainMemory)(m))
	}
	var in packedMemory
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("the memory of a launch: %w", err)
	}
	packed, err := in.bytes()
	if err != nil {
		return fmt.Errorf("the memory of a launch: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxUnpacked))
	if err != nil {
		return fmt.Errorf("the memory of a launch: %w", err)
	}
	return json.Unmarshal(b, (*plainMemory)(m))
}

// deflaters are kept because each has half a megabyte of tables.
var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.DefaultCompression) // the level is one that there is
	return w
}}

func deflate(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&out)
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
