// Package acceptance tests the product as operators run it: a real Temporal, Redis
// and Prometheus, services that read flags, and workers and command line as
// processes of their own, which are really killed.
//
// Each test tells what happens to one launch, in the order in which it happens:
//
//	worker := s.work()
//	l := s.start(plan)
//	l.awaits(rampart.Watching, ten)
//	worker.kill()
//	s.work()
//	l.ends(rampart.Launched)
//	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", ...)
//
// Beside the test, two witnesses look on from the first moment to the last. Readers,
// which are replicas as services have them, must never see an exposure above what is
// allowed by then, nor a flag that goes backwards. And the evidence of a launch must
// never have judged a tick twice.
//
// Tests wait for what must come, for as long as a loaded machine may take, and claim
// order and bounds, never durations.
package acceptance
