package access

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/rampart-dev/rampart"
)

const (
	maxFile   = 4 << 20
	maxTokens = 10_000
)

// Parse reads the tokens of a file, and every mistake in it.
func Parse(file string, text []byte) ([]Token, error) {
	var (
		all    []Token
		errs   []error
		names  = map[string]int{}
		hashes = map[[sha256.Size]byte]int{}
		number int
	)
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxFile)
	for lines.Scan() {
		number++
		line, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		t, err := parseToken(line)
		if first := names[t.Name]; err == nil && first > 0 {
			err = rampart.Errorf(rampart.Invalid, "token %s is on line %d already", t.Name, first).WithHint("a token needs a name of its own")
		}
		if first := hashes[t.Hash]; err == nil && first > 0 { // which of them would count?
			err = rampart.Errorf(rampart.Invalid, "the token is on line %d already, by another name", first).WithHint("make a token for each")
		}
		if err != nil {
			errs = append(errs, rampart.Errorf(rampart.Invalid, "%s:%d", file, number).WithHint("%s", rampart.HintOf(err)).Because(err))
			continue
		}
		names[t.Name], hashes[t.Hash] = number, number
		all = append(all, t)
	}
	if lines.Err() != nil || len(all) > maxTokens {
		errs = append(errs, rampart.Errorf(rampart.Invalid, "%s: more than %d tokens", file, maxTokens))
	}
	return all, errors.Join(errs...)
}

func readFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "the tokens cannot be read").Because(err).
			WithHint("name their file with --tokens; rampart console token new prints lines for it")
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil || len(text) > maxFile {
		return nil, rampart.Errorf(rampart.Invalid, "%s is no file of tokens", file).Because(err)
	}
	return text, nil
}
