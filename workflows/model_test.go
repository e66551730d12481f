package workflows_test

import (
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"pgregory.net/rapid"

	"github.com/rampart-dev/rampart/internal/redistest"
)

var modelLaunches = flag.Int("model", everyday, "how many launches the model walks")

// usual is the seed of the launches that are walked every day.
const usual = "20261120"

// TestModel walks thousands of launches in virtual time, each with troubles of its
// own, and holds each of them against the law. To walk more:
//
//	go test ./workflows -run TestModel -timeout 0 -model 100000
//
// Under the race detector, which makes them slow, only some are walked by default, and
// by default they are the same every time.
// A failure prints its story, as short as it could be made, and the seed with which
// it is told again: -rapid.seed.
func TestModel(t *testing.T) {
	lanes := max(2, runtime.NumCPU())
	require.NoError(t, flag.Set("rapid.checks", strconv.Itoa((*modelLaunches+lanes-1)/lanes)))
	require.NoError(t, flag.Set("rapid.nofailfile", "true"))
	if *modelLaunches == everyday && flag.Lookup("rapid.seed").Value.String() == "0" {
		require.NoError(t, flag.Set("rapid.seed", usual)) // whoever changes something else is not to find what is rare
	}
	server := redistest.Start(t)
	began, ends := time.Now(), &endings{count: map[string]int{}}
	var broken atomic.Bool // the other lanes need go no further
	t.Run("lanes", func(t *testing.T) {
		for lane := range lanes {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				mine := redis.NewClient(&redis.Options{Addr: server.Addr(), DB: lane})
				t.Cleanup(func() { _ = mine.Close() })
				var first string // as it was drawn; rapid shows it only when it was made short
				t.Cleanup(func() {
					if first != "" {
						t.Logf("what broke the law first, not made short: %s", first)
					}
				})
				rapid.Check(t, func(rt *rapid.T) {
					for range lane { // so that each lane has stories of its own
						rapid.Uint64().Draw(rt, "lane")
					}
					story := drawStory(rt)
					if broken.Load() && first == "" {
						return
					}
					x := tell(mine, story)
					if law := x.law.broken(); law != "" && first == "" {
						broken.Store(true)
						first = fmt.Sprintf("found after %d launches: %s\n%s", ends.all(), law, x)
					}
					requireLawful(rt, x)
					ends.add(x)
				})
			})
		}
	})
	took := time.Since(began)
	t.Logf("%v", ends.count)
	t.Logf("%d launches in %s: %.0f a second", *modelLaunches, took.Round(time.Millisecond), float64(*modelLaunches)/took.Seconds())
}

// endings count how launches ended, and how far they had come by then: a model whose
// launches all die young finds nothing.
type endings struct {
	mu    sync.Mutex
	told  int
	count map[string]int
}

func (e *endings) all() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.told
}

func (e *endings) add(x *telling) {
	e.mu.Lock()
	defer e.mu.Unlock()
	state := string(x.out.State)
	if x.err != nil {
		state = "cancelled"
		if !temporal.IsCanceledError(x.err) {
			state = "refused"
		}
	}
	e.told++
	e.count[state]++
	e.count[fmt.Sprintf("reached place %d", x.law.at)]++
}
