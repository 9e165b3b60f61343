// Package cost measures what a timed part costs the process it runs in.
//
//	Begin ── collect garbage, note clock, processor time, allocations
//	  ...    the timed part
//	End   ── the differences, per operation
package cost
