package client_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func TestEvaluateGivesTheValueWithTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newFakeFeed()
		colour := checkout(1, rampart.Full)
		colour.Name, colour.Off, colour.On = "colour", json.RawMessage(`"blue"`), json.RawMessage(`"green"`)
		gone := checkout(1, rampart.Full)
		gone.Name, gone.Removed = "gone", true
		feed.put(colour)
		feed.put(gone)
		feed.put(checkout(1, 0))
		feed.kill("killed-unseen", 5, true)
		c := open(t, feed)
		c.Flag("asked-for-only")

		text := func(v *rampart.Value) string {
			if v == nil {
				return "default"
			}
			raw, _ := v.JSON()
			return string(raw)
		}
		var all []string
		for d, v := range c.All(ann) {
			all = append(all, d.Flag+" "+d.Reason.String()+" "+text(v))
			again, same := c.Evaluate(d.Flag, ann)
			require.Equal(t, d, again)
			require.Equal(t, text(v), text(same))
		}
		require.Equal(t, []string{
			"checkout-v2 OFF false", `colour FULL "green"`, "gone REMOVED default", "killed-unseen KILLED default",
		}, all)

		d, v := c.Evaluate("nobody-wrote-this", ann)
		require.Equal(t, rampart.ReasonUnknownFlag, d.Reason)
		require.Nil(t, v)
		d, v = c.Flag("asked-for-only").Evaluate(ann)
		require.Equal(t, rampart.ReasonUnknownFlag, d.Reason)
		require.Nil(t, v)
	})
}
