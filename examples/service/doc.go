// Command service is a library as a service: three instances, found, asked and looked after.
//
//	go run ./examples/service
//
//	                         ┌─► Library, desk 1 ─┐
//	reader ─► books.lend  ───┼─► Library, desk 2 ─┼─► who are you? ─► readable? ─► the handler
//	          books.return   └─► Library, desk 3 ─┘   middleware       schema
//
// Each request goes to one of the instances. What the handlers answer, and what they return
// for errors, has Go types; their schemas stand in the metadata that anybody can ask for. A
// handler that panics harms one request.
//
// The last line is "service: ok", and the exit code 0, only if every answer was the right one
// and the numbers of the instances add up.
package main
