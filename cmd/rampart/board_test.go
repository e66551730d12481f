package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

var update = flag.Bool("update", false, "write the golden files anew")

// now is when everybody looks: a Tuesday afternoon.
var now = time.Date(2026, 3, 3, 14, 3, 15, 0, time.UTC)

func ago(d time.Duration) int64 { return now.Add(-d).UnixMilli() }

// ramping is a launch in the last step of debug.
func ramping(change func(*rampart.Progress)) rampart.Progress {
	figures := func(word rampart.Word, ratio, low, high, share float64) rampart.GateVerdict {
		return rampart.GateVerdict{Gate: "errors", Kind: rampart.KindRatio, Word: word, Value: &ratio, Low: &low, High: &high, Share: share, LogE: -1, Power: 0.4}
	}
	waiting := 12.0
	p := rampart.Progress{
		Flag: "checkout-v2", Environment: "production", Owner: "team-payments", StartedBy: "bob", StartedAt: ago(76 * time.Hour),
		Source: rampart.Source{File: "plan.yaml", SHA256: strings.Repeat("ab12", 16), Commit: strings.Repeat("cd34", 10), Dirty: true},
		Plan:   rampart.Plan{Flag: "checkout-v2", Owner: "team-payments", Purpose: "One-page checkout"}.WithDefaults(),
		State:  rampart.Watching, Phase: rampart.Debug, Entered: 1, Step: 2, Exposure: 1000, Exposed: ago(70 * time.Hour),
		StepSince: ago(15 * time.Hour), Hold: rampart.Duration(24 * time.Hour), Held: rampart.Duration(14*time.Hour + 12*time.Minute),
		Verdict: &rampart.Verdict{Word: rampart.Holding, At: ago(10 * time.Second), Gates: []rampart.GateVerdict{
			figures(rampart.Holding, 1.04, 0.91, 1.19, 0.03),
			{Gate: "latency", Kind: rampart.KindLatency, Word: rampart.Holding, Reason: "latency: p99 no slower", Share: 0.01},
			{Gate: "db-pool", Kind: rampart.KindThreshold, Word: rampart.Holding, Reason: "db-pool 12, at most 50", Value: &waiting},
		}},
		Trust: rampart.TrustPayload, Parachute: &rampart.Confirmed{Readers: 42, Confirmed: 42, Millis: 11},
		Warnings: []string{"stages[1].steps[0].hold: 1h is short of a day"},
		Story: []rampart.Chapter{
			{At: ago(76 * time.Hour), Text: "started with plan.yaml", By: "bob"},
			{At: ago(15 * time.Hour), Text: "debug: 10 %"},
		},
	}
	change(&p)
	return p
}

func worst(word rampart.Word, reason string) func(*rampart.Progress) {
	return func(p *rampart.Progress) {
		p.Verdict.Word, p.Verdict.Gate, p.Verdict.Reason = word, "db-pool", reason
		p.Verdict.Gates[2].Word, p.Verdict.Gates[2].Reason = word, reason
	}
}

