package relayed

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// The paths of the protocol, below the environment: /v1/production/state.
const (
	Version      = "v1"
	PathState    = "state"    // GET: State
	PathRevision = "revision" // GET: Revision, or 503 where the relay has not just seen it
	PathLeases   = "leases"   // GET: Leases
	PathChanges  = "changes"  // GET: frames, for as long as somebody listens
	PathReaders  = "readers"  // POST: a flagstore.Reader; DELETE with ?id=
)

// Host is the host that readers name where they ask over a socket, which has none.
const Host = "relay"

// Path returns the path of one of them.
func Path(environment, what string) string { return "/" + Version + "/" + environment + "/" + what }

// HeaderAge says in milliseconds for how long nobody has known whether the state that is
// answered still is the store's.
const HeaderAge = "Rampart-Age"

// MaxState bounds a state, in bytes.
const MaxState = 256 << 20

// A State is the state of the store as the relay holds it.
type State struct {
	Epoch     string            `json:"epoch"`
	Revision  int64             `json:"revision"`
	Registers map[string]string `json:"registers"` // "f:checkout-v2" to "version json"
}

// A Revision is how far the store has come.
type Revision struct {
	Epoch    string `json:"epoch"`
	Revision int64  `json:"revision"`
}

// Leases are the lease registers and the store's clock.
type Leases struct {
	Terms []rampart.LeaseTerm `json:"terms"`
	Now   time.Time           `json:"now"`
}

// Readers is how many follow the relay.
type Readers struct {
	Readers int `json:"readers"`
}

// A Failure is what is answered with a status of 400 and above.
type Failure struct {
	Error string `json:"error"`
}

// Again is a message of a form that no reader knows, and so a gap to every reader: it
// loads again.
const Again flagstore.Message = "0"

// maxFrame bounds a message: a document, and what stands around it.
const maxFrame = 1 << 20

// WriteFrame writes a message: its length in bytes, a line break, and the message. An
// empty one says only that the relay is there.
func WriteFrame(w io.Writer, m flagstore.Message) error {
	if _, err := io.WriteString(w, strconv.Itoa(len(m))+"\n"); err != nil {
		return err
	}
	_, err := io.WriteString(w, string(m)) // by itself: a copy for each reader adds up
	return err
}

// ReadFrame reads a message. A length that cannot be one ends the stream: nobody knows
// where the next message would begin.
func ReadFrame(r *bufio.Reader) (flagstore.Message, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			err = errors.New("a frame without a length")
		}
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(string(line), "\n"))
	if err != nil || n < 0 || n > maxFrame {
		return "", fmt.Errorf("a frame of %.20q bytes", line)
	}
	message := make([]byte, n)
	if _, err := io.ReadFull(r, message); err != nil {
		return "", err
	}
	return flagstore.Message(message), nil
}
