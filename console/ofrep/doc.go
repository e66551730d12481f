// Package ofrep answers the OpenFeature Remote Evaluation Protocol, version 0.3, so that
// every language with a provider for it is served without a client of ours.
//
// # Promise
//
// Answers come from a replica of the store in this process: no request waits for the
// network, and what a service with a client decides is decided here too. The bulk
// answer has an ETag over everything that is in it, so it is the same from every
// console and after a restart, and another one exactly when the answer is. It names an
// event stream, on which a client hears at once that it must ask again. Nothing of a
// context is logged or counted, and no evaluation counts as an exposure: nobody here
// knows whether the value was used.
//
// # The life of a stream
//
//	bulk answer ── signed link ──▶ connected ── refetchEvaluation at once, where
//	                                   │        the client may have missed something
//	      ┌── link older than an hour  │ ◀───── a change of a flag that its token sees,
//	      ▼   or two: 401, ask again   ▼        and the same after seconds and a minute
//	    closed ◀── slow reader, token taken back, console stopped
//
// Specification: https://github.com/open-feature/protocol
package ofrep
