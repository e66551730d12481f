// Package promtest gives a test a Prometheus of its own: a real prometheus, started
// as a child process on a free port of the loopback interface, with a data directory
// that survives Stop, Kill and Restart and is gone when the test is.
//
//	srv := promtest.Start(t, promtest.Target{Address: listener.Addr().String()})
//	source, err := gates.NewPrometheus(gates.PrometheusOptions{Address: srv.URL()})
//	srv.Kill()
//	srv.Restart() // on the same port, with what it had written
//
// It scrapes every second unless told otherwise. Prometheus looks for targets only
// five seconds after its start, so a test that needs samples and not the scraping
// of them writes them itself, at the times it likes:
//
//	srv.Write("requests_total", map[string]string{"arm": "on"}, promtest.Sample{At: noon, Value: 12})
//
// The program is the one that RAMPART_PROMETHEUS names, else prometheus from PATH,
// else .cache/bin/prometheus of the repository, where "make deps" puts it.
package promtest
