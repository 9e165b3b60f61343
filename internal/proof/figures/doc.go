// Package figures has only tests: those that measure the numbers in docs/RELIABILITY.md.
//
//	go test ./internal/proof/figures              small: that what is measured works
//	go test ./internal/proof/figures -full -v     at full size, with the table at the end
//	go test ./internal/proof/figures -run Seed -seeds 5000    for those who look for more
//
// What must always hold, such as that nothing is lost, is checked in both. Real time is compared
// with its goal at full size only, because it includes whatever else runs on the machine. Times
// in a bubble are exact in both.
//
//	TestXxx ──► api.Conn ◄──► faults/… ◄──► a real server
//	   └──► figure{what, goal, measured} ──► | a row | of | the table |
package figures
