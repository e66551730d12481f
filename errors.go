package rampart

import (
	"errors"
	"fmt"
)

// A Kind sorts errors by what a caller can do about them. The command line maps
// kinds to exit codes, HTTP to statuses, each in one place.
type Kind int

// The kinds of errors.
const (
	Unexpected  Kind = iota // a defect or an unknown failure
	Invalid                 // bad input: mend it and try again
	NotFound                // no such flag, launch, segment, ...
	Refused                 // understood, but not in this state
	Unreachable             // a part did not answer
)

// An Error is an error that a person will read.
type Error struct {
	Kind Kind
	Msg  string // what is wrong, in lower case
	Hint string // what to do next; may be empty
	Err  error  // the cause; may be nil
}

// Error implements error. The hint is not part of it: callers print it on a line of its own.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Msg
	}
	if e.Msg == "" {
		return e.Err.Error()
	}
	return e.Msg + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of a kind, in the manner of fmt.Errorf.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Msg: err.Error(), Err: nil}
}

// WithHint returns a copy of the error that says what to do next.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// Because returns a copy of the error with a cause.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// KindOf returns the kind of the first [*Error] in err's tree.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unexpected
}

// HintOf returns the first hint in err's tree, or "".
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}

// Mistakes are all that is wrong with a plan or another document, or all that
// deserves a warning.
type Mistakes []Mistake

// A Mistake is one thing that is wrong, and where.
type Mistake struct {
	Path    string `json:"path"`              // stages[2].steps[0].hold
	Msg     string `json:"message"`           // 3d is short of a week
	Hint    string `json:"hint,omitempty"`    // traffic differs by weekday; use 7d
	Warning bool   `json:"warning,omitempty"` // the plan can be walked all the same
}

// Error lists the mistakes, one a line.
func (m Mistakes) Error() string {
	var s string
	for i, x := range m {
		if i > 0 {
			s += "\n"
		}
		s += x.Path + ": " + x.Msg
	}
	return s
}

// Errors returns the mistakes that are not warnings.
func (m Mistakes) Errors() Mistakes { return m.only(false) }

// Warnings returns the mistakes that are warnings.
func (m Mistakes) Warnings() Mistakes { return m.only(true) }

func (m Mistakes) only(warning bool) Mistakes {
	var out Mistakes
	for _, x := range m {
		if x.Warning == warning {
			out = append(out, x)
		}
	}
	return out
}
