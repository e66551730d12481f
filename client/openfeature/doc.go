// Package openfeature serves Rampart's flags through OpenFeature's Go SDK.
//
//	import (
//		"github.com/open-feature/go-sdk/openfeature"
//
//		"github.com/rampart-dev/rampart/client"
//		provider "github.com/rampart-dev/rampart/client/openfeature"
//	)
//
//	flags, err := client.Open(ctx, client.Options{Redis: "redis://localhost:6379", Environment: "production"})
//	err = openfeature.SetProviderWithContextAndWait(ctx, provider.New(flags, provider.Options{}))
//
//	http.Handle("/", client.Middleware(flags, subjectOf)(mux))
//
// # Promise
//
// What the native API answers is what the provider answers: the same state, value, arm
// and reason, decided in this process without waiting for anything. An evaluation
// whose context belongs to a [client.Request] is counted as the native API counts it,
// so a service that knows only OpenFeature feeds the gates of its launches too. No
// panic reaches the caller.
//
// A provider costs what OpenFeature's SDK costs and half as much again, most of it for
// metadata. For hot paths there is [client.Flag] beside it.
//
// It is a module of its own, so that a service which imports client does not link
// OpenFeature.
package openfeature
