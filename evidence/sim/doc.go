// Package sim walks launches through simulated worlds: with the evidence that Rampart
// gathers, and with what other tools do on the same counts.
//
// # Promise
//
// The same seed gives the same counts and the same endings, on every machine and
// however the runs are spread over cores. What is judged is package evidence itself,
// fed as package gates feeds it; nothing of it is imitated here. Every other method is
// written from its published definition, which is named beside it.
//
// # Parts
//
//   - [World] is how counts come about without harm: Poisson, daily patterns and
//     shared incidents, jumps of the base rate, bursts and persistent heavy users,
//     faulty scrapes. [Worlds] are those in which the share of false reverts is promised.
//   - [Plan] and [Gate] are what matters of a plan; [Standard] is the launch of 45
//     days and a dozen gates for which that share is promised.
//   - [Walk] walks one launch, with or without [Harm], and tells its [Outcome].
//   - [Case] is one gate on a stream of counts: the reference case of the delays.
//     [Methods] are the tests that are compared on it, Rampart's own among them.
//   - [Wilson] is the interval for a share.
//
// Requests are not simulated one by one. A tick draws counts, from the distribution
// that their sum would have: Poisson for events of users who are alike; for
// persistent heavy users one gamma weight for all users of a bucket and slice of
// exposure, and for bursts the sum of so many geometric lengths. These are exact. Two
// things are not: units come evenly from all users and buckets, and who is in which
// bucket differs from gate to gate, as if each gate had users of its own.
package sim
