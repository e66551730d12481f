package flagstore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// SetClock gives the store a clock that is wrong by so much until the test ends. It is
// Redis's own, as scripts read it.
func SetClock(t *testing.T, wrong time.Duration) {
	t.Helper()
	const own = "local clock = redis.call('TIME')"
	if strings.Count(prelude, own) != 1 {
		t.Fatal("scripts read their clock in another way than this replaces")
	}
	skewed := strings.Replace(prelude, own, fmt.Sprintf("%s clock[1] = clock[1] + %d", own, int64(wrong.Seconds())), 1)
	for script, source := range map[**redis.Script]string{
		&putScript: putSource, &acquireScript: acquireSource, &killScript: killSource, &rejoinScript: rejoinSource, &leaseScript: leaseSource,
	} {
		was := *script
		t.Cleanup(func() { *script = was })
		*script = redis.NewScript(skewed + source)
	}
}
