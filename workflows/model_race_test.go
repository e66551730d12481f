//go:build race

package workflows_test

// everyday is how many launches the model walks unless it is told otherwise. The race
// detector makes each of them several times as slow.
const everyday = 200
