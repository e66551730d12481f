// Rampart launches features safely: it walks a flag through the phases of a plan,
// and turns it back when a gate breaks.
//
// The program is every command of the product. It decides nothing: what a command
// does is in package starter, and what is refused is refused there, or by the
// launch itself. Here are words, tables and exit codes.
//
// # Promise
//
// Every command ends by itself within seconds, but for those that watch or serve,
// and each of these ends at Ctrl-C. What is wrong is said in a sentence on stderr,
// with a hint at what to do; the exit code says of which kind it is.
//
//	0    done
//	1    unexpected
//	2    bad input
//	3    not found
//	4    refused in this state
//	5    out of reach
//	10   watch, start --wait: turned back
//	11   killed
//	12   any other ending short of launched
//	130  interrupted
//
// Tables are for people and may change; what -o json prints is for programs and
// only grows.
package main
