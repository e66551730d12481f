package shop

import (
	"net/http"
	"time"
)

// orderValue is what the cart costs, in euros.
const orderValue = 47.5

// VersionHeader tells which checkout answered: OnePage or ThreeStep.
const VersionHeader = "X-Checkout"

// The versions of the checkout.
const (
	OnePage   = "one-page"
	ThreeStep = "three-step"
)

// cart is the page before the checkout, the same for everybody.
func (s *Shop) cart(w http.ResponseWriter, r *http.Request) {
	if err := s.database.query(r.Context(), 0); err != nil {
		s.sorry(w, r, err)
		return
	}
	s.show(w, r, "cart")
}

// begin shows the first page of the checkout: the only one, or the first of three.
func (s *Shop) begin(w http.ResponseWriter, r *http.Request) {
	s.either(w, r, "one-page", "address")
}

// deliver and pay are the way from one step to the next of the old checkout. A
// customer whose flag changed in the middle goes to the first page of the other one.
func (s *Shop) deliver(w http.ResponseWriter, r *http.Request) { s.either(w, r, "", "payment") }

func (s *Shop) pay(w http.ResponseWriter, r *http.Request) { s.either(w, r, "", "review") }

// order ends both checkouts.
func (s *Shop) order(w http.ResponseWriter, r *http.Request) {
	if s.either(w, r, "thanks", "thanks") {
		s.flags.Track(r.Context(), nil, EventCompleted, orderValue)
	}
}

// either answers with a page of the checkout that this customer gets, and reports
// whether all went well. Each page costs one query, whichever version it is of, so
// that the versions differ in what they are, and not in how often they are asked.
func (s *Shop) either(w http.ResponseWriter, r *http.Request, onePage, threeStep string) bool {
	page, err, keep := threeStep, error(nil), time.Duration(0)
	w.Header().Set(VersionHeader, ThreeStep)
	if s.checkout.OnContext(r.Context()) {
		page = onePage
		w.Header().Set(VersionHeader, OnePage)
		err, keep = s.faults.strikeNew(r.Context()), s.faults.newKeeps()
	}
	if err == nil {
		err = s.database.query(r.Context(), keep)
	}
	switch {
	case err != nil:
		s.sorry(w, r, err)
		return false
	case page == "":
		http.Redirect(w, r, "/checkout", http.StatusSeeOther)
		return false
	}
	s.show(w, r, page)
	return true
}
