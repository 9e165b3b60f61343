package proxy

import "testing"

// Run starts a proxy for one test, and closes it when the test ends. If it can't start,
// the test fails at once.
func Run(t testing.TB, upstream string, options Options) *Proxy {
	t.Helper()
	p, err := Start(upstream, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// RunCluster starts a proxy for each server of a cluster for one test, and closes them
// when the test ends. If one can't start, the test fails at once.
func RunCluster(t testing.TB, upstreams []string, options Options) []*Proxy {
	t.Helper()
	proxies, err := StartCluster(upstreams, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range proxies {
		t.Cleanup(p.Close)
	}
	return proxies
}
