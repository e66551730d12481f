package agree_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"gopkg.in/yaml.v3"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/console"
	"github.com/rampart-dev/rampart/console/access"
	"github.com/rampart-dev/rampart/flagstore"
)

// protocol is the OpenAPI document of OFREP.
type protocol struct {
	t        *testing.T
	document map[string]any
	compiler *jsonschema.Compiler
}

const openapi = "https://example.com/openapi.json"

func readProtocol(t *testing.T) protocol {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "openapi.yaml"))
	require.NoError(t, err)
	p := protocol{t: t, compiler: jsonschema.NewCompiler()}
	require.NoError(t, yaml.Unmarshal(text, &p.document))
	// Its list of the types of values has to be read as "any of": true is both a boolean
	// and, having no property that is forbidden, a value that is left to the caller; 5
	// is both an integer and a float. Read as "one of", no answer at all would conform.
	success := p.at("components", "schemas", "evaluationSuccess")
	types := success["allOf"].([]any)[1].(map[string]any)
	types["anyOf"] = types["oneOf"]
	delete(types, "oneOf")
	// jsonschema wants the numbers and maps that a JSON decoder makes.
	asJSON, err := json.Marshal(p.document)
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
	require.NoError(t, err)
	p.compiler.DefaultDraft(jsonschema.Draft2020)
	require.NoError(t, p.compiler.AddResource(openapi, document))
	return p
}

func (p protocol) at(path ...string) map[string]any {
	here := p.document
	for _, key := range path {
		next, ok := here[key].(map[string]any)
		require.True(p.t, ok, "%s of %v", key, path)
		here = next
	}
	return here
}

// conforms holds an answer to the document: the status must be one of the endpoint's,
// and the body what stands there for it.
func (p protocol) conforms(endpoint string, status int, body string) {
	p.t.Helper()
	response := p.at("paths", endpoint, "post", "responses", fmt.Sprint(status))
	content, ok := response["content"].(map[string]any)
	if !ok {
		if status == http.StatusNotModified {
			require.Empty(p.t, body)
		}
		return
	}
	ref := content["application/json"].(map[string]any)["schema"].(map[string]any)["$ref"].(string)
	schema, err := p.compiler.Compile(openapi + ref)
	require.NoError(p.t, err)
	answer, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	require.NoError(p.t, err, body)
	require.NoError(p.t, schema.Validate(answer), body)
}

// serve runs a console of a world whose store is away, and returns its address.
func (w *world) serve(t *testing.T, c console.Config) string {
	t.Helper()
	dir := t.TempDir()
	c.AddressFile, c.Listen, c.Metrics, c.Log = filepath.Join(dir, "addresses"), "127.0.0.1:0", "off", zap.NewNop()
	c.Store = flagstore.Options{URL: "redis://127.0.0.1:1", Environment: production}
	if w != nil {
		c.Bootstrap = w.write(t)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- console.Run(ctx, c) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	var address string
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(c.AddressFile)
		address = strings.TrimSpace(strings.TrimPrefix(string(text), "http "))
		return err == nil
	}, time.Minute, time.Millisecond)
	return address
}

