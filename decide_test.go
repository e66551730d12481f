package rampart_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func quarter() rampart.Flag {
	return rampart.Flag{
		Format: rampart.FlagFormat, Name: "checkout-v2", Version: 7, HashVersion: rampart.HashVersion,
		Salt: "checkout-v2", Unit: rampart.User, Exposure: 2500, Off: []byte("false"), On: []byte("true"),
		Include: []rampart.Rule{{Attribute: "region", In: []string{"eu-west-1"}}},
	}
}

func BenchmarkDecide(b *testing.B) {
	c, err := rampart.Compile(quarter(), nil)
	require.NoError(b, err)
	s := &rampart.Subject{Key: benchKey, Attributes: []rampart.Attr{{Name: "region", Value: "us-east-1"}}}
	var p atomic.Pointer[rampart.Compiled]
	p.Store(c)
	for b.Loop() {
		if p.Load().Decide(s).On {
			sink++
		}
	}
}
