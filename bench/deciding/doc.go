// Package deciding has the scenario in which decisions are measured, and the turns in
// which they are taken, so that Rampart and others are asked the same at the same time.
//
// # Promise
//
// Everybody has a thousand flags, each with a rule that does not match and a rollout to
// a quarter of the users, and is asked about one of them. Nothing is measured before
// the answers were checked. All have short turns, one after the other and each round in
// another order, so that whatever else the machine does is the same to all of them, and
// ratios are of turns of the same round.
package deciding
