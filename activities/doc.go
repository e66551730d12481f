// Package activities is where a launch touches the world: it changes flags in the
// store, judges gates, checks approvals and sends notices.
//
// Every activity is safe to run twice. Writes carry a fence, so that a retry is
// recognised and a zombie is turned away; a look at the gates names its tick, so
// that nothing is counted twice.
//
// # Errors
//
// An activity fails only where trying again may help. An answer that the workflow
// must decide on, such as "somebody else holds this flag", is a result.
//
// # The watch
//
// [Activities.Watch] looks at the gates once an attempt. While there is nothing to
// decide it fails benignly and says when to look again, so Temporal's retry timer
// is the loop: a watch of a month costs the launch's history two events, and it
// survives every worker.
package activities
