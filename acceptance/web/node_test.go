package web_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart/internal/child"
)

// A nodeClient is a process of Node in which a provider of OpenFeature answers.
type nodeClient struct {
	t     testing.TB
	stdin io.Writer
	lines chan said
}

// said is one line of testdata/ask.mjs.
type said struct {
	Ready   bool
	Changed []string // flags, of which the provider says that they may have changed
	Answers []details
}

// A question is what an application asks OpenFeature.
type question struct {
	Flag     string         `json:"flag"`
	Type     string         `json:"type"`
	Fallback any            `json:"fallback"`
	Context  map[string]any `json:"context"`
}

// details are what it gets.
type details struct {
	FlagKey      string         `json:"flagKey"`
	Value        any            `json:"value"`
	Variant      string         `json:"variant"`
	Reason       string         `json:"reason"`
	ErrorCode    string         `json:"errorCode"`
	FlagMetadata map[string]any `json:"flagMetadata"`
}

// inNode starts a provider: ofrep or flagd, with its options.
func inNode(t testing.TB, kind string, options map[string]any) *nodeClient {
	t.Helper()
	script, err := os.ReadFile("testdata/ask.mjs")
	require.NoError(t, err)
	dir := t.TempDir() // with the packages beside it, as the script has in a project of its own
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ask.mjs"), script, 0o600))
	require.NoError(t, os.Symlink(filepath.Join(npmDir(t), "node_modules"), filepath.Join(dir, "node_modules")))
	how, err := json.Marshal(map[string]any{"kind": kind, "options": options})
	require.NoError(t, err)

	var complaint output
	cmd := exec.Command(cached(t, "bin", "node"), "ask.mjs", string(how))
	cmd.Dir, cmd.Stderr, cmd.SysProcAttr = dir, &complaint, child.DieWithParent()
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	n := &nodeClient{t: t, stdin: stdin, lines: make(chan said, 100)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(n.lines)
		n.read(stdout)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-read
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("node said:\n%s", complaint.String())
		}
	})
	n.await("it is ready", func(s said) bool { return s.Ready })
	return n
}

func (n *nodeClient) read(from io.Reader) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var s said
		if json.Unmarshal(lines.Bytes(), &s) == nil {
			n.lines <- s
		}
	}
}

// await reads until a line is as wanted.
func (n *nodeClient) await(what string, is func(said) bool) said {
	n.t.Helper()
	late := time.After(patience)
	for {
		select {
		case line, going := <-n.lines:
			require.True(n.t, going, "node has ended before %s", what)
			if is(line) {
				return line
			}
		case <-late:
			n.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// ask asks everything at once.
func (n *nodeClient) ask(questions ...question) []details {
	n.t.Helper()
	line, err := json.Marshal(questions)
	require.NoError(n.t, err)
	_, err = n.stdin.Write(append(line, '\n'))
	require.NoError(n.t, err)
	return n.await("it has answered", func(s said) bool { return s.Answers != nil }).Answers
}

func asJSON(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}
