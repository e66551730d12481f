//go:build !race

package workflows_test

// everyday is how many launches the model walks unless it is told otherwise.
const everyday = 2000
