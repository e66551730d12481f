// Package relayed follows a relay instead of the store: a process on the same machine,
// "rampart relay", that holds the flags for many processes.
//
// # Promise
//
// What a relay hands on is what the store wrote, message by message, so everything that
// a replica promises holds behind a relay as well: versions are joined, gaps are seen,
// leases end by the store's clock. A relay that is itself cut off does not hide it: it
// says how old its state is, and does not answer for a revision that it has not just
// seen, so that its readers call themselves STALE when it does.
//
// The protocol is HTTP/1.1 over a unix socket or the loopback interface, and its version
// stands in every path. It needs nothing but the standard library.
package relayed
