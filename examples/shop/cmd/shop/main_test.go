package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func TestFaultsCanBeInjectedFromThisMachineOnly(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:8081": true, "[::1]:8081": true, "localhost:8081": true,
		":8081": false, "0.0.0.0:8081": false, "192.0.2.1:8081": false, "shop.example:8081": false, "8081": false,
	} {
		err := loopbackOnly(address)
		require.Equal(t, ok, err == nil, address)
		if !ok {
			require.Equal(t, rampart.Invalid, rampart.KindOf(err))
			require.EqualError(t, run(t.Context(), settings{faults: address}), err.Error(), "before anything is opened")
		}
	}
}
