package planfile

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Template returns a plan to begin with: short enough to be read, with the keys
// that are changed most, and the standard stages in a comment.
func Template(flag, owner, purpose string) string {
	return strings.NewReplacer("FLAG", quote(flag), "OWNER", quote(owner), "PURPOSE", quote(purpose)).Replace(template)
}

const template = `# yaml-language-server: $schema=./plan.schema.json
# Get the schema with: rampart plan schema > plan.schema.json
flag: FLAG
owner: OWNER
purpose: PURPOSE
# The day by which the code without the flag is to be gone:
# retireBy: 2027-03-31
# hypothesis: Completed checkouts rise by 2 % and pages get no slower

# Gates of every stage. Without this list the standard gates apply, which are these:
gates:
  - name: errors                   # on against off
    ratio:
      events: rampart_requests_total{outcome="error"}
      of: rampart_requests_total
  - name: latency                  # on against off
    latency:
      histogram: rampart_request_duration_seconds
  - name: overall                  # all arms together: sees what both arms suffer from
    objective:
      events: rampart_requests_total{outcome="error"}
      of: rampart_requests_total
      good: 99
  # - name: db-pool
  #   threshold: {query: max(db_pool_waiting), max: 50, for: 3m}
  #   onBreach: hold               # turn-back, hold or notify

# Stages. Without this list the standard five apply, which are these:
stages:
  - phase: test-in-production      # internal people only
    include: [{segment: internal}]
    steps: [{percent: 0, hold: 2d}]
  - phase: debug                   # gross harm, on few
    steps:
      - {percent: 1, hold: 1d}
      - {percent: 5, hold: 1d}
      - {percent: 10, hold: 1d}
  - phase: max-power-ramp          # measuring, over a whole week
    approvals: 1
    steps: [{percent: 50, hold: 7d}]
  - phase: scalability             # shared resources, over the daily peak
    approvals: 1
    steps: [{percent: 75, hold: 1d}]
  - phase: learning                # long-term effect, against a holdout of 5 %
    # objectives: [Repeat purchases within 30 days]
    steps: [{percent: 95, hold: 30d}]
finish: {percent: 100, bake: 24h}
# notify: [payments-releases]      # channels of the worker's configuration
`

// quote writes a text as YAML and JSON both read it, bare where that is the same.
func quote(s string) string {
	if bare := plain(s); bare.kind == text && plainKey.MatchString(s) && !strings.HasSuffix(s, ":") && !strings.HasPrefix(s, "-") {
		return s
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // < and & are no danger in YAML, and people read them
	if enc.Encode(s) != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}
