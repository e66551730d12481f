// Command peers asks Rampart and others about the same flags for the same user, in
// turns, and writes how they compare:
//
//	cd bench/peers && go run . -out ../../out/bench.json
//	cd bench/peers && go run . -quick
//
// It is a module of its own, because the others are, and because what they bring is more
// than the product has. Each is given the scenario in its own words: a thousand flags
// with a rule that does not match and a rollout to a quarter of the users. Before it is
// measured, each must have a quarter of twenty thousand users on, and the one that is
// asked about must have the same answer every time. No one of them speaks to a network,
// counts, or logs.
package main
