package agree_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	syncv1 "buf.build/gen/go/open-feature/flagd/protocolbuffers/go/flagd/sync/v1"
	schema "github.com/open-feature/flagd-schemas/json"
	"github.com/open-feature/flagd/core/pkg/evaluator"
	"github.com/open-feature/flagd/core/pkg/logger"
	"github.com/open-feature/flagd/core/pkg/store"
	flagdsync "github.com/open-feature/flagd/core/pkg/sync"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/console/access"
	"github.com/rampart-dev/rampart/console/flagd"
	"github.com/rampart-dev/rampart/flagstore"
)

const production = "production"

func TestMain(m *testing.M) {
	flagstore.SilenceDriver()
	os.Exit(m.Run())
}

// world is an environment as a bootstrap file holds it.
type world struct {
	Format      int                  `json:"format"`
	Environment string               `json:"environment"`
	SavedAt     time.Time            `json:"savedAt"`
	Flags       []flagstore.Document `json:"flags"`
	Segments    []flagstore.Document `json:"segments"`
	Kills       []rampart.Kill       `json:"kills"`
}

func (w *world) put(t *testing.T, f rampart.Flag) {
	f.Format, f.Version, f.HashVersion = f.NeedsFormat(), 1, rampart.HashVersion
	w.Flags = append(w.Flags, document(t, f.Name, f))
}

func document(t *testing.T, name string, of any) flagstore.Document {
	text, err := json.Marshal(of)
	require.NoError(t, err)
	return flagstore.Document{Name: name, Version: 1, JSON: text}
}

// write writes the file and returns its name.
func (w *world) write(t *testing.T) string {
	t.Helper()
	w.Format, w.Environment, w.SavedAt = 1, production, time.Now()
	text, err := json.Marshal(w)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "bootstrap")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

// open returns a client that knows the world, what the console says of it, and an
// evaluator that was told that.
func (w *world) open(t *testing.T) (*client.Client, string, *evaluator.JSON) {
	t.Helper()
	flags, err := client.Open(t.Context(), client.Options{
		Redis: "redis://127.0.0.1:1", Environment: production, Service: "agree", Bootstrap: w.write(t), Wait: -1,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = flags.Close() })

	grants, err := access.Open(access.Options{Environment: production})
	require.NoError(t, err)
	service := flagd.New(flagd.Options{Flags: flags, Environment: production, Grants: grants, Log: zap.NewNop()})
	go service.Keep(t.Context())
	var said string
	require.Eventually(t, func() bool {
		all, err := service.FetchAllFlags(t.Context(), &syncv1.FetchAllFlagsRequest{})
		said = all.GetFlagConfiguration()
		return err == nil
	}, time.Minute, time.Millisecond)

	log := logger.NewLogger(zap.NewNop(), false)
	all, err := store.NewStore(log, []string{"rampart"})
	require.NoError(t, err)
	theirs := evaluator.NewJSON(log, all)
	require.NoError(t, theirs.SetState(flagdsync.DataSync{FlagData: said, Source: "rampart"}))
	return flags, said, theirs
}

// conformsToFlagd holds a definition to flagd's schema.
func conformsToFlagd(t *testing.T, said string) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	for name, text := range map[string]string{"flags": schema.FlagSchema, "targeting": schema.TargetingSchema} {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, compiler.AddResource("https://flagd.dev/schema/v0/"+name+".json", document))
	}
	compiled, err := compiler.Compile("https://flagd.dev/schema/v0/flags.json")
	require.NoError(t, err)
	definition, err := jsonschema.UnmarshalJSON(strings.NewReader(said))
	require.NoError(t, err)
	require.NoError(t, compiled.Validate(definition))
}

// decided compares both answers for a subject and returns whether they agree.
func decided(t *testing.T, flags *client.Client, theirs *evaluator.JSON, flag string, subject map[string]any) rampart.Reason {
	t.Helper()
	asked := rampart.SubjectOf(subject)
	d, v := flags.Evaluate(flag, &asked)
	got := theirs.ResolveAsAnyValue(context.Background(), "", flag, subject)
	if d.Reason == rampart.ReasonNoUnit {
		require.NoError(t, got.Error)
		require.Empty(t, got.Variant, "%s for %v", flag, subject)
		return d.Reason
	}
	require.NoError(t, got.Error, "%s for %v: %s", flag, subject, d.Reason)
	require.Equal(t, d.Variant(), got.Variant, "%s for %v: %s", flag, subject, d.Reason)
	raw, _ := v.JSON()
	value, err := json.Marshal(got.Value)
	require.NoError(t, err)
	require.JSONEq(t, string(raw), string(value))
	return d.Reason
}

