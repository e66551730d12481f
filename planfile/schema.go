package planfile

import (
	_ "embed"
	"slices"
)

//go:embed plan.schema.json
var schema []byte

// Schema returns the JSON Schema of plans, draft 2020-12. Editors use it to complete
// and check while a plan is written. What it accepts may still have mistakes that
// only [Parse] finds, because a schema cannot compare one step with the next.
func Schema() []byte { return slices.Clone(schema) }
