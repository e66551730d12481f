// Package annotations marks changes of exposure in Grafana.
//
// # Promise
//
// Every change is marked once: each write of a flag, by a launch or by hand, each kill
// and each restore. They are taken from the audit stream of the store, which has them in
// the order in which they were made, and not from those who make them: so none waits for
// Grafana, and none is missed because a worker died, or because Grafana was away. What
// waits is kept by the stream, and by nothing else.
//
// One worker of an environment follows the stream; its place is kept in the store, and
// another one goes on from there. A change that may have been marked before is looked for
// in Grafana by its tag first.
//
// # Failures
//
// What Grafana refuses for good is counted and left out. Everything else, a refused token
// among it, is tried again, at last every half minute, for as long as it takes. Nobody is
// paged: rampart_annotations_total and rampart_annotations_waiting_seconds tell.
package annotations
