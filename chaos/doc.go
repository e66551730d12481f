// Command chaos breaks every part of a running Rampart, again and again, while
// launches are walked on it, and checks that exposure stays within what people
// have consented to:
//
//	go run ./chaos -for 10m -seed 1 -out docs/chaos/report.md
//
// Temporal, Redis, Prometheus, two workers and three services are real, run as child
// processes on free ports of the loopback interface, and die with this program. What
// is done to them is chosen from the seed: kill -9, stops in mid-breath, cut
// connections, and a Redis that comes back empty. When it happens depends on the
// machine, so a seed repeats the mix and not the story.
//
// Meanwhile people start launches, consent, pause, reject, turn back, cancel, kill
// and restore, and break the metrics of the on arm. They tell a ledger of all that
// they do. The ledger is a model that knows nothing of the product: see
// [github.com/rampart-dev/rampart/chaos/ledger]. Witnesses tell it every write of the
// store and everything that readers in the services serve; in the end every history
// is read and replayed. docs/chaos/README.md says what is checked when.
//
// It exits with 1 where a promise was not kept, and keeps the logs and the story.
package main
