// Command shutdown stops a service while it is asked, and loses no request.
//
//	go run ./examples/shutdown
//
//	            ┌─► Kitchen, first ──── StopContext ──► what has come is answered
//	guests ─────┤
//	            └─► Kitchen, second ◄── all that comes from then on
//
// The guests ask on and on. The first instance is stopped in the middle of it: nothing new
// comes to it, and what has come is answered. Then the second one is stopped while a dish takes
// too long: its handler is told to leave, its guest gets an error that says so, and the
// report says what was left.
//
// The last line is "shutdown: ok", and the exit code 0, only if each guest got one answer and
// the report was right.
package main
