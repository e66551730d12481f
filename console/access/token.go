package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
)

// A Kind says where a token is kept, and so who can read it.
type Kind string

// The kinds of tokens.
const (
	Server  Kind = "server"  // kept by a process of ours
	Browser Kind = "browser" // sent to everybody who visits a page
)

// A Token is what is known of a token without knowing it.
type Token struct {
	Name        string
	Kind        Kind
	Environment string
	Hash        [sha256.Size]byte // of the token
	Expires     time.Time         // zero: never
	Flags       []string          // that it may see; empty: all, which only a server may
}

// May reports whether the token may see a flag.
func (t *Token) May(flag string) bool {
	return len(t.Flags) == 0 || slices.Contains(t.Flags, flag)
}

// tokenPrefix lets people and scanners of secrets see what they have found.
const tokenPrefix = "rampart_"

// New makes a token: the secret to hand out, and what to keep of it.
func New(t Token) (secret string, kept Token, err error) {
	if err := t.check(); err != nil {
		return "", t, err
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never fails
	secret = tokenPrefix + string(t.Kind) + "_" + base64.RawURLEncoding.EncodeToString(random)
	t.Hash = sha256.Sum256([]byte(secret))
	return secret, t, nil
}

func (t *Token) check() error {
	if err := rampart.CheckName("a token", t.Name); err != nil {
		return err
	}
	if err := rampart.CheckName("an environment", t.Environment); err != nil {
		return err
	}
	if t.Kind != Server && t.Kind != Browser {
		return rampart.Errorf(rampart.Invalid, "%q is no kind of token", t.Kind).
			WithHint("it is server, for processes of yours, or browser, for what every visitor can read")
	}
	if t.Kind == Browser && len(t.Flags) == 0 {
		return rampart.Errorf(rampart.Invalid, "token %s would show every visitor every flag", t.Name).
			WithHint("name the flags that the page asks for: --flags, or flags= in the file")
	}
	for _, f := range t.Flags {
		if err := rampart.CheckName("a flag", f); err != nil {
			return err
		}
	}
	return nil
}

const (
	hashPrefix    = "sha256:"
	expiresPrefix = "expires="
	flagsPrefix   = "flags="
)

// String returns the token's line in the file.
func (t Token) String() string {
	words := []string{t.Name, string(t.Kind), t.Environment, hashPrefix + hex.EncodeToString(t.Hash[:])}
	if !t.Expires.IsZero() {
		words = append(words, expiresPrefix+t.Expires.UTC().Format(time.RFC3339))
	}
	if len(t.Flags) > 0 {
		words = append(words, flagsPrefix+strings.Join(t.Flags, ","))
	}
	return strings.Join(words, " ")
}

// parseToken reads a line. No error of it quotes the hash.
func parseToken(line string) (t Token, err error) {
	words := strings.Fields(line)
	if len(words) < 4 {
		return t, rampart.Errorf(rampart.Invalid, "it has %d words", len(words)).WithHint("%s", lineHint)
	}
	t.Name, t.Kind, t.Environment = words[0], Kind(words[1]), words[2]
	hash, ok := strings.CutPrefix(words[3], hashPrefix)
	sum, err := hex.DecodeString(hash)
	if !ok || err != nil || len(sum) != sha256.Size {
		return t, rampart.Errorf(rampart.Invalid, "its fourth word is not the SHA-256 of a token").WithHint("%s", lineHint)
	}
	copy(t.Hash[:], sum)
	for _, word := range words[4:] {
		if err := t.parseOption(word); err != nil {
			return t, err
		}
	}
	return t, t.check()
}

const lineHint = "write NAME KIND ENVIRONMENT sha256:HEX [expires=DATE] [flags=NAME,NAME], as rampart console token new prints it"

func (t *Token) parseOption(word string) (err error) {
	if date, ok := strings.CutPrefix(word, expiresPrefix); ok {
		t.Expires, err = ParseExpiry(date)
		return err
	}
	if flags, ok := strings.CutPrefix(word, flagsPrefix); ok {
		t.Flags = strings.Split(flags, ",")
		return nil
	}
	if strings.HasPrefix(word, tokenPrefix) {
		return rampart.Errorf(rampart.Invalid, "it holds a token").WithHint("take the token out of the file, and replace it: the file is for its hash")
	}
	return rampart.Errorf(rampart.Invalid, "%q is neither expires= nor flags=", word).WithHint("%s", lineHint)
}

// ParseExpiry reads a moment, or a day, at whose beginning in UTC the token expires.
func ParseExpiry(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, rampart.Errorf(rampart.Invalid, "%q is no date", text).
		WithHint("write 2027-03-31, or 2027-03-31T12:00:00Z")
}