// TestRandomDocumentsAreDecidedAlike asks both of the same random documents about the
// same random subjects. RAMPART_SEED repeats a failure.
func TestRandomDocumentsAreDecidedAlike(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if told := os.Getenv("RAMPART_SEED"); told != "" {
		_, err := fmt.Sscan(told, &seed)
		require.NoError(t, err)
	}
	t.Logf("RAMPART_SEED=%d", seed)
	r := random{rand.New(rand.NewPCG(seed, 0))}
	var w world
	for i := range 20 {
		s := r.segment(fmt.Sprintf("segment-%d", i))
		w.Segments = append(w.Segments, document(t, s.Name, s))
	}
	for i := range 400 {
		f := r.flag(fmt.Sprintf("flag-%d", i))
		w.put(t, f)
		if r.IntN(20) == 0 {
			w.Kills = append(w.Kills, rampart.Kill{Flag: f.Name, Version: 1, Killed: true})
		}
	}
	flags, said, theirs := w.open(t)
	require.NotContains(t, said, "inexpressible")
	conformsToFlagd(t, said)
	reasons := map[rampart.Reason]int{}
	for i := range w.Flags {
		for range 60 {
			reasons[decided(t, flags, theirs, w.Flags[i].Name, r.subject())]++
		}
	}
	for _, reason := range []rampart.Reason{
		rampart.ReasonKilled, rampart.ReasonHeldOut, rampart.ReasonIncluded, rampart.ReasonNotEligible, rampart.ReasonNoUnit,
		rampart.ReasonNotInLayer, rampart.ReasonOff, rampart.ReasonSplit, rampart.ReasonFull,
	} {
		require.Greater(t, reasons[reason], 50, "%s came up", reason)
	}
}

// TestEveryUnitHasTheSameBucket walks thousands of users over a flag at every exposure
// that matters.
func TestEveryUnitHasTheSameBucket(t *testing.T) {
	var w world
	exposures := []rampart.Percent{1, 2, 100, 2500, 5000, 9999}
	for _, e := range exposures {
		w.put(t, rampart.Flag{Name: fmt.Sprintf("at-%d", e), Salt: "checkout-v2", Exposure: e, Off: []byte("false"), On: []byte("true")})
		w.put(t, rampart.Flag{Name: fmt.Sprintf("own-%d", e), Exposure: e, Off: []byte("1"), On: []byte("2.5")})
	}
	flags, _, theirs := w.open(t)
	for i := range 1000 {
		for _, e := range exposures {
			subject := map[string]any{"targetingKey": fmt.Sprintf("user-%d", i)}
			decided(t, flags, theirs, fmt.Sprintf("at-%d", e), subject)
			decided(t, flags, theirs, fmt.Sprintf("own-%d", e), subject)
		}
	}
}

func TestWhatFlagdCannotSayIsOff(t *testing.T) {
	yes, no := json.RawMessage("true"), json.RawMessage("false")
	for _, c := range []struct {
		name string
		flag rampart.Flag
		says string // in the definition; empty: the flag is left out
	}{
		{"a dot in the name of an attribute", rampart.Flag{Off: no, On: yes, Exposure: rampart.Full, Where: []rampart.Rule{{Attribute: "user.region", In: []string{"eu"}}}}, "flagd cannot ask for attribute user.region"},
		{"a unit with a dot", rampart.Flag{Off: no, On: yes, Exposure: 5000, Unit: rampart.AttributeUnit("account.id")}, "flagd cannot ask for attribute account.id"},
		{"an attribute that is the targeting key to flagd", rampart.Flag{Off: no, On: yes, Include: []rampart.Rule{{Attribute: "targetingKey", In: []string{"ann"}}}}, "flagd cannot ask for attribute targetingKey"},
		{"values of two types", rampart.Flag{Off: no, On: json.RawMessage(`"new"`), Exposure: rampart.Full}, "its values are of different types"},
		{"an on value that is an array", rampart.Flag{Off: json.RawMessage(`{}`), On: json.RawMessage(`[1]`), Exposure: rampart.Full}, "its values are of different types"},
		{"an off value that is an array", rampart.Flag{Off: json.RawMessage(`[]`), On: json.RawMessage(`[1]`), Exposure: rampart.Full}, ""},
		{"a flag that was removed", rampart.Flag{Off: no, On: yes, Exposure: rampart.Full, Removed: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var w world
			c.flag.Name = "checkout-v2"
			w.put(t, c.flag)
			_, said, theirs := w.open(t)
			got := theirs.ResolveAsAnyValue(t.Context(), "", "checkout-v2", map[string]any{"targetingKey": "ann", "user.region": "eu"})
			if c.says == "" {
				require.Error(t, got.Error)
				return
			}
			require.Contains(t, said, c.says)
			require.NoError(t, got.Error)
			require.Equal(t, "off", got.Variant)
		})
	}
}

