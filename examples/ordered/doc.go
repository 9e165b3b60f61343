// Command ordered handles messages concurrently without mixing up their order.
//
//	go run ./examples/ordered
//
//	             one at a time:    a1 b1 a2 b2 a3 b3
//	a1 b1 a2 b2                    ┌ a1 b1 a2 b2 ┐
//	a3 b3 ──►    eight at once:    └ in any order┘
//	             eight at once,    ┌ a1 ► a2 ► a3
//	             by account:       └ b1 ► b2 ► b3
//
// The same bookings, of several accounts, are handled in all three ways. The last
// line is "ordered: ok", and the exit code 0, only if each account's bookings were
// handled in order where that was promised.
package main
