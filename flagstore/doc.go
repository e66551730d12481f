// Package flagstore keeps flags in Redis, decides who may change them, and tells
// readers of every change.
//
// # What it promises
//
// Every write of a flag is one call of one script: it checks the pen and the
// version, writes the document, appends to the history and publishes the change,
// or does none of it. The versions of a flag only grow. A retry is recognised, a
// writer that was overtaken is turned away, and a writer finds out when Redis has
// forgotten what it acknowledged. Kills need no pen and no write lifts them; a
// lease that has ended is never revived.
//
// # Keys
//
// All keys of an environment share one hash tag, and so one slot of a cluster.
//
//	rampart:{env}:state                     hash: environment, namespace, epoch, revision,
//	                                        f:FLAG, k:FLAG, s:SEGMENT = "version json"
//	rampart:{env}:pens                      hash: owner:FLAG, taken:FLAG = "at fence owner"
//	rampart:{env}:leases                    hash: FLAG = "version end-in-ms"
//	rampart:{env}:audit                     stream of all events; capped
//	rampart:{env}:history:FLAG              stream of one flag's events; capped
//	rampart:{env}:history:segment:SEGMENT   the same of a segment
//	rampart:{env}:evidence:FLAG:RUN         hash: tick, blob; expires
//	rampart:{env}:series:FLAG:RUN           hash: points of its looks, thinned; expires
//	rampart:{env}:cursor:NAME               hash: holder, till, place of a follower of the audit
//	rampart:{env}:readers                   hash: ID = json
//	rampart:{env}:readers:seen              sorted set: ID by the time in ms of its last sign
//	rampart:{env}:readers:at                sorted set: ID by the revision it has confirmed
//	rampart:{env}:changes                   channel of the change feed
//
// # Numbers
//
// Versions are milliseconds and revisions microseconds since 1970. Both stay below
// 2^53, up to which the doubles of Lua are exact; scripts print them in full.
//
// # Errors
//
// What the script answers is a sentinel ([ErrStale], [ErrOwned], ...), for errors.Is.
// Redis 7.0 or later: one server, a primary behind sentinels, or a cluster.
package flagstore
