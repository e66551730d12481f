// Package agree holds what the console says to what others have published: flagd's own
// evaluator must decide every document as we do, for every subject, and every answer
// must conform to the OpenAPI document of OFREP. It is a module of its own, because
// flagd's is large.
package agree
