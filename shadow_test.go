package rampart_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

func TestAShadowAssignsArmsAndServesOff(t *testing.T) {
	f := quarter()
	f.Include, f.Where, f.Exposure, f.Shadow = nil, nil, 0, rampart.Full/2
	shadow, err := rampart.Compile(f, nil)
	require.NoError(t, err)
	f.Exposure = rampart.Full / 2 // a shadow is only cast by nothing
	exposed, err := rampart.Compile(f, nil)
	require.NoError(t, err)
	for i := range 1000 {
		s := &rampart.Subject{Key: strconv.Itoa(i)}
		d, then := shadow.Decide(s), exposed.Decide(s)
		require.False(t, d.On)
		require.Equal(t, rampart.ReasonOff, d.Reason)
		require.Equal(t, then.Arm, d.Arm, "whoever is in the on arm now will be on at that share")
		require.Equal(t, then.Arm == rampart.ArmOn, then.On)
	}
}
