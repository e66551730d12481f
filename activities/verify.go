package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rampart-dev/rampart"
)

// VerifyInput is an approval that arrived, and what the launch knows about it.
type VerifyInput struct {
	Flag     string           `json:"flag"`
	Run      string           `json:"run"`
	Approval rampart.Approval `json:"approval"`
}

// Verified is an approval whose author is established as far as the worker's trust
// goes, or the reason why it does not count.
type Verified struct {
	Approval rampart.Approval `json:"approval"`
	Refused  string           `json:"refused,omitempty"`
}

// VerifyApproval establishes who approved, and on which evidence. An approval given
// on evidence that has become worse since does not count.
func (a *Activities) VerifyApproval(ctx context.Context, in VerifyInput) (Verified, error) {
	by, err := a.Identity.Who(ctx, in.Approval)
	if err != nil {
		return Verified{Approval: in.Approval, Refused: err.Error()}, nil
	}
	in.Approval.By = by
	_, blob, err := a.Store.Evidence(ctx, in.Flag, in.Run)
	if err != nil {
		return Verified{}, fmt.Errorf("evidence of %s: %w", in.Flag, err)
	}
	var m Memory
	if len(blob) > 0 {
		if err := json.Unmarshal(blob, &m); err != nil {
			return Verified{}, fmt.Errorf("evidence of %s: %w", in.Flag, err)
		}
	}
	if seen := in.Approval.Tick; seen > 0 && seen < m.WorseSince {
		return Verified{Approval: in.Approval, Refused: fmt.Sprintf(
			"the evidence became worse (%s) at %s, after what was seen; look again and approve anew",
			m.Verdict.Word, time.UnixMilli(m.WorseSince).UTC().Format(time.TimeOnly))}, nil
	}
	if in.Approval.Tick == 0 {
		in.Approval.Tick = m.Tick
	}
	return Verified{Approval: in.Approval}, nil
}

// An Identity establishes who gave an approval. There is one for each mode of trust.
type Identity interface {
	// Who returns the approver, or an error that says why the approval does not count.
	Who(ctx context.Context, a rampart.Approval) (string, error)
	// Trust is the mode, for status and Temporal UI.
	Trust() rampart.Trust
}

// Payload believes what the signal says. It is for development: anybody who can
// send a signal can write any name.
type Payload struct{}

// Who implements Identity.
func (Payload) Who(_ context.Context, a rampart.Approval) (string, error) {
	if a.By == "" {
		return "", rampart.Errorf(rampart.Invalid, `an approval names its author: {"phase": "debug", "by": "ann@example.com"}`)
	}
	return a.By, nil
}

// Trust implements Identity.
func (Payload) Trust() rampart.Trust { return rampart.TrustPayload }
