// Package relay serves the flags of one environment to many processes of one machine, so
// that a store has one reader a machine instead of one a process.
//
// # Promise
//
// A relay adds nothing and hides nothing. It hands messages on as they were published, in
// that order, and a state in which no register ever goes back, whatever the store
// forgets. While it is cut off it answers for no revision, so its readers are STALE as if
// they were cut off themselves; leases still end, by the store's clock. That holds also of
// what a file kept over a restart. Each of its readers is one to the store, confirmed at
// its own revision, in one write for all of them.
//
// A reader that is too slow is cut, and loads again: it holds up nobody. It needs a unix
// socket, or the loopback interface: whoever reaches it reads every flag.
//
// [Relay] is the relay; package client/relayed is what readers follow it with. It follows
// the store by means of package client, whose feed it listens in on.
package relay
