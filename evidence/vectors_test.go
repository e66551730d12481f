package evidence_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/rampart-dev/rampart/evidence"
	"github.com/stretchr/testify/require"
)

// A vector is a published input with its expected output.
type vector struct {
	ID       string          `json:"id"`
	Fn       string          `json:"fn"`
	Args     json.RawMessage `json:"args"`
	Expected json.RawMessage `json:"expected"`
	Tol      float64         `json:"tol"`
}

// published has one function for each fn of testdata/evidence.json.
var published = map[string]func(*testing.T, vector){
	"cb_mixture_logE":                  cbMixture,
	"cb_changepoint_logE":              cbChangepoint,
	"detection_limit_ticks":            detectionLimit,
	"two_sided_normal_best_rho":        bestRho,
	"normal_log_mixture":               normalLogMixture,
	"normal_mixture_bound":             normalMixtureBound,
	"beta_binomial_log_mixture":        betaBinomialLogMixture,
	"srm_sequential_log_marginals":     logMarginals,
	"srm_sequential_p_value":           sequentialPValue,
	"gst_bounds_alpha_beta_nonbinding": futilityBounds,
	"ldbounds_upper":                   upperBounds,
	"samplesize_total_continuous":      totalContinuous,
	"samplesize_total_binomial":        totalBinomial,
	"kim_demets_bounds_many_days":      manyDays,
	"simpson_kohavi":                   simpson,
}

func TestPublishedVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/evidence.json")
	require.NoError(t, err)
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	require.NoError(t, json.Unmarshal(data, &file))
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		t.Run(v.ID+" "+v.Fn, func(t *testing.T) {
			run := published[v.Fn]
			require.NotNil(t, run, "no function of this package stands for %s", v.Fn)
			run(t, v)
		})
	}
}

func (v vector) args(t *testing.T, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(v.Args, into))
}

func (v vector) want(t *testing.T, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(v.Expected, into))
}

// is compares one number with the expected one.
func (v vector) is(t *testing.T, got float64) {
	t.Helper()
	var want float64
	v.want(t, &want)
	require.InDelta(t, want, got, v.Tol)
}

func (v vector) near(t *testing.T, want, got []float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.InDelta(t, want[i], got[i], v.Tol, "at %d", i)
	}
}

// counts folds ticks of [x1, n1, x0, n0], an interval apart, and returns ln E
// after each.
func counts(t *testing.T, ticks [][4]float64, cfg evidence.Config, m evidence.Moment) []float64 {
	t.Helper()
	cb := newCB(t, cfg)
	var logE []float64
	for i, c := range ticks {
		_, err := cb.Fold(evidence.Tick{At: int64(i) * interval, X1: c[0], N1: c[1], X0: c[2], N0: c[3]}, m)
		require.NoError(t, err)
		logE = append(logE, cb.LogE())
	}
	return logE
}

func cbMixture(t *testing.T, v vector) {
	var a struct {
		Ticks [][4]float64 `json:"ticks"`
		Rhos  []float64    `json:"rhos"`
		Rho0  float64      `json:"rho0"`
	}
	v.args(t, &a)
	cfg := evidence.Config{Grid: a.Rhos, Margin: a.Rho0 - 1, Masses: evidence.Masses{First: 1}}
	var want []float64
	v.want(t, &want)
	v.near(t, want, counts(t, a.Ticks, cfg, evidence.Moment{}))
}

func cbChangepoint(t *testing.T, v vector) {
	var a struct {
		Ticks [][4]float64 `json:"ticks"`
		Rhos  []float64    `json:"rhos"`
		Start float64      `json:"p_start"`
		Each  float64      `json:"p_each"`
		Every int          `json:"every"`
	}
	v.args(t, &a)
	// As many restarts as the rest of the mass has room for.
	restarts := int(math.Round((1 - a.Start) / a.Each))
	cfg := evidence.Config{
		Grid:     a.Rhos,
		Schedule: evidence.Schedule{Restarts: restarts},
		Masses:   evidence.Masses{First: a.Start, Restarts: a.Each * float64(restarts)},
	}
	every := evidence.Moment{Restart: ticksLong(a.Every)}
	var want []float64
	v.want(t, &want)
	v.near(t, want, counts(t, a.Ticks, cfg, every))
}

func detectionLimit(t *testing.T, v vector) {
	var a struct {
		On    float64 `json:"n_on"`
		Off   float64 `json:"n_off"`
		P0    float64 `json:"p0"`
		Rho   float64 `json:"rho"`
		Alpha float64 `json:"alpha"`
	}
	v.args(t, &a)
	v.is(t, evidence.DetectionLimit(a.On, a.Off, a.P0, a.Rho, a.Alpha))
}