// random makes documents and subjects that meet often.
type random struct{ *rand.Rand }

func pick[T any](r random, from ...T) T { return from[r.IntN(len(from))] }

var (
	people     = []string{"ann", "bob", "Zoë", "名前", "0", "false", "null", "a b", "<b>&\"quoted\"", `{"$ref":"segment-1"}`, "user-17", "true"}
	attributes = []string{"region", "plan", "age", "beta", "account_id", "x-y"}
	values     = []string{"eu", "us", "pro", "5", "1.5", "true", "false", "", "0", "null"}
)

func (r random) some(from []string, most int) []string {
	var some []string
	for range 1 + r.IntN(most) {
		some = append(some, from[r.IntN(len(from))])
	}
	return some
}

func (r random) rules(share bool) []rampart.Rule {
	var rules []rampart.Rule
	for range r.IntN(3) {
		rules = append(rules, r.rule(share))
	}
	return rules
}

func (r random) rule(ofSegment bool) rampart.Rule {
	if ofSegment && r.IntN(2) == 0 {
		from := rampart.Percent(r.IntN(9000))
		to := from + 1 + rampart.Percent(r.IntN(int(rampart.Full-from)))
		return rampart.Rule{Share: &rampart.Share{Salt: pick(r, "", "2027-h1"), Unit: r.unit(), From: from, To: to}}
	}
	switch r.IntN(5) {
	case 0:
		if !ofSegment {
			return rampart.Rule{Segment: fmt.Sprintf("segment-%d", r.IntN(22))} // some are not there
		}
		fallthrough
	case 1:
		return rampart.Rule{Keys: r.some(people, 8)}
	case 2:
		return rampart.Rule{Attribute: pick(r, attributes...), NotIn: r.some(values, 8)}
	}
	return rampart.Rule{Attribute: pick(r, attributes...), In: r.some(values, 4)}
}

func (r random) unit() rampart.Unit {
	return pick(r, "", rampart.User, rampart.User, rampart.Request, rampart.AttributeUnit("account_id"))
}

func (r random) segment(name string) rampart.Segment {
	s := rampart.Segment{Format: rampart.FlagFormat, Name: name, Version: 1, Rules: r.rules(true), Removed: r.IntN(8) == 0}
	if r.IntN(2) == 0 {
		s.Keys = r.some(people, 8)
	}
	return s
}

func (r random) flag(name string) rampart.Flag {
	f := rampart.Flag{
		Name: name, Salt: pick(r, "", name, "another"), Unit: r.unit(),
		Exposure: pick(r, 0, 1, 500, 5000, 9999, rampart.Full), Shadow: pick[rampart.Percent](r, 0, 5000),
	}
	two := pick(r, []string{"false", "true"}, []string{`"blue"`, `"green"`}, []string{"1", "2.5"}, []string{`{"a":1}`, `{"a":[2]}`})
	f.Off, f.On = json.RawMessage(two[0]), json.RawMessage(two[1])
	for _, rules := range []*[]rampart.Rule{&f.Except, &f.Include, &f.Where} {
		if r.IntN(3) == 0 {
			*rules = r.rules(false)
		}
	}
	if r.IntN(4) == 0 {
		from := rampart.Percent(r.IntN(5000))
		f.Layer = &rampart.Layer{Name: "page", From: from, To: from + 2000}
	}
	return f
}

// subject returns an evaluation context, with properties of all types.
func (r random) subject() map[string]any {
	s := map[string]any{}
	if r.IntN(10) > 0 {
		s["targetingKey"] = pick(r, pick(r, people...), "", fmt.Sprint(r.Uint32()), strings.Repeat("k", r.IntN(40)))
	}
	if r.IntN(3) > 0 {
		s["requestId"] = fmt.Sprint(r.Uint64())
	}
	for _, name := range attributes {
		if r.IntN(2) == 0 {
			s[name] = pick[any](r, pick(r, values...), 5, 1.5, true, false, 0, -3, 123456789)
		}
	}
	return s
}
