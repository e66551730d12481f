package worker

// NewSDKMetrics is for the test of its bounds, which no healthy worker reaches.
var NewSDKMetrics = newSDKMetrics
