package settings

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rampart-dev/rampart"
)

// A Value is where the text of a flag or of a variable goes.
type Value interface {
	pflag.Value
	fromEnv(text string) error
}

// Text is a setting that is taken as it is.
func Text(to *string, usual string) Value {
	return one(to, usual, "string", func(s string) (string, error) { return s, nil })
}

// Number is a setting between two numbers, both included.
func Number(to *int, usual, least, most int) Value {
	return one(to, usual, "number", func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, rampart.Errorf(rampart.Invalid, "%q is not a number from %d to %d", s, least, most)
		}
		return n, nil
	})
}

// Span is a setting such as 30s or 5m.
func Span(to *time.Duration, usual time.Duration) Value {
	*to = usual
	return one((*rampart.Duration)(to), rampart.Duration(usual), "duration", rampart.ParseDuration)
}

// Switch is a setting that is on or off.
func Switch(to *bool) Value {
	return one(to, false, "bool", func(s string) (bool, error) {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return false, rampart.Errorf(rampart.Invalid, "%q is neither true nor false", s)
		}
		return on, nil
	})
}

// Pairs is a setting of several NAME=URL: a flag for each, or one variable with all
// of them, a line or a comma apart.
func Pairs(to *[]string) Value { return &pairs{to: to} }

// one makes a value of whatever can be read from a text.
func one[T any](to *T, usual T, kind string, parse func(string) (T, error)) Value {
	*to = usual
	return single[T]{to, kind, parse}
}

type single[T any] struct {
	to    *T
	kind  string
	parse func(string) (T, error)
}

func (v single[T]) Set(text string) error {
	got, err := v.parse(text)
	if err == nil {
		*v.to = got
	}
	return err
}

func (v single[T]) fromEnv(text string) error { return v.Set(text) }

func (v single[T]) String() string { return fmt.Sprint(*v.to) }

func (v single[T]) Type() string { return v.kind }

type pairs struct {
	to     *[]string
	byFlag bool
}

// Set adds one pair. The first flag takes the place of what the environment told.
func (v *pairs) Set(text string) error {
	if !v.byFlag {
		*v.to, v.byFlag = nil, true
	}
	*v.to = append(*v.to, text)
	return nil
}

// pairBegins is where a pair begins. A comma within a URL is not followed by a name
// and a scheme.
var pairBegins = regexp.MustCompile(`(?:^|[,\n])\s*[A-Za-z0-9][A-Za-z0-9._-]*=[a-z][a-z0-9+.-]*:`)

func (v *pairs) fromEnv(text string) error {
	*v.to = nil
	begins := pairBegins.FindAllStringIndex(text, -1)
	if len(begins) == 0 || strings.Trim(text[:begins[0][0]], ", \t\r\n") != "" {
		// The text may hold a secret, so it is not shown.
		return rampart.Errorf(rampart.Invalid, "it is not a list of NAME=URL").WithHint("write NAME=URL, a line or a comma apart")
	}
	for i, at := range begins {
		end := len(text)
		if i+1 < len(begins) {
			end = begins[i+1][0]
		}
		*v.to = append(*v.to, strings.Trim(text[at[0]:end], ", \t\r\n"))
	}
	return nil
}

func (v *pairs) String() string { return "" }

func (v *pairs) Type() string { return "name=url" }
