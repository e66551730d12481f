// Package flagd hands the flags of an environment to flagd's providers, which evaluate
// them in their own process: as a service flagd.sync.v1, in flagd's definition format.
//
// # Promise
//
// A provider decides as we do, bit for bit, because flagd's fractional operation is our
// bucketing. A kill, an ended lease and a document that this reader is too old for
// become a flag that is off for everybody. What flagd's format cannot say is never
// guessed: such a flag is off for everybody, or left out where not even its off value
// can be said, and its metadata and the log say why. The service is read-only.
//
// # How a document is said
//
//	if    except    off
//	      include   on
//	      not where off
//	      no unit   nothing, so that the caller's default is served
//	      no slot   off
//	else  fractional [on, exposure] [off, the rest]
//
// Segments are shared rules, in $evaluators.
package flagd
