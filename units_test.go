package rampart_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rampart-dev/rampart"
)

func TestDurationsAreTyped(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "90s": 90 * time.Second, "30m": 30 * time.Minute, "12h": 12 * time.Hour, "7d": 168 * time.Hour,
		"2w": 336 * time.Hour, "1d12h": 36 * time.Hour, "1w1d1h1m1s": 193*time.Hour + 61*time.Second, "3650d": 87600 * time.Hour,
	} {
		d, err := rampart.ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, d.D(), text)
	}
}

func TestWhatIsNoDuration(t *testing.T) {
	for why, text := range map[string]string{
		"nothing": "", "no unit": "7", "no number": "d", "a fraction": "1.5h", "a sign": "-1h", "a space": "1 h", "a month": "1M",
		"the smaller unit first": "1m1h", "a unit twice": "1h1h", "a millisecond": "5ms", "trailing letters": "1hx",
		"longer than ten years": "3651d", "far too many digits": "99999999999999999999s", "words": "two days", "another alphabet": "١h",
	} {
		t.Run(why, func(t *testing.T) {
			_, err := rampart.ParseDuration(text)
			require.Error(t, err)
			require.Equal(t, rampart.Invalid, rampart.KindOf(err))
			require.NotEmpty(t, rampart.HintOf(err))
		})
	}
}

func TestDurationsAreReadAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rampart.Duration(rapid.Int64Range(0, int64(rampart.MaxDuration)/1e9).Draw(t, "seconds") * 1e9)
		again, err := rampart.ParseDuration(d.String())
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}

func TestDurationsTravel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rampart.Duration(rapid.Int64Range(0, int64(rampart.MaxDuration)).Draw(t, "ns"))
		b, err := json.Marshal(d)
		require.NoError(t, err)
		var again rampart.Duration
		require.NoError(t, json.Unmarshal(b, &again))
		require.Equal(t, d, again)
	})
}

func TestPercentagesAreTyped(t *testing.T) {
	for text, want := range map[string]rampart.Percent{
		"0": 0, "5": 500, "0.25": 25, "2%": 200, " 2 % ": 200, "100": rampart.Full, "0.01": 1, "99.99": 9999, "33.33": 3333,
	} {
		p, err := rampart.ParsePercent(text)
		require.NoError(t, err, text)
		require.Equal(t, want, p, text)
	}
}

func TestWhatIsNoPercentage(t *testing.T) {
	for _, text := range []string{"", "%", "half", "0.001", "5.005", "NaN", "Inf", "1e300", "5 %%"} {
		_, err := rampart.ParsePercent(text)
		require.Error(t, err, text)
		require.NotEmpty(t, rampart.HintOf(err), text)
	}
}

func TestEveryPercentageTravels(t *testing.T) {
	for p := range rampart.Full + 1 {
		b, err := json.Marshal(p)
		require.NoError(t, err)
		var again rampart.Percent
		require.NoError(t, json.Unmarshal(b, &again))
		require.Equal(t, p, again)
		again, err = rampart.ParsePercent(p.String())
		require.NoError(t, err)
		require.Equal(t, p, again)
	}
}

func TestPercentagesInJSON(t *testing.T) {
	var p rampart.Percent
	require.NoError(t, json.Unmarshal([]byte(`"2%"`), &p))
	require.Equal(t, rampart.Percent(200), p)
	require.Error(t, json.Unmarshal([]byte(`true`), &p))
	require.InDelta(t, 2, p.Float(), 0)
	require.InDelta(t, 0.02, p.Share(), 0)
}
