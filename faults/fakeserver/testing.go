package fakeserver

import "testing"

// Run starts a server for one test, on a port unless [Options.DontListen] is set, and
// closes it when the test ends. A port that can't be had ends the test.
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
