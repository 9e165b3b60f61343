// Package errortest tests the errors of a package: each of them, and that none is left out.
//
//	list of a test ──► List.Check ──► Verdict.Check: category, retry, maybe sent, parents,
//	                       ▲                         also when it is wrapped
//	sources ──► Declared ──┘
//
// It is for tests of this module only.
package errortest
