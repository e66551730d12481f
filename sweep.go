package rampart

import "time"

// Names of the messages about flags that were left behind.
const (
	// To a flag's own workflow.
	UpdateSweep  = "sweep"  // Sweeping -> Flag: take the flag back from a launch that is gone, and turn it back
	UpdateAttest = "attest" // nothing -> nothing: from now on show in the memo which document is meant

	// To the sweep of an environment.
	UpdateAllow    = "allow"     // Allowance -> string
	QueryAllowance = "allowance" // -> Allowance: the last one
)

// MemoDocument is the field of the memo of a flag's or a segment's own workflow that says
// which document it answers for: "version digest", or nothing while a launch answers.
const MemoDocument = "RampartDocument"

// A Sweeping asks a flag's own workflow to turn back what a launch has left behind.
type Sweeping struct {
	Launch string   `json:"launch"` // the workflow that answered for the flag, and is gone
	Seen   int64    `json:"seen"`   // the version of the flag when it was found so
	Reason string   `json:"reason"`
	Notify []string `json:"notify,omitempty"` // channels
}

// An Allowance lets one pass of the sweep turn back more flags than it would without
// asking. It is used once, and expires unused.
type Allowance struct {
	Flags  int    `json:"flags"` // at most so many
	By     string `json:"by"`
	Reason string `json:"reason"`
	At     int64  `json:"at,omitempty"` // ms since 1970; set by the sweep's workflow
}

// The bounds of an allowance.
const (
	MaxAllowance  = 100_000                    // flags
	AllowanceLife = Duration(10 * time.Minute) // long enough for a pass, too short to be forgotten about
)
