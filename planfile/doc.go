// Package planfile reads plans from YAML, with a place for every mistake.
//
// # Promise
//
// [Parse] tells everything that is wrong with a plan at once: syntax, keys, types
// and, through [rampart.Plan.Validate], sense. Each mistake has its line and
// column, and a hint. A bad scalar does not hide the next mistake. Any input at all
// gets a plan or mistakes, within bounded time and memory.
//
// # YAML
//
// Plans are YAML 1.2, so a key on, off or yes and the country no are strings.
// Anchors, aliases, merge keys, tags and directives are refused: a plan is read by
// people who approve it, and should say what it says where it says it. Numbers are
// not taken for strings, nor strings for numbers.
//
// # Beside reading
//
// [Schema] is the JSON Schema of plans, for editors. [Template] is a plan to begin
// with. [Timeline] draws a plan with its dates. [File.Provenance] tells where a plan
// came from.
package planfile
