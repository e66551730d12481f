package rampart

// Progress tells where a launch stands.
type Progress struct {
	Flag        string  `json:"flag"`
	Environment string  `json:"environment"`
	Owner       string  `json:"owner"`
	Purpose     string  `json:"purpose"`
	StartedBy   string  `json:"startedBy,omitempty"`
	StartedAt   int64   `json:"startedAt"` // ms since 1970
	Run         string  `json:"run"`       // of the workflow: the key of the launch's evidence
	Source      Source  `json:"source"`
	Plan        Plan    `json:"plan"`
	Revision    int     `json:"revision"` // of the plan; 1 at the start
	State       State   `json:"state"`
	WaitingFor  string  `json:"waitingFor,omitempty"`
	Until       int64   `json:"until,omitempty"` // ms since 1970: when what is waited for comes, where that is known
	Note        string  `json:"note,omitempty"`  // in a sentence
	Phase       Phase   `json:"phase"`
	Entered     int     `json:"entered"`          // the last stage of the plan that was entered; -1: none
	Asking      Phase   `json:"asking,omitempty"` // the phase whose approval is awaited
	Baking      bool    `json:"baking,omitempty"`
	Step        int     `json:"step"`
	StepName    string  `json:"stepName,omitempty"`
	Looks       int64   `json:"looks,omitempty"` // at the gates, so far
	Exposure    Percent `json:"exposure"`
	HighWater   Percent `json:"highWater,omitempty"` // the highest that its salt ever had; units from there on were never on
	Version     int64   `json:"version"`             // of the flag, as last acknowledged
	Killed      *Kill   `json:"killed,omitempty"`
	From        Phase   `json:"from,omitempty"`    // of a relaunch: the phase that it began with
	Attempt     int     `json:"attempt,omitempty"` // how often it has stepped back
	Retries     int     `json:"retries,omitempty"` // how often it may, before it turns back

	StepSince int64    `json:"stepSince,omitempty"` // ms since 1970
	Hold      Duration `json:"hold,omitempty"`      // that the step must have
	Held      Duration `json:"held,omitempty"`      // that it has had; only answered time counts

	Approvals []Approval `json:"approvals,omitempty"` // that count or have counted
	Missing   string     `json:"missing,omitempty"`   // in words: "product; 1 more person"
	Verdict   *Verdict   `json:"verdict,omitempty"`   // the last
	Share     float64    `json:"share,omitempty"`     // of the evidence that turns the launch back, at the last look
	Story     []Chapter  `json:"story,omitempty"`
	Exposed   int64      `json:"exposed,omitempty"` // first exposure, ms since 1970
	Parachute *Confirmed `json:"parachute,omitempty"`

	Mismatch string        `json:"mismatch,omitempty"` // of the sample ratio, that somebody is to acknowledge
	Decision *RampDecision `json:"decision,omitempty"` // that the maximum power ramp came to
	Extended Duration      `json:"extended,omitempty"` // by which the ramp is held longer than planned

	Outcome  *Outcome     `json:"outcome,omitempty"`
	Trust    Trust        `json:"trust,omitempty"`
	Warnings []string     `json:"warnings,omitempty"`
	Notices  []NoticeSent `json:"notices,omitempty"`
}

// A Chapter is one line of a launch's story.
type Chapter struct {
	At   int64  `json:"at"` // ms since 1970
	Text string `json:"text"`
	By   string `json:"by,omitempty"`
}

// NoticeSent records that a notice went out, or could not.
type NoticeSent struct {
	At      int64  `json:"at"`
	Channel string `json:"channel"`
	Error   string `json:"error,omitempty"`
}

// Confirmed tells how many of the known readers have confirmed a version.
type Confirmed struct {
	Readers   int   `json:"readers"`
	Confirmed int   `json:"confirmed"`
	Millis    int64 `json:"millis"` // until the last of them
}

// An Approval is one person's consent to enter one phase of one launch.
type Approval struct {
	Phase    Phase  `json:"phase"`
	By       string `json:"by"`
	Group    string `json:"group,omitempty"`
	Note     string `json:"note,omitempty"`
	Revision int    `json:"revision,omitempty"` // of the plan; 0: whatever is current
	Tick     int64  `json:"tick,omitempty"`     // of the evidence seen, ms; 0: that of arrival
	At       int64  `json:"at,omitempty"`       // of arrival, ms since 1970; set by the launch
}

// Trust says how the launch knows who approved.
type Trust string

// The modes of trust.
const (
	TrustPayload   Trust = "payload"   // what the signal says; for development
	TrustSigned    Trust = "signed"    // signed by the console after login
	TrustPrincipal Trust = "principal" // verified by the Temporal server
)

// An Outcome is how a launch ended.
type Outcome struct {
	State   State   `json:"state"` // an ending
	Cause   Cause   `json:"cause,omitempty"`
	Phase   Phase   `json:"phase,omitempty"` // where it ended
	Reason  string  `json:"reason,omitempty"`
	By      string  `json:"by,omitempty"`
	Receipt Receipt `json:"receipt"`
}

// A Receipt tells what a launch cost and how it ended, from its own ticks.
type Receipt struct {
	StartedAt    int64   `json:"startedAt"`              // ms since 1970, as all times here
	EndedAt      int64   `json:"endedAt"`                //
	Highest      Percent `json:"highest"`                // exposure reached
	FirstExposed int64   `json:"firstExposed,omitempty"` //
	HarmSince    int64   `json:"harmSince,omitempty"`    // when harm began, by estimate
	BreachAt     int64   `json:"breachAt,omitempty"`     // the tick whose evidence reached the limit
	OffAt        int64   `json:"offAt,omitempty"`        // when the store had the baseline
	Everywhere   int64   `json:"everywhere,omitempty"`   // when the last reader had confirmed it
	HarmToOff    int64   `json:"harmToOff,omitempty"`    // ms from HarmSince until it was off, everywhere where that is known
	Readers      int     `json:"readers,omitempty"`      //
	Confirmed    int     `json:"confirmed,omitempty"`    //
	Affected     float64 `json:"affected,omitempty"`     // bad events on the on arm since harm began, up to the last look
	Requests     float64 `json:"requests,omitempty"`     // units counted on both arms since first exposure
	Units        int64   `json:"units,omitempty"`        // first seen in the on arm, by each process that served them, where new units are counted
	Gate         string  `json:"gate,omitempty"`
	Looks        int64   `json:"looks,omitempty"` // ticks judged
	BlindFor     int64   `json:"blindFor,omitempty"`
	Approvals    int     `json:"approvals,omitempty"`
	HoldoutClean bool    `json:"holdoutClean,omitempty"`
	Text         string  `json:"text"` // the receipt in sentences
}
