// Package web tests the console with the clients that others have written for it,
// unmodified, in the programs that they are made for: OpenFeature's OFREP provider and
// flagd provider in Node, and its OFREP web provider in a headless Chromium, also in the
// shop of the example. Redis and "rampart console" are real, and each a process of its own.
//
// It is a module of its own, so that the product's has no browser among its
// dependencies. package-lock.json pins the clients; "make deps" brings them into
// .cache/npm, with Node, by the command in install.
package web
