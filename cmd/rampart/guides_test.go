package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGuidesUseCommandsThatExist parses every command line of the guides and runbooks,
// which people type under stress.
func TestGuidesUseCommandsThatExist(t *testing.T) {
	seen := 0
	for _, pattern := range []string{"runbooks/*.md", "how-to/*.md"} {
		pages, err := filepath.Glob(filepath.Join("..", "..", "docs", pattern))
		require.NoError(t, err)
		for _, page := range pages {
			text, err := os.ReadFile(page)
			require.NoError(t, err)
			for _, line := range commandLines(string(text)) {
				seen++
				root := (&app{}).command()
				command, args, err := root.Find(words(line)[1:])
				require.NoErrorf(t, err, "%s: %s", page, line)
				require.Truef(t, command.Runnable() && command != root, "%s: %s", page, line)
				require.NoErrorf(t, command.ParseFlags(args), "%s: %s", page, line)
				require.NoErrorf(t, command.ValidateArgs(command.Flags().Args()), "%s: %s", page, line)
			}
		}
	}
	require.Positive(t, seen)
}

var (
	fenced = regexp.MustCompile("(?s)```(?:console|sh)\n(.*?)```")
	word   = regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`)
)

// commandLines returns the lines of blocks of shell that run rampart, with lines that
// a backslash continues joined.
func commandLines(page string) []string {
	var all []string
	for _, block := range fenced.FindAllStringSubmatch(page, -1) {
		for _, line := range strings.Split(strings.ReplaceAll(block[1], "\\\n", " "), "\n") {
			line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
			if strings.HasPrefix(line, "rampart ") {
				all = append(all, line)
			}
		}
	}
	return all
}

// words splits a line as a shell does, up to a comment, a pipe or a redirection.
func words(line string) []string {
	var all []string
	for _, w := range word.FindAllString(line, -1) {
		if strings.HasPrefix(w, "#") || w == "|" || w == ">" || w == ">>" || w == "&" {
			break
		}
		all = append(all, strings.Trim(w, `"'`))
	}
	return all
}
