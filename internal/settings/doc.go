// Package settings lets a process be told what to do by flags and by environment
// variables, from one table of both.
//
// A flag wins over its variable, and a variable over the default. An empty variable
// counts as none. Help shows defaults, never what the environment holds, which may
// be a secret; and a setting without a flag cannot be put on a command line, where
// every user of the machine could read it.
package settings