// tuned are the arguments of the mixtures of confseq.
type tuned struct {
	S        float64 `json:"s"`
	V        float64 `json:"v"`
	G        float64 `json:"g"`
	H        float64 `json:"h"`
	Alpha    float64 `json:"alpha"`
	OneSided bool    `json:"one_sided"`
	VOpt     float64 `json:"v_opt"`
	AlphaOpt float64 `json:"alpha_opt"`
}

func (a tuned) normal() evidence.NormalMixture {
	return evidence.NormalMixture{Rho: evidence.BestRho(a.VOpt, a.AlphaOpt, a.OneSided), OneSided: a.OneSided}
}

func bestRho(t *testing.T, v vector) {
	var a tuned
	v.args(t, &a)
	v.is(t, evidence.BestRho(a.V, a.Alpha, false))
}

func normalLogMixture(t *testing.T, v vector) {
	var a tuned
	v.args(t, &a)
	v.is(t, a.normal().LogE(a.S, a.V))
}

func normalMixtureBound(t *testing.T, v vector) {
	var a tuned
	v.args(t, &a)
	v.is(t, a.normal().Bound(a.V, a.Alpha))
}

func betaBinomialLogMixture(t *testing.T, v vector) {
	var a tuned
	v.args(t, &a)
	m := evidence.BetaBinomialMixture{Rho: a.normal().Rho, G: a.G, H: a.H, OneSided: a.OneSided}
	v.is(t, m.LogE(a.S, a.V))
}

// dirichlet are the arguments of the sequential test of Optimizely's ssrm.
type dirichlet struct {
	Data  [][]float64 `json:"data"`
	P0    []float64   `json:"p0"`
	Prior []float64   `json:"dirichlet_alpha"`
}

func logMarginals(t *testing.T, v vector) {
	var a dirichlet
	v.args(t, &a)
	var want struct {
		M1 []float64 `json:"log_ml_m1"`
		M0 []float64 `json:"log_ml_m0"`
	}
	v.want(t, &want)
	m, err := evidence.NewMultinomial(a.P0, a.Prior)
	require.NoError(t, err)
	for i, row := range a.Data {
		require.NoError(t, m.Fold(row))
		m1, m0 := m.LogMarginals()
		require.InDelta(t, want.M1[i], m1, v.Tol)
		require.InDelta(t, want.M0[i], m0, v.Tol)
	}
}

func sequentialPValue(t *testing.T, v vector) {
	var a dirichlet
	v.args(t, &a)
	var want struct {
		P         float64 `json:"p_value"`
		Factor    float64 `json:"bayes_factor"`
		Posterior float64 `json:"posterior_prob"`
	}
	v.want(t, &want)
	m, err := evidence.NewMultinomial(a.P0, a.Prior)
	require.NoError(t, err)
	for _, row := range a.Data {
		require.NoError(t, m.Fold(row))
	}
	factor := math.Exp(m.LogE())
	require.InDelta(t, want.P, m.PValue(), v.Tol)
	require.InDelta(t, want.Factor, factor, v.Tol)
	require.InDelta(t, want.Posterior, factor/(1+factor), v.Tol)
}

func simpson(t *testing.T, v vector) {
	var a struct {
		Strata []struct {
			X1 float64 `json:"x_on"`
			N1 float64 `json:"n_on"`
			X0 float64 `json:"x_off"`
			N0 float64 `json:"n_off"`
		} `json:"strata"`
	}
	v.args(t, &a)
	var want struct {
		On  float64 `json:"pooled_on"`
		Off float64 `json:"pooled_off"`
	}
	v.want(t, &want)
	cb := newCB(t, evidence.Config{})
	for i, s := range a.Strata {
		_, err := cb.Fold(evidence.Tick{At: int64(i), X1: s.X1, N1: s.N1, X0: s.X0, N0: s.N0}, evidence.Moment{})
		require.NoError(t, err)
	}
	sum := cb.Samples()
	require.InDelta(t, want.On, sum.X1/sum.N1, v.Tol)
	require.InDelta(t, want.Off, sum.X0/sum.N0, v.Tol)
	require.Less(t, sum.X1/sum.N1, sum.X0/sum.N0, "pooled, on looks better")
	ratio := cb.Ratio(0.05, 1)
	require.Greater(t, ratio.Low, 1.0, "by stratum, on has more events")
	require.Greater(t, cb.LogE(), math.Log(20.0))
}
