// Package errortest is what a test asks of the errors of a package: of each of them, and
// that none was left out.
//
//	list of a test ──► List.Check ──► Verdict.Check: category, retry, maybe sent, parents,
//	                       ▲                         also when it is wrapped
//	sources ──► Declared ──┘
//
// It is for tests of this module only.
package errortest
