// Command actor keeps an inventory in an actor that a subscription feeds.
//
//	go run ./examples/actor
//
//	orders ──► subscription ──► inventory (one order at a time, no lock)
//	                               │ panics on one order
//	                               └─► supervisor: restarts it, and it goes on with the next order
//
// One order makes it panic. The stock survives, because it is kept outside the part that
// is restarted, and changes in one step at the end of an order. The last line is "actor:
// ok", and the exit code 0, only if the books balance.
package main
