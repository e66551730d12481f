package web_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the shop's bundle anew")

// bundleFile is what the shop's pages import: the web provider and what it needs, in
// one file, so that the shop can be run without npm.
const bundleFile = "../../examples/shop/assets/openfeature.js"

const entry = `
export { OpenFeature, ProviderEvents } from "@openfeature/web-sdk";
export { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
`

func TestShopsBundleIsWhatTheLockPins(t *testing.T) {
	built := bundle(t)
	if *update {
		require.NoError(t, os.WriteFile(bundleFile, []byte(built), 0o600))
	}
	committed, err := os.ReadFile(bundleFile)
	require.NoError(t, err)
	require.True(t, string(committed) == built, // which are too long to be shown
		"%s is not what the lock gives; hint: cd acceptance/web && go test -run Bundle . -update", bundleFile)
}

// bundle builds the file.
func bundle(t *testing.T) string {
	t.Helper()
	result := api.Build(api.BuildOptions{
		Stdin:  &api.StdinOptions{Contents: entry, ResolveDir: npmDir(t)},
		Bundle: true, Format: api.FormatESModule, Platform: api.PlatformBrowser, Target: api.ES2022,
		MinifySyntax: true, MinifyWhitespace: true, MinifyIdentifiers: true,
		Metafile: true, LegalComments: api.LegalCommentsInline,
	})
	require.Empty(t, result.Errors)
	require.Empty(t, result.Warnings)
	require.Len(t, result.OutputFiles, 1)
	return provenance(t, result.Metafile) + string(result.OutputFiles[0].Contents)
}

var packageOf = regexp.MustCompile(`^.*node_modules/(?:@[^/]+/)?[^/]+`)

// provenance is the head of the file: what is in it, under which licence, and how it
// is made. All of it is under the licence of this repository, or must be looked at.
func provenance(t *testing.T, metafile string) string {
	t.Helper()
	var meta struct{ Inputs map[string]any }
	require.NoError(t, json.Unmarshal([]byte(metafile), &meta))
	in := map[string]bool{}
	for input := range meta.Inputs {
		if input == "<stdin>" {
			continue
		}
		var p struct{ Name, Version, License string }
		text, err := os.ReadFile(filepath.Join(packageOf.FindString(input), "package.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &p))
		require.Equal(t, "Apache-2.0", p.License, p.Name)
		in[fmt.Sprintf("//   %s %s\n", p.Name, p.Version)] = true
	}
	require.NotEmpty(t, in)
	return "// Bundled from npm, unmodified, by acceptance/web/bundle_test.go; its lock pins the sources.\n" +
		strings.Join(slices.Sorted(maps.Keys(in)), "") +
		"// Copyright OpenFeature Maintainers, licensed under Apache-2.0, as the file LICENSE has it.\n" +
		"// Helpers of TypeScript among it: copyright Microsoft Corporation, licensed under 0BSD.\n"
}
