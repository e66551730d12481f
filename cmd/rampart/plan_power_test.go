package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
)

func TestAPlanInALayerHasWhatItsSlotsHave(t *testing.T) {
	plan := rampart.Plan{
		Flag: "checkout-v2", Layer: &rampart.Layer{Name: "checkout-page", From: 1000, To: 4000},
		Gates: []rampart.Gate{
			{Name: "errors", Ratio: &rampart.Ratio{}}, {Name: "failures", Count: &rampart.Count{}},
			{Name: "overall", Objective: &rampart.Objective{}},
		},
	}
	read := func(from string) gates.Rates {
		return gates.Rates{Users: 40, Of: map[string]gates.Rate{
			"gates[0]": {Units: 500, Base: 0.01, From: from}, "gates[1]": {Base: 10, From: from}, "gates[2]": {Units: 800, Base: 0.01, From: from},
		}}
	}
	rates := read("cart-v2, 7d")
	ofItsSlots(plan, &rates)
	require.Equal(t, gates.Rates{Users: 12, Of: map[string]gates.Rate{
		"gates[0]": {Units: 150, Base: 0.01, From: "cart-v2, 7d, 30 % of it"}, "gates[1]": {Base: 3, From: "cart-v2, 7d, 30 % of it"},
		"gates[2]": {Units: 800, Base: 0.01, From: "cart-v2, 7d"},
	}}, rates)

	own := read("checkout-v2, 7d")
	ofItsSlots(plan, &own)
	require.Equal(t, read("checkout-v2, 7d"), own, "its own were counted in its slots")
	plan.Layer = nil
	rates = read("cart-v2, 7d")
	ofItsSlots(plan, &rates)
	require.Equal(t, read("cart-v2, 7d"), rates)
}
