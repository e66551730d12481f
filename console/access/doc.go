// Package access says who may ask the console, and how often.
//
// # Promise
//
// A token is 256 random bits. The console keeps only its SHA-256, in a file that it
// reads again when it changes: a token that is taken out, or has expired, is refused
// within seconds, and what was opened with it is closed. A token belongs to one
// environment and is of one kind. That of a server sees every flag; that of a browser,
// which every visitor can read, sees the flags that it lists, and of others not even
// that they exist.
//
// # The file
//
// One token a line, and comments behind a #:
//
//	NAME KIND ENVIRONMENT sha256:HEX [expires=DATE] [flags=NAME,NAME]
//
// [New] makes a token and its line.
package access
