// Package worker is a worker process: it wires activities and workflows to
// Temporal, the flag store and Prometheus, works until it is told to stop, and says
// how it is doing.
//
// # Promise
//
// A worker works for one environment and one Temporal namespace, the pair that the
// store was set up for, and refuses every other. While Temporal, Redis or Prometheus
// is away it keeps running, says so in its readiness, and goes on when they are back.
// Told to stop, it takes no new work and finishes the attempts under way; one that
// does not end in time is tried again by another worker, which is safe.
//
// # Queues
//
// There are two, so that slow metrics never delay a turning back: launches/ENV has
// the workflows and the activities that change flags, gates/ENV those that judge.
//
// # HTTP
//
// /healthz says that the process lives; /readyz whether it can work, and what is
// missing; /metrics is for Prometheus. The server listens on loopback unless it is
// told otherwise, because it asks nobody who they are.
package worker
