package rampart

// Names of the messages that a launch's workflow understands. People send them by
// hand too, from Temporal UI, so they are part of the contract.
const (
	SignalApprove = "approve" // Approval
	SignalKill    = "kill"    // any payload, or none
	SignalLost    = "lost"    // string (why): the store has lost the flag; write it again

	UpdateReview   = "review"    // Approval -> Review: the dry run of an approval
	UpdatePause    = "pause"     // Ask -> string
	UpdateResume   = "resume"    // Ask -> string
	UpdateAdvance  = "advance"   // Ask -> string
	UpdateReject   = "reject"    // Ask -> string
	UpdateTurnBack = "turn-back" // Ask -> string
	UpdateAmend    = "amend"     // Amendment -> Amended

	UpdateAcknowledge = "acknowledge" // Ask -> string: a sample ratio mismatch was looked into

	QueryProgress = "progress" // -> Progress
)

// Names of the messages that a flag's own workflow understands.
const (
	SignalLaunching = "launching" // Handover: a launch answers for the flag from now on
	SignalAnswer    = "answer"    // Handover: the flag's own workflow answers again
	SignalKilled    = "killed"    // Kill: what the register says

	UpdateRegister = "register" // FlagChange -> Flag: the flag, made if it is new
	UpdateSet      = "set"      // FlagChange -> Flag
	UpdateDisable  = "disable"  // Ask -> Flag
	UpdateLift     = "lift"     // Ask -> Flag: baseline first, then the kill register
	UpdateRestore  = "restore"  // string (why) -> bool: write the intent again where the store lost it

	QueryFlag = "flag" // -> FlagIntent
)

// Search attributes of launches and of flags' own workflows.
const (
	AttributeFlag        = "RampartFlag"
	AttributeEnvironment = "RampartEnvironment"
	AttributePhase       = "RampartPhase"
	AttributeState       = "RampartState"
	AttributeOwner       = "RampartOwner"
	AttributePercent     = "RampartPercent"
)

// LaunchQueue returns the task queue of the workflows of an environment and of the
// activities that change flags.
func LaunchQueue(environment string) string { return "launches/" + environment }

// GateQueue returns the task queue of the activities that judge gates, so that slow
// metrics never delay a turning back.
func GateQueue(environment string) string { return "gates/" + environment }

// SweepID returns the ID of the workflow that keeps an environment's store and
// workflows in step.
func SweepID(environment string) string { return "sweep/" + environment }

// An Ask is a person's request to a launch or to a flag.
type Ask struct {
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
	Phase  Phase  `json:"phase,omitempty"` // of a rejection
	Hold   bool   `json:"hold,omitempty"`  // of a rejection: keep the exposure, held

	AcceptUndecided bool `json:"acceptUndecided,omitempty"` // of an advance
}

// A Review is the answer to the dry run of an approval that would count; of one that
// would not, the dry run is refused with the reason.
type Review struct {
	Have    int      `json:"have"` // approvals that count, this one not included
	Need    int      `json:"need"`
	Tick    int64    `json:"tick,omitempty"` // of the evidence the launch stands on, ms
	Plan    int      `json:"plan,omitempty"` // revision of the plan that would be consented to
	Verdict *Verdict `json:"verdict,omitempty"`

	Decision *RampDecision `json:"decision,omitempty"` // that the maximum power ramp came to
}

// A FlagChange asks for a new or another document of a flag, without a launch.
type FlagChange struct {
	Flag   Flag   `json:"flag"` // Version, ChangedAt and ChangedBy are ignored
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
	New    bool   `json:"new,omitempty"`  // refuse if the flag is there already
	Seen   int64  `json:"seen,omitempty"` // refuse if the flag was changed after this version of it; 0: do not
}

// A Handover passes the right to answer for a flag between its launch and its own workflow.
type Handover struct {
	Launch  string   `json:"launch"` // workflow ID
	Flag    Flag     `json:"flag,omitzero"`
	Kill    *Kill    `json:"kill,omitempty"`
	Outcome *Outcome `json:"outcome,omitempty"`
}

// A FlagIntent is what a flag's own workflow holds to be true.
type FlagIntent struct {
	Flag   Flag     `json:"flag"`
	Kill   *Kill    `json:"kill,omitempty"`
	Launch string   `json:"launch,omitempty"` // that answers for the flag now
	Last   *Outcome `json:"last,omitempty"`   // of the last launch
}
