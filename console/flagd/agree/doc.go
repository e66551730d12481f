// Package agree holds what the console says in flagd's format to flagd's own evaluator:
// both must decide every document alike, for every subject. It is a module of its own
// because flagd's is large.
package agree
