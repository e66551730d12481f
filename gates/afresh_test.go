package gates_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// A gate that an amendment adds may ask for more of the error budget than is left. It
// gets some of it, and finds harm with that.
func TestAGateThatAsksForMoreThanIsLeftHasSome(t *testing.T) {
	first, second, third := errorsGate(), named(errorsGate(), "more"), named(errorsGate(), "most")
	first.Weight, second.Weight, third.Weight = 0.9, 0.5, 0.9
	w := newWalk(t, first)
	w.world.requests(1000, 10, 9000, 90)
	w.ticks(3)
	w.look.Gates = []rampart.Gate{second, third}
	w.world.requests(1000, 50, 9000, 90)
	var v rampart.Verdict
	for i := 0; v.Word != rampart.Breach; i++ {
		require.Less(t, i, 50)
		v = w.tick()
	}
	require.Equal(t, "more", v.Gate, "it has more than the one that came after it")
	require.Positive(t, w.state.Evidence.Reserve())
}

func TestAnAttemptAfterAStepBackHasEvidenceOfItsOwn(t *testing.T) {
	w := newWalk(t, errorsGate())
	w.world.requests(1000, 50, 9000, 90)
	for w.tick().Word != rampart.Breach {
	}
	w.state = w.state.Afresh()
	w.world.requests(1000, 10, 9000, 90)
	requireReason(t, w.ticks(3), rampart.Holding, "errors 1.00x")
}
