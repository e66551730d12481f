package client_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

func TestNewerDocumentsServeOff(t *testing.T) {
	cases := map[string]string{
		"a rule with an unknown field":  `{"format":1,"name":"checkout-v2","hashVersion":1,"exposure":100,"off":false,"on":true,"where":[{"attribute":"age","atLeast":18}]}`,
		"an unknown hash version":       `{"format":1,"name":"checkout-v2","hashVersion":2,"exposure":100,"off":false,"on":true}`,
		"a newer format":                `{"format":3,"name":"checkout-v2","hashVersion":1,"exposure":100,"off":false,"on":true}`,
		"rules that are no list":        `{"format":2,"name":"checkout-v2","hashVersion":1,"exposure":100,"off":false,"on":true,"include":{"any":[]}}`,
		"a layer with an unknown field": `{"format":2,"name":"checkout-v2","hashVersion":1,"exposure":100,"off":false,"on":true,"layer":{"name":"page","to":100,"nested":"x"}}`,
		"a layer without slots":         `{"format":2,"name":"checkout-v2","hashVersion":1,"exposure":100,"off":false,"on":true,"layer":{"name":"page"}}`,
		"an unknown exception":          `{"format":2,"name":"checkout-v2","hashVersion":1,"exposure":100,"off":false,"on":true,"except":[{"cohort":"x"}]}`,
		"an unknown unit":               `{"format":1,"name":"checkout-v2","hashVersion":1,"exposure":100,"off":false,"on":true,"unit":"household"}`,
		"what is no JSON":               `exposure: 100`,
		"an exposure beyond everybody":  `{"format":1,"name":"checkout-v2","hashVersion":1,"exposure":101,"off":false,"on":true}`,
		"a segment that cannot be read": `{"format":1,"name":"checkout-v2","hashVersion":1,"exposure":100,"off":false,"on":true,"include":[{"segment":"strange"}]}`,
		"null":                          `null`,
	}
	for name, doc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				feed := newFakeFeed()
				feed.put(checkout(1, rampart.Full))
				feed.write(func(c *flagstore.Change) {
					c.Segment = &flagstore.Document{Name: "strange", Version: 1, JSON: []byte(`{"format":1,"name":"strange","rules":[{"country":"de"}]}`)}
				})
				c := open(t, feed)
				require.True(t, c.Bool("checkout-v2", ann, true))

				feed.publish(feed.write(func(c *flagstore.Change) {
					c.Flag = &flagstore.Document{Name: "checkout-v2", Version: 2, JSON: []byte(doc)}
				}))
				synctest.Wait()
				require.Equal(t, rampart.ReasonUnsupportedRule, c.Decide("checkout-v2", ann).Reason)
				require.False(t, c.Bool("checkout-v2", ann, true), "off, not the default")
				require.Equal(t, 1, c.Status().Unsupported)
			})
		})
	}
}
