// Package ledger says what may be exposed, without asking the product.
//
// It is a small reference model. People tell it what they are about to do (start,
// consent, kill) and what was acknowledged (turned back, killed); a witness tells it
// every write of the store, and what each reader serves; and it says at once whether
// that was allowed at that moment. It knows plans as ladders of exposures, and
// nothing of workflows, fences in the store, gates or scripts.
//
// # Time
//
// Everything is told with the clock of one machine, in milliseconds. What raises
// an allowance is told before it is asked for, and what lowers one after it was
// acknowledged, so that nothing under way is held against the product. The version
// of a write is the time at which it was decided; At is when the store had it.
//
// # Rules
//
// The rules are the promises of docs/explanation: see [Rules]. Each of them counts
// how often it was checked, because a rule that was never checked was not kept.
package ledger
