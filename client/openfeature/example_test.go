package openfeature_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	provider "github.com/rampart-dev/rampart/client/openfeature"
)

// A service opens one client, gives it to OpenFeature and to the middleware, and knows
// nothing but OpenFeature in its handlers.
func Example() {
	store := newFeed(newFlag("checkout-v2", 1, "false", "true", rampart.Full)) // a service sets Options.Redis instead
	ctx := context.Background()
	flags, err := client.Open(ctx, client.Options{Environment: production, Service: "shop", Feed: store})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer flags.Close()
	if err := openfeature.SetNamedProviderWithContextAndWait(ctx, "shop", provider.New(flags, provider.Options{})); err != nil {
		fmt.Println(err)
		return
	}
	of := openfeature.NewClient("shop")

	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if of.Boolean(r.Context(), "checkout-v2", false, openfeature.EvaluationContext{}) {
			fmt.Fprint(w, "one page")
			return
		}
		fmt.Fprint(w, "four pages")
	})
	subjectOf := func(r *http.Request) rampart.Subject { return rampart.Subject{Key: r.Header.Get("X-User")} }
	answer := httptest.NewRecorder()
	client.Middleware(flags, subjectOf)(page).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/checkout", nil))
	fmt.Println(answer.Body)
	// Output: one page
}
