package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// A service opens one client, resolves its flags once and asks them by the context
// of the request.
func Example() {
	feed := newFakeFeed() // a service sets Options.Redis instead
	feed.put(checkout(1, rampart.Full))

	flags, err := client.Open(context.Background(), client.Options{Environment: production, Service: "shop", Feed: feed})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer flags.Close()
	checkout := flags.Flag("checkout-v2")

	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if checkout.OnContext(r.Context()) {
			fmt.Fprint(w, "one page")
			return
		}
		fmt.Fprint(w, "four pages")
	})
	subjectOf := func(r *http.Request) rampart.Subject {
		return rampart.Subject{
			Key:        r.Header.Get("X-User"),
			Attributes: []rampart.Attr{{Name: "region", Value: "eu-west-1"}},
		}
	}
	server := client.Middleware(flags, subjectOf)(page)

	request := httptest.NewRequest(http.MethodGet, "/checkout", nil)
	request.Header.Set("X-User", "ann")
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, request)
	fmt.Println(answer.Body)
	// Output: one page
}

// Work that is no HTTP request begins and ends by hand.
func ExampleClient_Begin() {
	feed := newFakeFeed()
	feed.put(checkout(1, 0))
	flags, err := client.Open(context.Background(), client.Options{Environment: production, Feed: feed})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer flags.Close()

	process := func(ctx context.Context) error {
		fmt.Println(flags.Flag("checkout-v2").DecideContext(ctx).Reason)
		return nil
	}
	ctx, request := flags.Begin(context.Background(), rampart.Subject{Key: "ann"})
	err = process(ctx)
	request.End(err != nil)
	// Output: OFF
}
