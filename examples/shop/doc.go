// Package shop is a small web shop whose checkout is being replaced: the old one has
// three steps, the new one is a single page. The flag checkout-v2 says who gets
// which. It is what the tutorial and the demo launch, and an example of how a service
// reads flags:
//
//   - [New] resolves the flag's handle once;
//   - client.Middleware ties every request to its user, in [Shop.Handler];
//   - the handlers ask the flag by the context of the request, in checkout.go;
//   - what the product wants more of is tracked, in [Shop.order];
//   - pages that are open follow the flag by OpenFeature's own web provider, which asks
//     the console, in assets/flags.js.
//
// The rest is a shop to try things on. Both checkouts read one database through one
// pool of connections, which fails now and then, as databases do. And it can be made
// to fail in more interesting ways while it runs, with [Faults]: the new checkout
// alone, the database of both, or the new one so that both run out of connections.
//
//	go run ./examples/shop/cmd/shop    # the shop
//	go run ./examples/shop/cmd/load    # two thousand customers
//	go run ./examples/shop/demo        # both, and three launches
package shop
