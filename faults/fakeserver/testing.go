package fakeserver

import "testing"

// Run starts a server for one test, on a port unless [Options.DontListen] is set, and
// closes it when the test ends. If no port is available, the test fails at once.
func Run(t testing.TB, options Options) *Server {
	t.Helper()
	s := New(options)
	t.Cleanup(s.Close)
	if options.DontListen {
		return s
	}
	if _, err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	return s
}