func TestAnswersConformToTheProtocol(t *testing.T) {
	p := readProtocol(t)
	var w world
	for name, values := range map[string][2]string{
		"a-boolean": {"false", "true"}, "a-string": {`"blue"`, `"green"`}, "an-integer": {"1", "2"}, "a-float": {"0.5", "1.5"},
		"an-object": {`{"a":1}`, `{"a":2}`}, "a-null": {"null", "null"},
	} {
		w.put(t, rampart.Flag{Name: name, Off: []byte(values[0]), On: []byte(values[1]), Exposure: 5000})
	}
	yes, no := json.RawMessage("true"), json.RawMessage("false")
	w.put(t, rampart.Flag{Name: "everybody", Off: no, On: yes, Exposure: rampart.Full, Phase: rampart.Learning})
	w.put(t, rampart.Flag{Name: "nobody", Off: no, On: yes})
	w.put(t, rampart.Flag{Name: "some-region", Off: no, On: yes, Exposure: rampart.Full, Where: []rampart.Rule{{Attribute: "region", In: []string{"eu"}}}})
	w.put(t, rampart.Flag{Name: "ann-only", Off: no, On: yes, Include: []rampart.Rule{{Keys: []string{"ann"}}}})
	w.put(t, rampart.Flag{Name: "by-request", Off: no, On: yes, Exposure: 5000, Unit: rampart.Request})
	w.put(t, rampart.Flag{Name: "removed", Off: no, On: yes, Exposure: rampart.Full, Removed: true})
	w.put(t, rampart.Flag{Name: "killed", Off: no, On: yes, Exposure: rampart.Full})
	w.put(t, rampart.Flag{Name: "hidden", Off: no, On: yes, Exposure: rampart.Full})
	w.Kills = []rampart.Kill{{Flag: "killed", Version: 1, Killed: true}, {Flag: "killed-unseen", Version: 1, Killed: true}}

	file := filepath.Join(t.TempDir(), "tokens")
	secrets := map[string]string{}
	var lines, names []string
	for _, f := range w.Flags {
		if f.Name != "hidden" {
			names = append(names, f.Name)
		}
	}
	for _, token := range []access.Token{
		{Name: "web", Kind: access.Browser, Environment: production, Flags: append(names, "killed-unseen")},
		{Name: "elsewhere", Kind: access.Server, Environment: "staging"},
	} {
		secret, kept, err := access.New(token)
		require.NoError(t, err)
		secrets[token.Name] = secret
		lines = append(lines, kept.String())
	}
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600))
	known, unknown := w.serve(t, console.Config{Tokens: file}), (*world)(nil).serve(t, console.Config{})

	ask := func(address, token, path, body string, headers ...string) (int, http.Header, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
		req.Header.Set("X-API-Key", token)
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, resp.Header, string(answer)
	}
	const ann = `{"context":{"targetingKey":"ann","age":30}}`
	long := `{"context":{"targetingKey":"` + strings.Repeat("x", 64<<10) + `"}}`
	deep := `{"context":{"targetingKey":"ann","x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}}`
	many := `{"context":{"targetingKey":"ann"`
	for i := range 300 {
		many += fmt.Sprintf(`,"p%d":1`, i)
	}
	for _, c := range []struct {
		name, at, token, key, body string
		status                     int
		says                       string
	}{
		{"a flag of each type", known, "web", "a-boolean", ann, 200, `"key":"a-boolean","value":`},
		{"a string", known, "web", "a-string", ann, 200, `"reason":"SPLIT"`},
		{"an integer", known, "web", "an-integer", ann, 200, `"flagSetId":"production"`},
		{"a float", known, "web", "a-float", ann, 200, `"arm":"o`},
		{"an object", known, "web", "an-object", ann, 200, `"value":{"a":`},
		{"a null is left to the caller", known, "web", "a-null", ann, 200, `"key":"a-null","reason":"SPLIT"`},
		{"everybody is on", known, "web", "everybody", ann, 200, `"value":true,"reason":"STATIC","variant":"on","metadata":{"flagSetId":"production","flagVersion":1,"phase":"learning","arm":"on","reason":"FULL"}`},
		{"nobody is on", known, "web", "nobody", ann, 200, `"value":false,"reason":"STATIC","variant":"off"`},
		{"whoever is not eligible", known, "web", "some-region", ann, 200, `"reason":"UNKNOWN","variant":"off","metadata":{"flagSetId":"production","flagVersion":1,"arm":"none","reason":"NOT_ELIGIBLE"}`},
		{"whoever is included", known, "web", "ann-only", ann, 200, `"value":true,"reason":"TARGETING_MATCH"`},
		{"a killed flag", known, "web", "killed", ann, 200, `"value":false,"reason":"DISABLED","variant":"off"`},
		{"a flag that was killed before it was seen", known, "web", "killed-unseen", ann, 200, `"key":"killed-unseen","reason":"DISABLED"`},
		{"a context without what the flag divides by", known, "web", "by-request", ann, 400, `"errorCode":"TARGETING_KEY_MISSING"`},
		{"a context without a targeting key", known, "web", "a-boolean", `{"context":{}}`, 400, `"errorCode":"TARGETING_KEY_MISSING"`},
		{"a context without it where none is needed", known, "web", "everybody", `{"context":{}}`, 200, `"value":true`},
		{"a targeting key that is a number", known, "web", "everybody", `{"context":{"targetingKey":5}}`, 400, `"errorCode":"INVALID_CONTEXT"`},
		{"no context", known, "web", "everybody", `{}`, 400, `"errorCode":"INVALID_CONTEXT"`},
		{"a context that is a list", known, "web", "everybody", `{"context":[]}`, 400, `"errorCode":"INVALID_CONTEXT"`},
		{"no JSON", known, "web", "everybody", `{"context":`, 400, `"errorCode":"PARSE_ERROR"`},
		{"no body", known, "web", "everybody", ``, 400, `"errorCode":"PARSE_ERROR"`},
		{"more than one JSON", known, "web", "everybody", ann + ann, 400, `"errorCode":"PARSE_ERROR"`},
		{"a body without end", known, "web", "everybody", long, 400, `more than 65536 bytes`},
		{"a context without bottom", known, "web", "everybody", deep, 400, `"errorCode":"PARSE_ERROR"`},
		{"a context without shore", known, "web", "everybody", many + "}}", 400, `more than 200 properties`},
		{"an unknown flag", known, "web", "unheard-of", ann, 404, `"key":"unheard-of","errorCode":"FLAG_NOT_FOUND"`},
		{"a removed flag", known, "web", "removed", ann, 404, `"errorCode":"FLAG_NOT_FOUND"`},
		{"a flag that the token may not see", known, "web", "hidden", ann, 404, `{"key":"hidden","errorCode":"FLAG_NOT_FOUND","errorDetails":"there is no such flag"}`},
		{"what cannot be a flag", known, "web", "..%2F..%2Fetc%2Fpasswd", ann, 404, `"errorCode":"FLAG_NOT_FOUND"`},
		{"no token", known, "", "everybody", ann, 401, `there is no token`},
		{"a wrong token", known, "wrong", "everybody", ann, 401, `not known`},
		{"a token of another environment", known, "elsewhere", "everybody", ann, 403, `another environment`},
		{"nothing is known yet", unknown, "", "everybody", ann, 500, `"errorCode":"PROVIDER_NOT_READY"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, body := ask(c.at, or(secrets[c.token], c.token), "/ofrep/v1/evaluate/flags/"+c.key, c.body)
			require.Equal(t, c.status, status, body)
			require.Contains(t, body, c.says)
			p.conforms("/ofrep/v1/evaluate/flags/{key}", status, body)
		})
	}

	const bulk = "/ofrep/v1/evaluate/flags"
	status, header, body := ask(known, secrets["web"], bulk, ann)
	require.Equal(t, http.StatusOK, status)
	p.conforms(bulk, status, body)
	require.Contains(t, body, `"state":"STALE"`)
	require.Contains(t, body, `{"key":"by-request","errorCode":"TARGETING_KEY_MISSING"`)
	require.NotContains(t, body, "hidden")
	require.NotContains(t, body, `"removed"`)
	for _, tag := range []string{header.Get("ETag"), "W/" + header.Get("ETag"), `"other", ` + header.Get("ETag"), strings.Trim(header.Get("ETag"), `"`)} {
		status, again, body := ask(known, secrets["web"], bulk, ann, "If-None-Match", tag)
		require.Equal(t, http.StatusNotModified, status, tag)
		require.Equal(t, header.Get("ETag"), again.Get("ETag"))
		p.conforms(bulk, status, body)
	}
	for _, tag := range []string{"*", `"`, `""`, "W/", ",,,", strings.Repeat(`"x",`, 1000)} {
		status, _, _ := ask(known, secrets["web"], bulk, ann, "If-None-Match", tag)
		require.Equal(t, http.StatusOK, status, tag)
	}
	status, _, _ = ask(known, secrets["web"], bulk, `{"context":{"targetingKey":"ann","age":31}}`, "If-None-Match", header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, status, "another context with the same answers has the same tag")
	status, _, _ = ask(known, secrets["web"], bulk, `{"context":{"targetingKey":"ann","region":"eu"}}`, "If-None-Match", header.Get("ETag"))
	require.Equal(t, http.StatusOK, status, "another answer has another")
	another := w.serve(t, console.Config{Tokens: file})
	status, _, _ = ask(another, secrets["web"], bulk, ann, "If-None-Match", header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, status, "another console says the same")
	for _, c := range []struct {
		at, token, body string
		status          int
	}{{known, secrets["web"], "{}", 400}, {known, "", ann, 401}, {known, secrets["elsewhere"], ann, 403}, {unknown, "", ann, 500}} {
		status, _, body := ask(c.at, c.token, bulk, c.body)
		require.Equal(t, c.status, status)
		p.conforms(bulk, status, body)
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
