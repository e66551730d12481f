package client_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func TestEveryFlagIsFoundByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		var names []string
		for length := 1; length <= 100; length++ {
			for i := range 10 {
				name := fmt.Sprintf("%d%s%d", i, strings.Repeat("x", length), i)
				names = append(names, name)
				f := checkout(1, rampart.Full)
				f.Name = name
				feed.put(f)
			}
		}
		c := open(t, feed)
		require.ElementsMatch(t, names, c.Names())
		for _, name := range names {
			require.True(t, c.On(name, ann), name)
			require.Equal(t, name, c.Decide(name, ann).Flag)
			require.False(t, c.On(name[1:], ann), name)
		}
		require.False(t, c.On("", ann))
	})
}
