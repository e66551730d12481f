// Package rampart is the vocabulary of a rollout orchestrator: the words in
// which a launch is planned, walked, judged and told.
//
// # Flags and decisions
//
// A [Flag] is a named switch with a value for off and one for on. Services ask
// it about a [Subject] and get a [Decision]. Deciding is a pure function of the
// flag's document, its segments, its kill register and the subject, so the same
// subject gets the same answer in every process and language.
//
// # Plans and launches
//
// A [Plan] says how one flag is launched: a list of stages, one for each [Phase],
// each a list of steps that expose a share of the units and hold it there while
// gates are judged. A launch is a plan being walked. [Plan.Validate] finds every
// mistake at once; [Plan.WithDefaults] fills in what the plan leaves open.
//
// # Verdicts and endings
//
// A [Verdict] is what the gates say at one tick. A launch that stops short of its
// end is turned back: the flag returns to its baseline. [Outcome] says how a
// launch ended, and why. [Progress] says where it stands.
//
// # Errors
//
// Errors that a person will read are of type [*Error]: they have a kind, which
// decides exit codes and HTTP statuses, and a hint, which says what to do next.
//
// The package imports nothing but the standard library; every other package of
// the product imports it.
package rampart
