package acceptance_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/rampart-dev/rampart"
)

// send signals a launch past everything that is the product's, as Temporal UI does.
func (l *launch) send(signal string, input *commonpb.Payloads) {
	l.t.Helper()
	_, err := l.people.Temporal.WorkflowService().SignalWorkflowExecution(l.t.Context(), &workflowservice.SignalWorkflowExecutionRequest{
		Namespace:         "default",
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: rampart.LaunchID(l.env, l.plan.Flag)},
		SignalName:        signal,
		Input:             input,
		Identity:          "somebody at Temporal UI",
	})
	require.NoError(l.t, err)
}

func payload(encoding, data string) *commonpb.Payloads {
	return &commonpb.Payloads{Payloads: []*commonpb.Payload{{Metadata: map[string][]byte{"encoding": []byte(encoding)}, Data: []byte(data)}}}
}

func TestMistypedMessagesHoldUpNoKill(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	r := s.read("checkout-v2")
	l := s.start(s.aPlan("checkout-v2"))
	l.asks(rampart.MaxPowerRamp)
	for _, bad := range []*commonpb.Payloads{
		nil,
		{},
		payload("json/plain", `"yes"`),
		payload("json/plain", `["max-power-ramp", "ann"]`),
		payload("json/plain", `{"phase": 7, "by": {"name": "ann"}}`),
		payload("json/plain", `{"phase": "max-power-ramp", "by": `),
		payload("binary/plain", "\x00\xff"),
		payload("of/another/world", "?"),
	} {
		l.send(rampart.SignalApprove, bad)
		l.send(rampart.SignalLost, payload("json/plain", `{"why": []}`))
	}

	l.send(rampart.SignalKill, payload("json/plain", `"the shop is on fire"`))

	out := l.ends(rampart.Killed)
	require.Equal(t, "the shop is on fire", out.Reason)
	r.awaits("off", "checkout-v2", func(saw sight) bool { return saw.Exposure == 0 && !saw.Lowest })
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "kill 0 %")
	p, err := s.people.Progress(t.Context(), "checkout-v2")
	require.NoError(t, err)
	require.Empty(t, p.Approvals)
	require.Contains(t, storyOf(p), "an approval could not be read")
}

func TestApprovalTypedIntoTemporalCounts(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.work()
	s.read("checkout-v2")
	plan := s.aPlan("checkout-v2")
	plan.Stages[1].Approvals = &rampart.Approvals{Groups: []string{"product", "engineering"}}
	l := s.start(plan)
	l.asks(rampart.MaxPowerRamp)
	for _, refused := range []string{
		`{"phase": "max-power-ramp", "by": "rita", "group": "product"}`, // who started it
		`{"phase": "max-power-ramp", "by": "ann", "group": "sales"}`,
		`{"phase": "scalability", "by": "ann", "group": "product"}`,
		`{"phase": "max-power-ramp", "group": "product"}`,
	} {
		l.send(rampart.SignalApprove, payload("json/plain", refused))
	}
	l.send(rampart.SignalApprove, payload("json/plain", `{"phase": "max-power-ramp", "by": "ann", "group": "product", "note": "looks good"}`))
	p := l.awaitsThat("one of two has approved", func(p rampart.Progress) bool { return len(p.Approvals) == 1 })
	require.Equal(t, "engineering", p.Missing)
	require.Equal(t, "ann", p.Approvals[0].By)
	require.NotZero(t, p.Approvals[0].Tick, "that of arrival")
	l.send(rampart.SignalApprove, payload("json/plain", `{"phase": "max-power-ramp", "by": "ann", "group": "engineering"}`)) // nobody twice

	l.awaitsThat("nobody counts twice", func(p rampart.Progress) bool {
		require.Len(t, p.Approvals, 1)
		return strings.Contains(storyOf(p), "ann has approved already")
	})
	l.allowPhase(rampart.MaxPowerRamp)
	l.send(rampart.SignalApprove, payload("json/plain", `{"phase": "max-power-ramp", "by": "bo", "group": "engineering"}`))

	out := l.ends(rampart.Launched)
	require.Equal(t, 2, out.Receipt.Approvals)
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "expose 50 %", "expose 100 %", "finish 100 %")
}
