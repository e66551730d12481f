// Package devstack runs the real parts of Rampart on one machine: Temporal with its
// UI, Redis, Prometheus and a worker, as child processes on the loopback interface.
// "rampart dev" and the demo of the shop are made of it.
//
//	err := devstack.Run(ctx, devstack.Options{Worker: []string{"rampart", "worker"}},
//		func(ctx context.Context, s *devstack.Stack) error {
//			fmt.Println(s.UI)
//			<-ctx.Done() // somebody stops it, or a part has ended
//			return nil
//		})
//
// # Promise
//
// Run returns when everything it started is gone, whatever happened: parts are
// stopped in the reverse order of their start, with time to end in order, and then
// their process groups are killed. A part that ends by itself ends the stack, and
// the error names it and shows the last lines of its log. On Linux the kernel ends
// the parts when this process dies without a word.
//
// Parts listen on loopback only, because none of them asks anybody who they are, and
// on free ports unless told otherwise, so that a stack never meets another one.
//
// A program is the one that its variable names (RAMPART_TEMPORAL,
// RAMPART_REDIS_SERVER, RAMPART_PROMETHEUS), else the one in PATH, else the one in
// .cache/bin of the repository, where "make deps" puts it.
package devstack
