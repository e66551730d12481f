package flagstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

func TestEveryFormOfAnAddressIsTaken(t *testing.T) {
	for url, shown := range map[string]string{
		"redis://redis.internal":                                         "redis.internal:6379",
		"rediss://ann:hunter2@redis.internal:6380/3":                     "redis.internal:6380",
		"redis+sentinel://a,b:26380,[::1]:26379/main":                    "main of the sentinels a:26379,b:26380,[::1]:26379",
		"rediss+sentinel://ann:hunter2@a:26379,b:26379/main.eu_1-x/2":    "main.eu_1-x of the sentinels a:26379,b:26379",
		"redis+sentinel://ann:p%40ss%2Fword@a:26379,b:26379/main?db=2":   "main of the sentinels a:26379,b:26379",
		"redis+cluster://a:7000,b:7001,c":                                "a:7000,b:7001,c:6379",
		"rediss+cluster://:hunter2@a:7000,b:7001/":                       "a:7000,b:7001",
		"redis+cluster://ann:hunter2@[2001:db8::1]:7000,10.0.0.2:7001/0": "[2001:db8::1]:7000,10.0.0.2:7001",
	} {
		t.Run(url, func(t *testing.T) {
			s, err := flagstore.Open(flagstore.Options{URL: url, Environment: env})
			require.NoError(t, err)
			require.NoError(t, s.Close())
			require.Equal(t, shown, s.Address())
		})
	}
}

func TestBadAddressesAreRefusedWithAHintAndWithoutThePassword(t *testing.T) {
	for name, c := range map[string]struct{ url, hint string }{
		"nothing":                              {"", "redis://host:6379"},
		"another scheme":                       {"http://ann:hunter2@a:1", "redis://host:6379"},
		"another form":                         {"redis+ring://ann:hunter2@a:1", "redis+cluster://"},
		"another scheme of a form":             {"http+cluster://ann:hunter2@a:1", "redis+cluster://"},
		"several hosts of one server":          {"redis://ann:hunter2@a:1,b:2", "redis+sentinel://"},
		"a port that is no number":             {"redis+cluster://ann:hunter2@a:port", "redis+cluster://"},
		"a host that is missing":               {"redis+cluster://ann:hunter2@a:1,,b:2", "redis+cluster://"},
		"no host":                              {"redis+cluster://ann:hunter2@", "redis+cluster://"},
		"a password whose host is missing":     {"redis+cluster://ann:hunter2", "redis+cluster://"},
		"a password with an @ and a slash":     {"redis+cluster://ann:hunter2@hunter2/x@a:port", "redis+cluster://"},
		"a password with a question mark":      {"redis+sentinel://ann:hunter2?@a:1", "redis+sentinel://"},
		"a database of a cluster":              {"redis+cluster://ann:hunter2@a:1/3", "redis+cluster://"},
		"no name of the primary":               {"redis+sentinel://ann:hunter2@a:1", "by NAME"},
		"a name of the primary with spaces":    {"redis+sentinel://ann:hunter2@a:1/my main", "by NAME"},
		"a database that is no number":         {"redis+sentinel://ann:hunter2@a:1/main/x", "redis+sentinel://"},
		"certificates that are left unchecked": {"rediss://ann:hunter2@a:1?skip_verify=true", "redis+sentinel://"},
		"and those of several servers":         {"rediss+cluster://ann:hunter2@a:1?skip_verify=true", "redis+cluster://"},
		"an option that there is not":          {"redis+sentinel://ann:hunter2@a:1/main?password=hunter2", "redis+sentinel://"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := flagstore.Open(flagstore.Options{URL: c.url, Environment: env})
			require.Equal(t, rampart.Invalid, rampart.KindOf(err))
			require.Contains(t, rampart.HintOf(err), c.hint)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, rampart.HintOf(err), "hunter2")
		})
	}
}
