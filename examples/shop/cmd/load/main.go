// Command load sends customers into the shop until it is interrupted, and tells
// every few seconds what they saw.
//
//	go run ./examples/shop/cmd/load --shop http://127.0.0.1:8080 --rate 500 --day 2m
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/examples/shop"
	"github.com/rampart-dev/rampart/examples/shop/load"
)

func main() {
	var o load.Options
	flag.StringVar(&o.URL, "shop", "http://127.0.0.1:8080", "address of the shop")
	flag.IntVar(&o.Users, "users", 2000, "how many customers there are")
	flag.Float64Var(&o.Rate, "rate", 500, "clicks a second, over a day")
	flag.DurationVar(&o.Day, "day", 24*time.Hour, "how long a day takes")
	flag.Float64Var(&o.Swing, "swing", 0.4, "how much busier noon is than the mean, from 0 to 1")
	every := flag.Duration("every", 5*time.Second, "how often to tell what was seen")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := load.New(o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "load: %v\n    hint: %s\n", err, rampart.HintOf(err))
		os.Exit(2)
	}
	go tell(ctx, l, max(*every, time.Second))
	l.Run(ctx)
	fmt.Println(line(l.Seen()))
}

func tell(ctx context.Context, l *load.Load, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Println(line(l.Seen()))
		case <-ctx.Done():
			return
		}
	}
}

func line(s load.Seen) string {
	text := ""
	for _, version := range []string{shop.ThreeStep, shop.OnePage} {
		saw := s.ByVersion[version]
		text += fmt.Sprintf("%s: %d clicks, %d failed, %d orders, p99 %s   ",
			version, saw.Clicks, saw.Failed, saw.Orders, saw.P99.Round(100*time.Microsecond))
	}
	return text + fmt.Sprintf("unanswered: %d, turned away: %d, customers hurt: %d", s.ByVersion[""].Clicks, s.Missed, s.Hurt)
}
