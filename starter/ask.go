package starter

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
)

// Consent is what became of an approval.
type Consent struct {
	Approval rampart.Approval `json:"approval"` // as it counts
	Have     int              `json:"have"`
	Need     int              `json:"need"`

	Decision *rampart.RampDecision `json:"decision,omitempty"` // of the maximum power ramp, that was consented on
}

// Approve consents to a phase. It is refused, and nothing is sent, where it would
// not count; otherwise it returns once the launch has counted it.
func (s *Starter) Approve(ctx context.Context, flag string, a rampart.Approval) (Consent, error) {
	id := rampart.LaunchID(s.Environment(), flag)
	var r rampart.Review
	if err := s.update(ctx, flag, id, rampart.UpdateReview, a, &r); err != nil {
		var refused *rampart.Error
		if errors.As(err, &refused) && refused.Kind == rampart.Refused {
			err = refused.WithHint("rampart why %s says what the launch waits for", flag)
		}
		return Consent{}, err
	}
	if a.Revision == 0 {
		a.Revision = r.Plan // an amendment may come between the review and the signal
	}
	call, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	before := s.lastChapter(call, id)
	if err := s.Temporal.SignalWorkflow(call, id, "", rampart.SignalApprove, a); err != nil {
		return Consent{}, s.told(err, flag)
	}
	return s.counted(call, flag, id, a, r, before)
}

// counted waits until the launch has taken the approval in.
func (s *Starter) counted(ctx context.Context, flag, id string, a rampart.Approval, r rampart.Review, before rampart.Chapter) (Consent, error) {
	for {
		p, err := s.query(ctx, id, "")
		if err != nil {
			return Consent{}, s.told(err, flag)
		}
		have := 0
		var mine *rampart.Approval
		for _, x := range p.Approvals {
			if x.Phase == a.Phase {
				have++
			}
			if x.Phase == a.Phase && x.By == a.By {
				mine = &x
			}
		}
		if mine != nil {
			return Consent{Approval: *mine, Have: have, Need: r.Need, Decision: r.Decision}, nil
		}
		if refused := refusalIn(p.Story, before, a); refused != "" {
			return Consent{}, rampart.Errorf(rampart.Refused, "%s", refused)
		}
		select {
		case <-ctx.Done():
			return Consent{}, rampart.Errorf(rampart.Unreachable, "the approval was sent, but not yet counted").
				WithHint("rampart status %s shows when it is", flag)
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// refusalIn finds the line with which the launch refused this approval after all. It
// is looked for behind the line that was the last before; a story has no numbers,
// because a long one is cut short.
func refusalIn(story []rampart.Chapter, before rampart.Chapter, a rampart.Approval) string {
	for i := range story {
		if story[i] == before {
			story = story[i+1:]
			break
		}
	}
	for _, c := range story {
		if c.At < before.At {
			continue
		}
		if c.By == a.By && strings.HasPrefix(c.Text, "approval of "+string(a.Phase)+" does not count") {
			return c.Text
		}
	}
	return ""
}

func (s *Starter) lastChapter(ctx context.Context, id string) rampart.Chapter {
	p, err := s.query(ctx, id, "")
	if err != nil || len(p.Story) == 0 {
		return rampart.Chapter{}
	}
	return p.Story[len(p.Story)-1]
}

// Pause stops the promotion of a launch; its guard goes on.
func (s *Starter) Pause(ctx context.Context, flag string, a rampart.Ask) (string, error) {
	return s.ask(ctx, flag, rampart.UpdatePause, a)
}

// Resume lets a paused or held launch go on.
func (s *Starter) Resume(ctx context.Context, flag string, a rampart.Ask) (string, error) {
	return s.ask(ctx, flag, rampart.UpdateResume, a)
}

// maxAdvance bounds the wait for an answer of gates that are looked at seldom.
const maxAdvance = 2 * time.Minute

// Advance ends a hold early, if the gates have nothing against it. Where they have not
// been looked at in this step, the answer comes with the next look.
func (s *Starter) Advance(ctx context.Context, flag string, a rampart.Ask) (string, error) {
	id := rampart.LaunchID(s.Environment(), flag)
	call, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	p, err := s.query(call, id, "")
	if err != nil {
		return "", s.told(err, flag)
	}
	var answer string
	return answer, s.updateWithin(ctx, max(s.patience(), min(s.patience()+2*p.Plan.Every.D(), maxAdvance)), flag, id, rampart.UpdateAdvance, a, &answer)
}

// Reject refuses a phase.
func (s *Starter) Reject(ctx context.Context, flag string, a rampart.Ask) (string, error) {
	return s.ask(ctx, flag, rampart.UpdateReject, a)
}

// Acknowledge lets a launch go on that is held because its sample ratio does not match.
// It is refused without a reason, and where nothing is to be acknowledged.
func (s *Starter) Acknowledge(ctx context.Context, flag string, a rampart.Ask) (string, error) {
	return s.ask(ctx, flag, rampart.UpdateAcknowledge, a)
}

// TurnBack ends a launch at the baseline.
func (s *Starter) TurnBack(ctx context.Context, flag string, a rampart.Ask) (string, error) {
	return s.ask(ctx, flag, rampart.UpdateTurnBack, a)
}

func (s *Starter) ask(ctx context.Context, flag, name string, a rampart.Ask) (string, error) {
	var answer string
	return answer, s.update(ctx, flag, rampart.LaunchID(s.Environment(), flag), name, a, &answer)
}
