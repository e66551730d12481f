package main

import (
	"errors"
	"fmt"

	"github.com/rampart-dev/rampart"
)

// The exit codes; doc.go says what they mean.
const (
	exitDone        = 0
	exitUnexpected  = 1
	exitInvalid     = 2
	exitNotFound    = 3
	exitRefused     = 4
	exitUnreachable = 5
	exitTurnedBack  = 10
	exitKilled      = 11
	exitShort       = 12
	exitInterrupted = 130
)

// An ending is the error of a command that has said all there is to say.
type ending int

// Error implements error.
func (e ending) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exit tells of the error and returns the code. This is the one place where kinds
// of errors become exit codes.
func (a *app) exit(err error) int {
	var said ending
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &said):
		return int(said)
	case a.interrupted(): // whatever it says, it says because of that
		fmt.Fprintln(a.err, "interrupted")
		return exitInterrupted
	}
	if !a.begun && rampart.KindOf(err) == rampart.Unexpected { // cobra's own: unknown commands and flags
		err = rampart.Errorf(rampart.Invalid, "%s", err).WithHint("%s", a.usage())
	}
	a.tell(err)
	return codeOf(rampart.KindOf(err))
}

func codeOf(k rampart.Kind) int {
	switch k {
	case rampart.Invalid:
		return exitInvalid
	case rampart.NotFound:
		return exitNotFound
	case rampart.Refused:
		return exitRefused
	case rampart.Unreachable:
		return exitUnreachable
	}
	return exitUnexpected
}

// codeOfState is the exit code of those who wait for the ending of a launch.
func codeOfState(s rampart.State) int {
	switch s {
	case rampart.Launched:
		return exitDone
	case rampart.TurnedBack:
		return exitTurnedBack
	case rampart.Killed:
		return exitKilled
	}
	return exitShort
}

// tell writes an error and its hint for people.
func (a *app) tell(err error) {
	fmt.Fprintf(a.err, "%s %s\n", a.paint(a.err, red, "error:"), err)
	if hint := rampart.HintOf(err); hint != "" {
		fmt.Fprintf(a.err, "%s %s\n", a.paint(a.err, bold, "hint:"), hint)
	}
}