func TestBoard(t *testing.T) {
	var got strings.Builder
	for _, c := range []struct {
		name   string
		launch rampart.Progress
	}{
		{"a hold is under way", ramping(func(*rampart.Progress) {})},
		{"people are asked", ramping(func(p *rampart.Progress) {
			p.State, p.Asking, p.Missing, p.Note = rampart.Waiting, rampart.MaxPowerRamp, "1 person", "waits at 10 % for consent to max-power-ramp: 1 person"
			p.Approvals = []rampart.Approval{{Phase: rampart.MaxPowerRamp, By: "eve@example.com", Group: "product", At: ago(time.Hour)}}
		})},
		{"a gate has no data", ramping(worst(rampart.NoData, "db-pool: the query found no series"))},
		{"it is held after a breach", ramping(func(p *rampart.Progress) {
			worst(rampart.Breach, "db-pool 61 > 50 for 3m")(p)
			p.State, p.Note = rampart.Held, "held at 10 %: db-pool 61 > 50 for 3m"
		})},
		{"internal people test, and gates that compare are not asked", ramping(func(p *rampart.Progress) {
			p.Phase, p.Step, p.Exposure, p.Hold = rampart.TestInProduction, 0, 0, rampart.Duration(48*time.Hour)
			p.Verdict.Gates[0] = rampart.GateVerdict{Gate: "errors", Word: rampart.NotApplicable}
		})},
		{"everybody is exposed", ramping(func(p *rampart.Progress) {
			p.State, p.Baking, p.Phase, p.Step, p.Exposure = rampart.Baking, true, rampart.Learning, 0, rampart.Full
		})},
		{"it turned back", ramping(func(p *rampart.Progress) {
			p.State = rampart.TurnedBack
			worst(rampart.Breach, "db-pool 61 > 50 for 3m")(p)
			p.Outcome = &rampart.Outcome{Receipt: rampart.Receipt{EndedAt: ago(time.Hour),
				Text: "checkout-v2 turned-back in debug: db-pool 61 > 50 for 3m. Off everywhere 13:03:15 (42 of 42 readers)."}}
		})},
		{"it is launched", ramping(func(p *rampart.Progress) {
			p.State, p.Phase, p.Exposure, p.Baking = rampart.Launched, rampart.Learning, rampart.Full, true
			p.Outcome = &rampart.Outcome{Receipt: rampart.Receipt{EndedAt: ago(0), Text: "checkout-v2 is launched at 100 % after 44d"}}
		})},
		{"a plan of seconds", ramping(func(p *rampart.Progress) {
			p.Plan.Stages, p.Plan.Finish = []rampart.Stage{{Phase: rampart.Debug, Steps: []rampart.Step{{Percent: 1000, Hold: rampart.Duration(20 * time.Second)}}}}, nil
			p.StartedAt, p.Step, p.Hold, p.Held = ago(12*time.Second), 0, rampart.Duration(20*time.Second), rampart.Duration(10*time.Second)
		})},
		{"a cohort is worse than chance, and the ramp has come to a decision", ramping(func(p *rampart.Progress) {
			g := &p.Verdict.Gates[0]
			g.OnN, g.OffN, g.Phi, g.Part, p.Share = 61_234, 1_163_446, 1.83, "region=eu-west-1", 0.051
			p.Verdict.SampleRatio = &rampart.SampleRatio{On: 61_234, Off: 551_106, Expected: 0.1}
			p.Verdict.Recommended = &rampart.Recommendation{Percent: 4000, Reason: "harm of errors is at most 1.12x"}
			p.Decision = &rampart.RampDecision{Word: rampart.Inconclusive, Reason: "completed checkouts may be better", Fraction: 0.62, Goals: []rampart.GoalVerdict{
				{Goal: "completed checkouts", Word: rampart.Inconclusive, Reason: "completed checkouts +1.1 % (-0.4 to +2.6), 2 % wanted"},
			}}
		})},
		{"the arms do not match", ramping(func(p *rampart.Progress) {
			p.State, p.Note = rampart.Held, "held at 10 %, because the sample ratio does not match: 712 of 10,000 new units on, 1,000 expected"
			p.Verdict.SampleRatio = &rampart.SampleRatio{On: 712, Off: 9288, Mismatch: true, Reason: "712 of 10,000 new units on, 1,000 expected"}
		})},
		{"events are too few for a ratio", ramping(func(p *rampart.Progress) {
			p.Verdict.Gates[0] = rampart.GateVerdict{Gate: "errors", Kind: rampart.KindRatio, Word: rampart.Holding, Share: 0.009, LogE: -1, Power: 0.34,
				Reason: "errors 5 of 1428 on, 114 of 26572 off, evidence 0.9 % of limit"}
		})},
	} {
		got.WriteString("# " + c.name + "\n")
		writeLines(&got, board(c.launch, now, plainly))
		got.WriteString("\n")
	}
	got.WriteString("# behind the board\n")
	writeLines(&got, background(ramping(func(p *rampart.Progress) {
		p.Approvals = []rampart.Approval{{Phase: rampart.MaxPowerRamp, By: "eve@example.com", Group: "product", At: ago(time.Hour)}}
		p.Killed = &rampart.Kill{By: "ann", Reason: "fire"}
		p.Plan.Layer, p.HighWater = &rampart.Layer{Name: "checkout-page", From: 1000, To: 7000}, 5000
		p.Notices = []rampart.NoticeSent{{At: ago(time.Hour), Channel: "releases"}, {At: ago(time.Hour), Channel: "pager", Error: "no such channel"}}
	}), "http://localhost:8233/w", now, true))
	golden(t, "board.txt", got.String())
}

func TestBoardFitsIntoATerminal(t *testing.T) {
	for _, line := range board(ramping(func(*rampart.Progress) {}), now, plainly) {
		require.LessOrEqual(t, len([]rune(line)), boardWidth, line)
	}
}

func TestLinesAreClippedWithoutCountingColours(t *testing.T) {
	require.Equal(t, "\x1b[1mab\x1b[0m", clipVisible("\x1b[1mabcd\x1b[0m", 2))
	require.Equal(t, "äö", clipVisible("äö", 2))
}

