package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/examples/shop"
	"github.com/rampart-dev/rampart/examples/shop/load"
	"github.com/rampart-dev/rampart/internal/devstack"
)

// The customers of the demo. A day is short, so that its nights are part of what the
// gates see.
const (
	customers = 2000
	clicks    = 500
	day       = 4 * time.Minute
	swing     = 0.1
)

// staff is who is in the segment internal: they see the new checkout first.
var staff = []string{"ann", "bo", "mel"}

// parts is what runs: the stack, the shop and its customers.
type parts struct {
	stack      *devstack.Stack
	shopURL    string
	consoleURL string
	faultsURL  string
	load       *load.Load
	links      []string // to the launches in Temporal UI

	leave context.CancelFunc
	gone  sync.WaitGroup
}

// open opens the shop and lets the customers in.
func open(ctx context.Context, s *devstack.Stack, programs programs) (*parts, error) {
	ports, err := devstack.FreePorts(3)
	if err != nil {
		return nil, err
	}
	front, faults, console := loopback(ports[0]), loopback(ports[1]), loopback(ports[2])
	p := &parts{stack: s, shopURL: "http://" + front, faultsURL: "http://" + faults + "/faults", consoleURL: "http://" + console}
	internal := rampart.SegmentChange{Segment: rampart.Segment{Name: "internal", Keys: staff}, By: "mel", Reason: "who tries things first"}
	if _, err := s.Starter().ApplySegment(ctx, internal); err != nil {
		return nil, err
	}
	err = s.Launch(ctx, devstack.Process{
		Name: "console", Program: programs.rampart,
		Args: []string{"console", "--listen", console, "--metrics-listen", "off", "--origins", p.shopURL},
		Env:  s.Env(), Restart: true,
	}, func(ctx context.Context) error { return ask(ctx, http.MethodGet, p.consoleURL+"/readyz", nil) })
	if err != nil {
		return nil, err
	}
	err = s.Launch(ctx, devstack.Process{
		Name: "shop", Program: programs.shop, Args: []string{"--listen", front, "--faults", faults, "--console", p.consoleURL},
		Env: s.Env(), Restart: true, // as where it would run for real
	}, func(ctx context.Context) error { return ask(ctx, http.MethodGet, p.shopURL+"/healthz", nil) })
	if err != nil {
		return nil, err
	}
	if err := s.Scrape("shop", front); err != nil {
		return nil, err
	}
	p.load, err = load.New(load.Options{
		// Of the customers that this seed makes, a hundredth of the clicks comes from the
		// hundredth that is exposed first. By chance it may be half of that or twice it,
		// and the first hold would have to be longer.
		URL: p.shopURL, Users: customers, Staff: staff, Rate: clicks, Day: day, Swing: swing, Seed: 4, Concurrent: 400,
	})
	if err != nil {
		return nil, err
	}
	ctx, p.leave = context.WithCancel(ctx)
	p.gone.Go(func() { p.load.Run(ctx) })
	return p, nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (p *parts) close() {
	p.leave()
	p.gone.Wait()
}

// inject makes the shop fail, over HTTP as a person would.
func (d *demo) inject(ctx context.Context, t shop.Trouble) error {
	body, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("inject: %w", err)
	}
	d.screen.command("curl -X PUT %s -d '%s'", d.faultsURL, body)
	return ask(ctx, http.MethodPut, d.faultsURL, body)
}

// heal ends all trouble.
func (p *parts) heal(ctx context.Context) error { return ask(ctx, http.MethodDelete, p.faultsURL, nil) }

// ask makes a request that must succeed.
func ask(ctx context.Context, method, url string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, why)
	}
	return nil
}
