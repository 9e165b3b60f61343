// Package figures holds tests only: those that measure what docs/RELIABILITY.md states
// in numbers.
//
//	go test ./internal/proof/figures              small: that what is measured works
//	go test ./internal/proof/figures -full -v     at full size, with the table at the end
//	go test ./internal/proof/figures -run Seed -seeds 5000    for those who look for more
//
// What must hold always, such as that nothing is lost, is checked in both. A time on the
// clock of the machine is compared with its goal at full size only: what else runs on
// the machine is in it. Times in a bubble are exact in both.
//
//	TestXxx ──► api.Conn ◄──► faults/… ◄──► a real server
//	   └──► figure{what, goal, measured} ──► | a row | of | the table |
package figures
