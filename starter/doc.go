// Package starter is what people do to launches and flags: start, approve, pause,
// turn back, kill, look. The command line, the console and the tests all go through
// it, so that they refuse the same things with the same words.
//
// Every call is bounded in time, and every error is a *rampart.Error with a kind
// and, where there is something to do about it, a hint.
//
// A kill needs only the store; looking at flags needs only the store; everything
// else needs Temporal.
package starter
