// Package evidence turns counts into evidence: numbers in, evidence out.
//
// # Promise
//
// Every gate that can turn a launch back carries an e-process: a number E that
// starts at 1, is never negative, and whose expectation is at most 1 at every
// stopping time while there is no harm. By Ville's inequality the chance that
// E ever reaches 1/a is at most a, so a gate may be looked at after every tick
// for as long as the launch lasts. [Launch] weighs the gates of one launch into
// one such process, so that a harmless launch is turned back with probability
// at most alpha: over all its gates, all its phases and all looks together.
//
// # Parts
//
//   - [Tick] is what one interval counted; impossible counts are never evidence.
//   - [CB] is the conditional binomial with a change-time mixture: the base
//     rate cancels in every tick, and harm that begins late is found soon.
//   - [Gate] is a CB with boosting, and where [Dispersion] over the telemetry
//     buckets tells of bursts, tempered and beside [Robust]; or a mean of parts.
//   - [Line] is the evidence against an absolute line, with [Burn] behind it, and
//     [Mean] that on a mean per unit; [Detector] compares a value with its past.
//   - [Launch] combines gates, names the one that tripped, freezes removed ones.
//   - [Information] says what could have been seen; [Flow], beforehand, what will be.
//   - [SampleRatio] compares the units of the arms with the allocation; [Decider]
//     judges goals, [Decide] a ramp, [Recommend] says how far it may go.
//   - [NormalMixture], [BetaBinomialMixture] and [Multinomial] are the published
//     mixtures; [Spending] has the bounds of the decision, [FixedSize] sample sizes.
//
// The package reads no clock, does no input or output and draws no random numbers.
// State is small, versioned JSON; the same ticks in the same order give the same
// bits, however they were split over attempts.
//
// # Sources
//
// Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform Chernoff bounds"; Lindon and
// Malek, "Anytime-valid inference for multinomial count data"; Lindon, Sanden,
// Shirikian, "Rapid regression detection in software deployments"; Waudby-Smith
// et al., "Time-uniform central limit theory"; Fischer and Ramdas, "Avoiding
// overshoot"; Lan and DeMets, "Discrete sequential boundaries".
package evidence
