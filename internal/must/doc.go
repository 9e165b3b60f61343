// Package must checks results that are not the subject of a test.
//
//	call ──► (value, error) ──► Get ──► value, or the end of the test
//	call ──► error ───────────► Do ───► nothing, or the end of the test
//	         Within ───────────► a context for what must happen soon
//	         Await ────────────► a condition that holds, or the end of the test
//	         Settled ──────────► the tests of a package, and nothing of them left
//
// It is for tests of this module only.
package must
