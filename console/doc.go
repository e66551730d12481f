// Package console is the HTTP server of an environment: services and browsers in any
// language ask it for flags, and it says how it is doing.
//
// # Promise
//
// The console changes nothing. It answers from a replica of the flag store that it
// keeps in its own process, so it goes on answering while Redis, Temporal and the
// workers are away, and says that it is STALE. Any number of consoles give the same
// answers. It listens on loopback unless it is told otherwise, and beyond loopback
// only to those who show a token. Everything that somebody else can make larger is
// bounded: bodies, attributes, connections, streams, and how often one may ask.
//
// # Rooms
//
//	access   who may ask, and how often: tokens and limits
//	ofrep    OpenFeature Remote Evaluation Protocol
//	flagd    what flagd's providers evaluate themselves, as a gRPC service
//
// Here are the listeners, what all requests go through, health and metrics. What is
// added to the console gets a room beside these, and a line in Handler.
//
// # Addresses
//
// The first listener is for everybody: OFREP, /healthz and /readyz. The second is for
// Prometheus alone, because the names of flags are on counters.
package console
