package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/starter"
)

// decided is what decide prints as JSON.
type decided struct {
	rampart.Decision
	Value json.RawMessage `json:"value,omitempty"` // absent where the caller's default is served
	Why   string          `json:"why"`
}

func (a *app) flagDecideCommand() *cobra.Command {
	var subject rampart.Subject
	var attributes []string
	c := a.reading(&cobra.Command{
		Use:   "decide NAME [--key USER] [--request ID] [--attr NAME=VALUE] ...",
		Short: "Say what a flag answers for a subject, and why; needs no Temporal",
		Long: `Decide answers as every reader does, from the flag's document, the segments that
it names, its kill register and its lease.`,
		Example:           "  rampart flag decide checkout-v2 --key u1 --attr region=eu-west-1",
		Args:              a.takes("NAME"),
		ValidArgsFunction: a.completeFlags,
		RunE: a.does(func(ctx context.Context, args []string) error {
			for _, s := range attributes {
				name, value, ok := strings.Cut(s, "=")
				if !ok || name == "" {
					return rampart.Errorf(rampart.Invalid, "%q is not an attribute", s).WithHint("write --attr NAME=VALUE")
				}
				subject.Attributes = append(subject.Attributes, rampart.Attr{Name: name, Value: value})
			}
			s, err := a.parts()
			if err != nil {
				return err
			}
			d, err := decide(ctx, s, args[0], &subject)
			if err != nil {
				return err
			}
			return a.answer(d, func(w io.Writer) { showDecision(w, d) })
		}),
	})
	c.Flags().StringVar(&subject.Key, "key", "", "the user")
	c.Flags().StringVar(&subject.Request, "request", "", "the request, for flags whose unit is the request")
	c.Flags().StringArrayVar(&attributes, "attr", nil, "attribute NAME=VALUE; may be repeated")
	return c
}

// decide decides as a reader does.
func decide(ctx context.Context, s *starter.Starter, flag string, subject *rampart.Subject) (decided, error) {
	e, err := s.Store.Get(ctx, flag)
	if err != nil {
		return decided{}, err
	}
	registers := rampart.Registers{Killed: e.Kill != nil && e.Kill.Killed, Unsupported: e.Unreadable != ""}
	if e.Lease != nil && e.Lease.Version == e.Flag.Version {
		now, err := s.Store.Now(ctx) // by whose clock leases end
		if err != nil {
			return decided{}, err
		}
		registers.LeaseEnded = now.UnixMilli() >= e.Lease.End
	}
	segments, err := s.Store.Segments(ctx)
	if err != nil {
		return decided{}, err
	}
	matchers := make(map[string]*rampart.Matcher, len(segments))
	for _, g := range segments {
		matchers[g.Name], _ = rampart.CompileSegment(g) // one that is broken serves off, and the reason says so
	}
	compiled, broken := rampart.Compile(e.Flag, matchers)
	d := decided{Decision: compiled.Under(registers).Decide(subject)}
	if !d.Reason.Default() {
		d.Value, _ = compiled.Value(d.On).JSON()
	}
	d.Why = whyDecided(d.Decision, e.Flag, broken)
	return d, nil
}

// whyDecided puts the reason of a decision into words.
func whyDecided(d rampart.Decision, f rampart.Flag, broken error) string {
	switch d.Reason {
	case rampart.ReasonKilled:
		return "the flag is killed"
	case rampart.ReasonLeaseEnded:
		return "the lease of its exposure has ended"
	case rampart.ReasonUnsupportedRule:
		if broken != nil {
			return "the document cannot be evaluated: " + broken.Error()
		}
		return "the document has what this reader does not know"
	case rampart.ReasonHeldOut:
		return "a rule of except matches: held out, in no arm"
	case rampart.ReasonIncluded:
		return "a rule of include matches; in no arm"
	case rampart.ReasonNotEligible:
		return "no rule of where matches; in no arm"
	case rampart.ReasonNotInLayer:
		return fmt.Sprintf("its slot is not one of the flag's in layer %s; in no arm", f.Layer)
	case rampart.ReasonNoUnit:
		return fmt.Sprintf("the subject lacks what the flag buckets by (%s), so the caller's default is served", f.Unit)
	case rampart.ReasonOff:
		return "nobody is exposed by bucket"
	case rampart.ReasonFull:
		return "everybody is exposed"
	case rampart.ReasonSplit:
		than := "not below"
		if d.On {
			than = "below"
		}
		return fmt.Sprintf("bucket %d of %d is %s %s", d.Bucket, rampart.Buckets, than, f.Exposure)
	}
	return "the caller's default is served"
}

func showDecision(w io.Writer, d decided) {
	value, bucket := string(d.Value), ""
	if d.Value == nil {
		value = "the caller's default"
	}
	if d.Bucket >= 0 {
		bucket = fmt.Sprint(d.Bucket)
	}
	on := "off"
	if d.On {
		on = "on"
	}
	fields(w, "decision", on, "value", value, "reason", d.Reason.String()+": "+d.Why, "arm", d.Arm.String(),
		"bucket", bucket, "phase", string(d.Phase), "version", fmt.Sprint(d.Version))
}