func TestTellerWritesALineForEveryChange(t *testing.T) {
	var out strings.Builder
	v := &teller{out: &out, now: func() time.Time { return now }, verdict: inBounds}
	p := ramping(func(*rampart.Progress) {})
	v.show(p)
	v.show(p) // nothing new
	worst(rampart.Breach, "db-pool 61 > 50 for 1m")(&p)
	v.show(p)
	worst(rampart.Breach, "db-pool 61 > 50 for 2m")(&p) // the same, for longer
	v.show(p)
	worst(rampart.Undecided, "db-pool 93 % of the information is there")(&p)
	v.show(p)
	worst(rampart.Undecided, "db-pool 97 % of the information is there")(&p) // the same, a look later
	v.show(p)
	v.away(errors.New("Temporal at 127.0.0.1:7233 does not answer"))
	p.Story = append(p.Story[1:], rampart.Chapter{At: ago(0), Text: "paused: lunch", By: "ann"}) // the story is bounded: its begin is gone
	v.show(p)
	p.State, p.Story = rampart.TurnedBack, append(p.Story, rampart.Chapter{At: ago(0), Text: "the receipt"})
	p.Outcome = &rampart.Outcome{Receipt: rampart.Receipt{Text: "the receipt"}}
	v.show(p)
	v.over(p, receipt(p))
	require.Equal(t, `Sat 10:03  started with plan.yaml (bob)
Mon 23:03  debug: 10 %
14:03:05  gates: breach: db-pool 61 > 50
14:03:05  gates: undecided: db-pool 93 % of the information is there
14:03:15  Temporal at 127.0.0.1:7233 does not answer; the launch goes on without us, trying again
14:03:15  answered again
14:03:15  paused: lunch (ann)
the receipt
`, out.String())
}

func TestLiveDrawsOverWhatItDrew(t *testing.T) {
	var out strings.Builder
	at := now
	v := &live{out: &out, now: func() time.Time { return at }, paint: plainly}
	v.redraw() // before the first answer there is nothing to draw
	require.Empty(t, out.String())

	p := ramping(func(*rampart.Progress) {})
	v.show(p)
	require.Contains(t, out.String(), "▶ debug 10 %")
	require.Contains(t, out.String(), "Mon 23:03  debug: 10 %\x1b[K\n")
	require.NotContains(t, out.String(), "A\r")
	lines := strings.Count(out.String(), "\n")

	out.Reset()
	at = at.Add(24 * time.Hour)
	v.redraw()
	require.True(t, strings.HasPrefix(out.String(), fmt.Sprintf("\x1b[%dA\r", lines)), "it goes up by the lines that it drew")
	require.Contains(t, out.String(), "day 5 of 44")

	out.Reset()
	v.away(errors.New("Temporal at 127.0.0.1:7233 does not answer"))
	require.Contains(t, out.String(), "since 14:03:15: Temporal at 127.0.0.1:7233 does not answer")
	require.Contains(t, out.String(), "▶ debug 10 %", "what was known is still shown")

	out.Reset()
	p.State, p.Outcome = rampart.TurnedBack, &rampart.Outcome{Receipt: rampart.Receipt{Text: "the receipt"}}
	v.over(p, receipt(p))
	require.NotContains(t, out.String(), "does not answer")
	require.True(t, strings.HasSuffix(out.String(), "\nthe receipt\n"))
}

func TestTextsOfOthersDoNotSteerTheTerminal(t *testing.T) {
	require.Equal(t, "[31mred two lines", printable("\x1b[31mred\u202e\u009b two\nlines"))
}

func TestNumbersAreGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		require.Equal(t, want, grouped(n))
	}
}

func TestConfirmedReadersAreToldInALine(t *testing.T) {
	require.Equal(t, "997 of 1,000 readers confirmed after 14 ms", confirmedLine(rampart.Confirmed{Readers: 1000, Confirmed: 997, Millis: 14}))
	require.Equal(t, "; 1 of 2 replicas of the store have it", replicatedText(2, 1))
	require.Empty(t, replicatedText(2, 0), "a note says that")
	require.Empty(t, replicatedText(0, 0), "there is none")
	require.Equal(t, "9.0 ms", millis(9*time.Millisecond))
	require.Equal(t, "0.1 ms", millis(0))
	require.Equal(t, "14 ms", millis(14200*time.Microsecond))
}

func TestEveryKindOfErrorHasAnExitCodeOfItsOwn(t *testing.T) {
	for kind, want := range map[rampart.Kind]int{
		rampart.Unexpected: 1, rampart.Invalid: 2, rampart.NotFound: 3, rampart.Refused: 4, rampart.Unreachable: 5,
	} {
		require.Equal(t, want, codeOf(kind))
	}
	for state, want := range map[rampart.State]int{
		rampart.Launched: 0, rampart.TurnedBack: 10, rampart.Killed: 11, rampart.Superseded: 12, rampart.Cancelled: 12, rampart.Failed: 12, "terminated": 12,
	} {
		require.Equal(t, want, codeOfState(state))
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
