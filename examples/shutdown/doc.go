// Command shutdown stops a service that is in use, and loses no request.
//
//	go run ./examples/shutdown
//
//	            ┌─► Kitchen, first ──── StopContext ──► what has arrived is answered
//	guests ─────┤
//	            └─► Kitchen, second ◄── all requests from then on
//
// The guests keep sending requests. The first instance is stopped meanwhile: it gets no
// more requests, and answers those that have arrived. Then the second one is stopped
// while a dish takes too long: its handler's context is cancelled, its guest gets an
// error that says so, and the report lists what was left.
//
// The last line is "shutdown: ok", and the exit code 0, only if each guest got one answer
// and the report was right.
package main
