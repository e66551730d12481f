package worker

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rampart-dev/rampart/activities"
)

// NewSDKMetrics is for the test of its bounds, which no healthy worker reaches.
var NewSDKMetrics = newSDKMetrics

// Registered returns the registry of a worker that is told so, with all that it exports
// once it works. It connects to nobody.
func Registered(c Config) (*prometheus.Registry, error) {
	p, err := open(c.withDefaults())
	if err != nil {
		return nil, err
	}
	defer p.close()
	p.introduce()
	newCensus(p)
	activities.NewMeter(p.registry)
	return p.registry, nil
}
