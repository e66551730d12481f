package settings

import (
	"errors"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/rampart-dev/rampart"
)

// A Setting is one thing that a process can be told.
type Setting struct {
	Flag    string // without its dashes; empty where only the environment may tell, as for a secret
	Env     string // name of the variable
	Value   Value  // where it goes, holding its default
	Meaning string // a phrase, in lower case

	// NoPassword refuses a URL with a password in the flag. In the variable it may
	// have one.
	NoPassword bool
}

// Bind adds the settings to a set of flags, and sets what the environment tells.
// The error is of every variable that cannot be read; the flags are usable all the
// same, so that help can be shown.
func Bind(fs *pflag.FlagSet, all []Setting) error {
	var errs []error
	for _, s := range all {
		if s.Flag != "" {
			f := fs.VarPF(byFlag{s.Value, s.NoPassword}, s.Flag, "", s.Meaning+" ("+s.Env+")")
			if s.Value.Type() == "bool" {
				f.NoOptDefVal = "true"
			}
		}
		if told := os.Getenv(s.Env); told != "" {
			if err := s.Value.fromEnv(told); err != nil {
				errs = append(errs, rampart.Errorf(rampart.Invalid, "%s: %s", s.Env, err).WithHint("%s", rampart.HintOf(err)))
			}
		}
	}
	return errors.Join(errs...)
}

// byFlag is a value that is set on a command line.
type byFlag struct {
	Value
	noPassword bool
}

// Set implements pflag.Value.
func (f byFlag) Set(text string) error {
	if f.noPassword && hasPassword(text) {
		return errors.New("everybody on this machine can read a password on a command line; use the environment variable")
	}
	return f.Value.Set(text)
}

// hasPassword is true of a URL with a password, also where it has several hosts or
// is none.
func hasPassword(text string) bool {
	if u, err := url.Parse(text); err == nil {
		_, has := u.User.Password()
		return has
	}
	_, rest, _ := strings.Cut(text, "://")
	i := strings.LastIndex(rest, "@")
	return i >= 0 && strings.Contains(rest[:i], ":")
}
