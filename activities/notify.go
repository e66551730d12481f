package activities

import (
	"context"

	"github.com/rampart-dev/rampart"
)

// A Notice tells people outside what happened, or that they are needed.
type Notice struct {
	ID          string           `json:"id"`    // the same on every attempt, so that receivers can drop duplicates
	Event       string           `json:"event"` // started, waiting, held, no-data, blind, turned-back, killed, launched, page ...
	Flag        string           `json:"flag"`
	Environment string           `json:"environment"`
	Owner       string           `json:"owner"`
	Launch      string           `json:"launch"` // workflow ID
	Phase       rampart.Phase    `json:"phase,omitempty"`
	Exposure    rampart.Percent  `json:"exposure"`
	Text        string           `json:"text"`
	At          int64            `json:"at"` // ms since 1970
	Urgent      bool             `json:"urgent,omitempty"`
	Receipt     *rampart.Receipt `json:"receipt,omitempty"`
}

// NotifyInput is one notice for one channel.
type NotifyInput struct {
	Channel string `json:"channel"`
	Notice  Notice `json:"notice"`
}

// Notify sends a notice. An unknown channel is not tried again.
func (a *Activities) Notify(ctx context.Context, in NotifyInput) error {
	err := a.Notifier.Notify(ctx, in.Channel, in.Notice)
	a.Meter.notified(in.Channel, err)
	return refused(err)
}
