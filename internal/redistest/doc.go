// Package redistest gives a test a Redis of its own: real redis-servers, started as
// child processes on free ports of the loopback interface, without persistence, and
// gone when the test is.
//
//	srv := redistest.Start(t)
//	store := flagstore.New(srv.Client(), "test")
//	srv.Restart() // Redis has lost everything
//
// [StartSentinel] is a primary and a replica behind three sentinels, [StartCluster]
// three primaries that share the slots; both also over TLS. Each of their servers is
// known to the others and to clients by a [Proxy], which cuts it off:
//
//	redis := redistest.StartSentinel(t)
//	redis.First.Proxy.Cut(redistest.Replicas, redistest.Sentinels) // a partition; clients stay
//	redis.Failover()
//	redis.First.Proxy.Mend()
//	redis.AwaitDemoted(redis.First)
//
// [Users] gives servers the users with the least rights that the guide for operators
// makes.
//
// The program is the one that RAMPART_REDIS_SERVER names, else redis-server from
// PATH, else .cache/bin/redis-server of the repository, where "make deps" puts it. It
// must be Redis 7.0 or later, built with TLS.
package redistest
