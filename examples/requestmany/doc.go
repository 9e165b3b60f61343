// Command requestmany asks once and gets many answers.
//
//	go run ./examples/requestmany
//
//	                    ┌─► station 0 ──┐
//	"weather?" ──► NATS ┼─► station 1 ──┼─► one answer each, in the order they come
//	                    └─► station 2 ──┘
//
// How many there will be is not known, so the requester says when it has enough: at a
// number of answers, when no more arrive for a while, when one says that it is the last,
// or when the time is up. The last line is "requestmany: ok", and the exit code 0, only
// if all answers arrived.
package main
