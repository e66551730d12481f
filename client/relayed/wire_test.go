package relayed_test

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/client/relayed"
	"github.com/rampart-dev/rampart/flagstore"
)

func TestFramesAreReadAsTheyWereWritten(t *testing.T) {
	messages := []flagstore.Message{"", "1 0 10 . f checkout-v2 3\n{\"name\":\"checkout-v2\"}", relayed.Again, flagstore.Message(strings.Repeat("x", 100_000))}
	var b bytes.Buffer
	for _, m := range messages {
		require.NoError(t, relayed.WriteFrame(&b, m))
	}
	r := bufio.NewReader(&b)
	for _, want := range messages {
		got, err := relayed.ReadFrame(r)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestAgainIsAGapToEveryReader(t *testing.T) {
	require.Equal(t, flagstore.Change{}, relayed.Again.Change())
}

func FuzzReadFrame(f *testing.F) {
	for _, seed := range []string{"", "0\n", "3\nabc", "-1\nx", "99999999999999999999\n", "1048577\n", "3\nab", "x\n", strings.Repeat("1", 5000)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := relayed.ReadFrame(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			return
		}
		m.Change() // must not panic
		var again bytes.Buffer
		require.NoError(t, relayed.WriteFrame(&again, m))
		read, err := relayed.ReadFrame(bufio.NewReader(&again))
		require.NoError(t, err)
		require.Equal(t, m, read)
	})
}
