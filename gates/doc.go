// Package gates judges a launch: gates and what a provider of metrics says in,
// a verdict out.
//
// # Promise
//
// [Judge.Judge] looks at every gate of a step at one tick and says how each of them
// stands, and what that comes to. A provider that fails is never a breach and never
// a pass: it is the verdict blind. An answer without what was asked for is no-data,
// with the reason, and never zero. A tick is counted once: judging it again, in a
// retry or by another worker, changes no evidence and gives the same verdict.
//
// # How it is built
//
// A look has three parts, of which only the first touches the world:
//
//   - see asks the [Source] and the probes, all gates at once;
//   - fold takes what was seen into the [State], tick by tick;
//   - conclude reads the verdict off the state.
//
// Evidence is made by package evidence from integer deltas of raw counters, over
// the same interval in both arms. The state has no raw counters, so it stays small
// enough to be carried by a heartbeat.
//
// Beside the gates a look compares the units of the arms with the exposure, counts the
// goals of the plan, and where it is asked says what the ramp comes to and how far it
// may go. That turns nothing back.
//
// # Time
//
// A launch that has been well for long is looked at less often: [State.Next] says when.
//
// A tick is identified by its time. It is judged from samples that are older than
// the scrape lag, because younger ones may not all have arrived. Ticks that no
// worker looked at are counted as one longer tick, as far back as the source's
// lookback reaches; what is older is lost, which costs power but never truth.
package gates
