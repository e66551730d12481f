// Package temporaltest gives tests a Temporal of their own: a real server, started
// as a child process on a free port of the loopback interface, with its data in a
// file that survives restarts, with Rampart's search attributes, and gone when the
// test is.
//
//	srv := temporaltest.Start(t)
//	c := srv.Client("default")
//	srv.Restart() // Temporal crashed and came back; it has lost nothing
//
// A server takes a second or two to start. Tests that leave it alone can share one
// for the whole package, each with an environment or flag names of its own:
//
//	func TestMain(m *testing.M) { os.Exit(temporaltest.Run(m)) }
//	...
//	srv := temporaltest.Shared(t)
//
// The program is the one that RAMPART_TEMPORAL names, else temporal from PATH, else
// .cache/bin/temporal-devserver of the repository, where "make deps" puts it.
package temporaltest
