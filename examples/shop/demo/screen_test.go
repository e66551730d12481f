package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func TestOneLineTellsWhereALaunchStands(t *testing.T) {
	plan := rampart.Plan{Stages: rampart.StandardStages()}
	verdict := &rampart.Verdict{Gates: []rampart.GateVerdict{
		{Gate: "errors", Word: rampart.Holding, Reason: "errors 1.04x on/off (0.91–1.19)"},
		{Gate: "latency", Word: rampart.NotApplicable, Reason: "one arm is empty"},
		{Gate: "overall", Word: rampart.Holding},
	}}
	for _, c := range []struct {
		name string
		is   rampart.Progress
		want string
	}{
		{"before the first look", rampart.Progress{Phase: rampart.TestInProduction, Hold: rampart.Duration(4 * time.Second)},
			"▶···· test-in-production at 0 %, held 0s of 4s; the gates have not been looked at yet"},
		{"in the middle of a hold", rampart.Progress{Phase: rampart.Debug, Exposure: 500, Hold: rampart.Duration(10 * time.Second), Held: rampart.Duration(2500 * time.Millisecond), Verdict: verdict},
			"✓▶··· debug at 5 %, held 2s of 10s; errors 1.04x on/off (0.91–1.19); overall holding"},
		{"while people are asked", rampart.Progress{Phase: rampart.Debug, Exposure: 1000, Hold: rampart.Duration(5 * time.Second), WaitingFor: rampart.ForDecision, Verdict: verdict},
			"✓▶··· debug at 10 %; errors 1.04x on/off (0.91–1.19); overall holding"},
		{"at the end", rampart.Progress{Phase: rampart.Learning, Exposure: rampart.Full, Baking: true, Verdict: verdict},
			"✓✓✓✓✓ baking at 100 %; errors 1.04x on/off (0.91–1.19); overall holding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.is.Plan = plan
			require.Equal(t, c.want, standingOf(c.is))
		})
	}
}

func TestLinesStandAboveTheOneThatIsRewritten(t *testing.T) {
	p := rampart.Progress{Phase: rampart.Debug, Plan: rampart.Plan{Stages: rampart.StandardStages()}}
	for _, c := range []struct {
		name  string
		width int
		want  string
	}{
		{"on a terminal the line is replaced, and cut to its width", 20, "\r\x1b[2K 0:00  ✓▶··· debug…\r\x1b[2Ka line\n"},
		{"in a log it stays, and is not repeated at once", 0, " 0:00  ✓▶··· debug at 0 %; the gates have not been looked at yet\na line\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			s := &screen{out: &out, width: c.width, began: time.Now()}
			s.standing(p)
			s.standing(p)
			s.say("a line")
			require.Equal(t, c.want, out.String())
		})
	}
}
