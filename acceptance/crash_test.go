package acceptance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/examples/shop"
	"github.com/rampart-dev/rampart/examples/shop/load"
	"github.com/rampart-dev/rampart/internal/devstack"
)

// A shop whose new checkout ends the process takes its metrics with it: there is
// nobody left to count an error.
func TestLaunchIsTurnedBackWhereTheOnArmCrashesItsProcess(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	r := s.read(shop.FlagName)
	front := s.openShop()
	plan := s.comparing(shop.FlagName)
	plan.Stages[0].Steps[0] = rampart.Step{Percent: fifty, Hold: rampart.Duration(time.Hour)}
	l := s.start(plan)
	l.awaitsThat("the on arm is heard", func(p rampart.Progress) bool { return gate(p.Verdict, "errors").OnN > 100 })

	front.inject(shop.Trouble{NewCrash: true})

	require.Equal(t, 1, front.ends())
	out := l.ends(rampart.TurnedBack)
	require.Equal(t, rampart.CauseBreach, out.Cause)
	require.Contains(t, out.Reason, "stopped")
	require.Contains(t, out.Reason, "while the source answers")
	r.awaits("off", shop.FlagName, func(saw sight) bool { return saw.Exposure == 0 && !saw.Lowest })
	l.requirePath("create 0 %", "acquire 0 %", "expose 50 %", "turn-back 0 %")
}

// A shopFront is a shop with customers.
type shopFront struct {
	*process
	faults string // URL
}

// openShop starts a shop as a process of its own, and lets customers in.
func (s *stack) openShop() *shopFront {
	s.t.Helper()
	ports, err := devstack.FreePorts(2)
	require.NoError(s.t, err)
	address, faults := loopback(ports[0]), loopback(ports[1])
	front := &shopFront{process: s.run(shopProgram, "--listen", address, "--faults", faults), faults: "http://" + faults + "/faults"}
	eventually(s.t, "the shop is open", func() (bool, any) {
		status, body, err := get("http://" + address + "/healthz")
		return status == http.StatusOK, []any{body, err}
	})
	s.scrape(address)
	customers, err := load.New(load.Options{URL: "http://" + address, Users: users, Rate: 200, Swing: 0.1})
	require.NoError(s.t, err)
	ctx, leave := context.WithCancel(context.Background())
	var gone sync.WaitGroup
	gone.Go(func() { customers.Run(ctx) })
	s.t.Cleanup(func() { leave(); gone.Wait() })
	return front
}

// inject makes the shop fail, as a person would.
func (f *shopFront) inject(trouble shop.Trouble) {
	f.t.Helper()
	body, err := json.Marshal(trouble)
	require.NoError(f.t, err)
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPut, f.faults, bytes.NewReader(body))
	require.NoError(f.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(f.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(f.t, http.StatusOK, resp.StatusCode)
}
