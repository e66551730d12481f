package web_test

import (
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
)

// flagd's provider takes all flags from the console once, decides in its own process,
// and is told what changes. It can send no token, so it needs a console on the same
// machine that asks for none.
func TestFlagdProviderDecidesAsTheGoClientDoes(t *testing.T) {
	w := newOpenWorld(t)
	ours := w.client()
	host, port, err := net.SplitHostPort(w.sync)
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	node := inNode(t, "flagd", map[string]any{"resolverType": "in-process", "host": host, "port": number, "deadlineMs": patience.Milliseconds()})

	var questions []question
	for i := range 400 {
		context := map[string]any{
			"targetingKey": fmt.Sprintf("user-%d", i), "requestId": fmt.Sprintf("request-%d", i),
			"region": []string{"eu-west-1", "eu-central-1", "us-east-1"}[i%3],
		}
		for _, f := range flags() {
			questions = append(questions, questionAbout(f, context))
		}
	}
	ann := map[string]any{"targetingKey": "ann"}
	for _, context := range []map[string]any{ann, {}} { // one in a rule, without a request; and nobody
		for _, f := range flags() {
			questions = append(questions, questionAbout(f, context))
		}
	}
	ons := map[string]int{}
	for i, got := range node.ask(questions...) {
		asked := questions[i]
		subject := rampart.SubjectOf(asked.Context)
		decided, value := ours.Evaluate(asked.Flag, &subject)
		if decided.On {
			ons[asked.Flag]++
		}
		if value == nil { // who has no unit
			require.Equal(t, asked.Fallback, got.Value, "%+v got %+v", asked, got)
			continue
		}
		want, _ := value.JSON()
		require.JSONEq(t, string(want), asJSON(t, got.Value), "%+v", asked)
		require.Equal(t, decided.Variant(), got.Variant, "%+v", asked)
	}
	require.InDelta(t, 200, ons["checkout-v2"], 50, "both answers have been compared")
	require.InDelta(t, 120, ons["by-request"], 50)
	require.Equal(t, 1, ons["staff-first"])
	require.Zero(t, ons["nobody-yet"])

	w.kill("banner")
	node.await("the provider has been told", func(s said) bool { return len(s.Changed) > 0 })
	require.Equal(t, "plain", node.ask(question{"banner", "string", "none", ann})[0].Value)
}

// questionAbout asks for a flag by its type, with a fallback that it never serves.
func questionAbout(f rampart.Flag, context map[string]any) question {
	q := question{Flag: f.Name, Context: context}
	switch f.On[0] {
	case 't':
		q.Type, q.Fallback = "boolean", true
	case '"':
		q.Type, q.Fallback = "string", "fallback"
	case '{':
		q.Type, q.Fallback = "object", map[string]any{"is": "fallback"}
	default:
		q.Type, q.Fallback = "number", -1.0
	}
	return q
}
