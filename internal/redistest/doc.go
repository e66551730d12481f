// Package redistest gives a test a Redis of its own: a real redis-server, started
// as a child process on a free port of the loopback interface, without
// persistence, and gone when the test is.
//
//	srv := redistest.Start(t)
//	store := flagstore.New(srv.Client(), "test")
//	srv.Restart() // Redis has lost everything
//
// The program is the one that RAMPART_REDIS_SERVER names, else redis-server from
// PATH, else .cache/bin/redis-server of the repository, where "make deps" puts it.
package redistest
