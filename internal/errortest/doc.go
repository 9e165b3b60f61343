// Package errortest is what a test asks of the errors of a package: of each of them, and
// that none was left out.
//
//	list of a test ──► Check ───► category, retry, maybe sent, parents: also when it is wrapped
//	sources ──► Declared ──► Compare ◄── list of a test
//
// It is for tests of this module only.
package errortest
