// Package cost measures the cost of a timed part for its process.
//
//	Begin ── collect garbage, read clock, processor time, allocations
//	  ...    the timed part
//	End   ── the differences, per operation
package cost
