// Package workflows holds the durable procedures: deterministic code that decides,
// and leaves every doing to package activities.
//
// # Launch
//
// [Launch] walks one flag through its plan. Its life:
//
//	start ─ acquire ─┬─ for each stage: approvals ─ for each step: expose ─ watch ─┬─ bake ─ launched
//	                 │        every arrow can end in ▼                             │
//	               failed   turn back ─ turned-back │ killed │ cancelled │ superseded
//
// Signals and updates only set fields; the walk only waits for fields. Everything
// that stops the walk is an error of type *stop, and one function reverts.
//
// While anybody is exposed a watch is running: it judges the gates while a step is
// held, and stands guard while people are asked, or while the launch is paused or
// held. What its evidence says beside harm (units that are lost in one arm, what the
// maximum power ramp comes to, how far to go next) is weighed when a hold is over.
//
// # Flag
//
// [Flag] is open for as long as the flag exists. It answers for the flag while no
// launch does: it makes and changes it at a person's request, restores it after the
// store has lost it, and takes it back from a launch that was ended from outside.
// [Segment] does the same for a segment.
//
// # Sweep
//
// [Sweep] keeps the store and the workflows of an environment in step.
//
// Histories hold decisions, not ticks. Changes to this code are guarded by the
// golden histories in testdata, which are replayed in tests and only ever added to.
package workflows
