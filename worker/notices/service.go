package notices

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/activities"
)

// service sends notices as text by way of Slack, Teams, e-mail and the like.
type service struct {
	name, scheme string
	sender       types.Service
	secrets      []string // parts of its URL, that no error may show
	link         func(workflowID string) string

	// turn lets one notice out at a time: the library's services change their own
	// configuration while they send, and one that hangs must not pile up others.
	turn chan struct{}
}

func newService(name, address string, o Options) (*service, error) {
	scheme, _, _ := strings.Cut(address, ":")
	scheme, _, _ = strings.Cut(scheme, "+")
	if scheme == "logger" { // would write to a log that is not the worker's
		return nil, rampart.Errorf(rampart.Invalid, "the channel %s is of kind logger", name).WithHint("use log:")
	}
	router, err := shoutrrr.CreateSender()
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", name, err)
	}
	s := &service{name: name, scheme: scheme, secrets: secretsOf(address), link: o.Link, turn: make(chan struct{}, 1)}
	if _, err = router.NewService(scheme); err != nil {
		known := "slack://, teams://, discord://, smtp:// and others; webhook+https://; log:"
		return nil, rampart.Errorf(rampart.Invalid, "the channel %s is of no known kind", name).WithHint("known are %s", known)
	}
	if s.sender, err = router.Locate(address); err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "the address of channel %s is not one of %s: %s", name, scheme, s.conceal(err)).
			WithHint("its form is described at https://shoutrrr.nickfedor.com")
	}
	return s, nil
}

func (s *service) send(ctx context.Context, n activities.Notice) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return rampart.Errorf(rampart.Unreachable, "the channel %s is busy with an earlier notice", s.name)
	}
	done := make(chan error, 1) // the library knows no contexts
	go func() {
		defer func() { <-s.turn }()
		done <- s.sender.Send(s.text(n), &types.Params{})
	}()
	select {
	case err := <-done:
		if err != nil {
			return rampart.Errorf(rampart.Unreachable, "the channel %s did not take the notice: %s", s.name, s.conceal(err))
		}
		return nil
	case <-ctx.Done():
		return rampart.Errorf(rampart.Unreachable, "the channel %s does not answer: no answer in time", s.name)
	}
}

// text writes a notice for people.
func (s *service) text(n activities.Notice) string {
	var b strings.Builder
	if n.Urgent {
		b.WriteString("URGENT: ")
	}
	fmt.Fprintf(&b, "%s (%s, %s", n.Text, n.Flag, n.Environment)
	if n.Owner != "" {
		fmt.Fprintf(&b, ", %s", n.Owner)
	}
	b.WriteString(")")
	if n.Receipt != nil && n.Receipt.Text != "" {
		b.WriteString("\n" + n.Receipt.Text)
	}
	if n.At > 0 {
		b.WriteString("\n" + time.UnixMilli(n.At).UTC().Format("2006-01-02 15:04:05 MST"))
	}
	if s.link != nil {
		if at := s.link(n.Launch); at != "" {
			b.WriteString("\n" + at)
		}
	}
	return b.String()
}

// word is what a token is made of; the library takes URLs apart in many ways.
var word = regexp.MustCompile(`[A-Za-z0-9]{4,}`)

// secretsOf returns what may be a secret in a URL, longest first: its words, and
// its parts as they are and unescaped.
func secretsOf(address string) []string {
	_, rest, _ := strings.Cut(address, ":")
	parts := word.FindAllString(rest, -1)
	if u, err := url.Parse(address); err == nil {
		password, _ := u.User.Password()
		parts = append(parts, password, u.User.Username(), u.Opaque)
		parts = append(parts, strings.Split(u.Path, "/")...)
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
	}
	for _, p := range parts {
		parts = append(parts, word.FindAllString(p, -1)...)
	}
	parts = slices.DeleteFunc(parts, func(p string) bool { return len(p) < 3 })
	slices.SortFunc(parts, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(parts)
}

// conceal returns the text of an error without any part of the channel's URL.
func (s *service) conceal(err error) string {
	text := failure(err)
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "…")
	}
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
