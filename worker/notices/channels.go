package notices

import (
	"bufio"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// Options say what channels work with. The zero value of each is useful.
type Options struct {
	Log     *zap.Logger                    // of channels of kind log
	Link    func(workflowID string) string // where people can look at a launch; nil: nowhere
	Timeout time.Duration                  // of one attempt; 0: DefaultTimeout
	Now     func() time.Time               // the clock of signatures; nil: time.Now
	HTTP    http.RoundTripper              // of webhooks; nil: one of their own
}

// DefaultTimeout bounds one attempt to send. Receivers are expected to take a
// notice in and to work on it later.
const DefaultTimeout = 10 * time.Second

// Channels are where notices go, by name.
type Channels struct {
	byName  map[string]channel
	timeout time.Duration
}

// A channel is one way out.
type channel interface {
	send(ctx context.Context, n activities.Notice) error
}

// New makes channels of pairs NAME=URL. It connects to none of them. The error is
// of every pair that is wrong.
func New(pairs []string, o Options) (*Channels, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Channels{byName: map[string]channel{}, timeout: o.Timeout}
	var errs []error
	for _, pair := range pairs {
		errs = append(errs, c.add(pair, o))
	}
	return c, errors.Join(errs...)
}

func (c *Channels) add(pair string, o Options) error {
	name, address, found := strings.Cut(strings.TrimSpace(pair), "=")
	if !found || rampart.CheckName("a channel", name) != nil { // what is wrong may be a secret: it is not shown
		return rampart.Errorf(rampart.Invalid, "a channel is written NAME=URL").
			WithHint("names are lower case letters, digits and dashes: releases=slack://hook:TOKEN@webhook")
	}
	if c.byName[name] != nil {
		return rampart.Errorf(rampart.Invalid, "the channel %s is there twice", name)
	}
	ch, err := open(name, address, o)
	if err != nil {
		return err
	}
	c.byName[name] = ch
	return nil
}

func open(name, address string, o Options) (channel, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "the address of channel %s is not a URL", name)
	}
	switch u.Scheme {
	case "log":
		return logged{o.Log}, nil
	case "webhook+https", "webhook+http":
		return newWebhook(name, u, o)
	}
	return newService(name, address, o)
}

// Names returns the names of the channels, sorted.
func (c *Channels) Names() []string { return slices.Sorted(maps.Keys(c.byName)) }

// Notify sends a notice to a channel. The error is of kind [rampart.NotFound] where
// there is no such channel, and of kind [rampart.Refused] where the channel will not
// take this notice, however often it is sent.
func (c *Channels) Notify(ctx context.Context, channel string, n activities.Notice) error {
	ch := c.byName[channel]
	if ch == nil {
		err := rampart.Errorf(rampart.NotFound, "this worker knows no channel %s", channel)
		if names := c.Names(); len(names) > 0 {
			return err.WithHint("it knows %s; more are named with --notify or --notify-file", strings.Join(names, ", "))
		}
		return err.WithHint("it knows none; they are named with --notify or --notify-file")
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return ch.send(ctx, n)
}

// maxFile bounds a file of channels: a megabyte is thousands of them.
const maxFile = 1 << 20

// Read returns the pairs in a file: one a line, less empty lines and those that
// begin with #.
func Read(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "the channels cannot be read").Because(err)
	}
	defer func() { _ = f.Close() }()
	var pairs []string
	lines := bufio.NewScanner(io.LimitReader(f, maxFile))
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && line[0] != '#' {
			pairs = append(pairs, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "the channels in %s cannot be read", file).Because(err)
	}
	return pairs, nil
}

// logged is the channel of developers.
type logged struct{ log *zap.Logger }

func (l logged) send(_ context.Context, n activities.Notice) error {
	l.log.Info("notice", zap.String("id", n.ID), zap.String("event", n.Event), zap.String("flag", n.Flag),
		zap.String("environment", n.Environment), zap.Bool("urgent", n.Urgent), zap.String("text", n.Text))
	return nil
}
