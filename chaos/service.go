package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rampart-dev/rampart/chaos/ledger"
	"github.com/rampart-dev/rampart/client"
)

// serviceCommand makes this program a service that reads flags.
const serviceCommand = "service"

const (
	// glance is how often a service looks at what its flags serve.
	glance = 5 * time.Millisecond
	// word is how often a service repeats what it serves, and reads its wishes.
	word = 250 * time.Millisecond
)

// wishes are what services are to do, by flag. They are a file, so that a service
// that was killed knows them when it is back.
type wishes map[string]wish

// A wish says how requests of one flag are answered.
type wish struct {
	Bad  bool `json:"bad,omitempty"`  // half of the on arm fails
	Idle bool `json:"idle,omitempty"` // nobody asks for it any more
}

// An utterance is one line that a service says.
type utterance struct {
	Sight *ledger.Sight `json:"sight,omitempty"`
	Again bool          `json:"again,omitempty"` // it is the sight of before, and still so

	// So many requests of the flag were made before this line, and at most so many
	// will have been before the next one.
	Flag  string `json:"flag,omitempty"`
	Made  int64  `json:"made,omitempty"`
	Limit int64  `json:"limit,omitempty"`
}

// A service serves requests that it makes up itself, and tells what it serves.
type service struct {
	flags  *client.Client
	file   string
	served map[string]*served
	out    *json.Encoder
}

func serve(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet(serviceCommand, flag.ContinueOnError)
	name := fs.String("name", "", "of the service, and of the reader")
	redis := fs.String("redis", "", "URL of the store")
	listen := fs.String("listen", "", "host:port of the metrics")
	file := fs.String("wishes", "", "file that says what to do")
	bootstrap := fs.String("bootstrap", "", "file that keeps the last snapshot")
	if err := fs.Parse(args); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	flags, err := client.Open(ctx, client.Options{
		Redis: *redis, Environment: environment, Service: *name, ID: *name, Registerer: registry, Bootstrap: *bootstrap,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	defer func() { _ = flags.Close() }()
	server := &http.Server{Addr: *listen, Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	defer func() { _ = server.Close() }()
	v := &service{flags: flags, file: *file, served: map[string]*served{}, out: json.NewEncoder(os.Stdout)}
	return v.work(ctx, failed)
}

func (v *service) work(ctx context.Context, failed <-chan error) error {
	look, speak := time.NewTicker(glance), time.NewTicker(word)
	defer look.Stop()
	defer speak.Stop()
	v.readWishes()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-speak.C:
			v.readWishes()
			for _, f := range v.served {
				v.say(f.account())
				if s, known := f.look(); known {
					v.say(utterance{Sight: &s, Again: s.Same(f.last)})
					f.last = s
				}
			}
		case <-look.C:
			for _, f := range v.served {
				if s, known := f.look(); known && !s.Same(f.last) {
					v.say(utterance{Sight: &s})
					f.last = s
				}
				f.request(ctx, v.flags)
			}
		}
	}
}

// readWishes takes up flags that are new, and what has changed.
func (v *service) readWishes() {
	b, err := os.ReadFile(v.file)
	var all wishes
	if err != nil || json.Unmarshal(b, &all) != nil {
		return
	}
	for name, w := range all {
		if v.served[name] == nil {
			v.served[name] = newServed(name, v.flags.Flag(name))
			v.say(v.served[name].account())
		}
		v.served[name].wish = w
	}
}

// say writes one line. Nobody is there to hear it once this program's parent is gone,
// and then this one is about to go too.
func (v *service) say(u utterance) {
	if err := v.out.Encode(u); err != nil && !errors.Is(err, os.ErrClosed) {
		slog.Error("cannot speak", "error", err)
	}
}
