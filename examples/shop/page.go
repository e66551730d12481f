package shop

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"html/template"
	"net/http"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

//go:embed pages
var files embed.FS

// assets are what pages load: flags.js is ours, openfeature.js OpenFeature's.
//
//go:embed assets
var assets embed.FS

// pages are the pages by name, each inside the layout.
var pages = func() map[string]*template.Template {
	layout := template.Must(template.ParseFS(files, "pages/layout.html", "pages/parts.html"))
	all := map[string]*template.Template{}
	for _, name := range []string{"cart", "one-page", "address", "payment", "review", "thanks", "sorry"} {
		all[name] = template.Must(template.Must(layout.Clone()).ParseFS(files, "pages/"+name+".html"))
	}
	return all
}()

// content is what a page is told.
type content struct {
	User     string
	Decision rampart.Decision
	Total    float64
	Console  Console
}

func (s *Shop) show(w http.ResponseWriter, r *http.Request, name string) {
	s.write(w, r, http.StatusOK, name)
}

// sorry answers a customer for whom something went wrong.
func (s *Shop) sorry(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the customer has gone, which is not the shop's failure
	}
	s.write(w, r, http.StatusServiceUnavailable, "sorry")
}

// write makes the whole page before it sends any of it, so that a page is either
// whole or an error.
func (s *Shop) write(w http.ResponseWriter, r *http.Request, status int, name string) {
	subject := client.FromContext(r.Context()).Subject()
	var page bytes.Buffer
	err := pages[name].ExecuteTemplate(&page, "layout", content{
		User: subject.Key, Decision: s.checkout.Decide(subject), Total: orderValue, Console: s.console,
	})
	if err != nil {
		http.Error(w, "this page is broken", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store") // the next visit may get another version
	w.WriteHeader(status)
	_, _ = page.WriteTo(w)
}
