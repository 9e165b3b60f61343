// Package must is what a test does with results that are not its subject.
//
//	call ──► (value, error) ──► Get ──► value, or the end of the test
//	call ──► error ───────────► Do ───► on, or the end of the test
//	         Within ───────────► a context for what must happen soon
//
// It is for tests of this module only.
package must
