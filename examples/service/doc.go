// Command service is a library as a service: three instances, discovered, called and monitored.
//
//	go run ./examples/service
//
//	                         ┌─► Library, desk 1 ─┐
//	reader ─► books.lend  ───┼─► Library, desk 2 ─┼─► who are you? ─► readable? ─► the handler
//	          books.return   └─► Library, desk 3 ─┘   middleware       schema
//
// Each request goes to one of the instances. The replies of the handlers, and their
// errors, have Go types; the schemas are in metadata that anyone can request. A handler
// that panics affects one request.
//
// The last line is "service: ok", and the exit code 0, only if every answer was right and
// the counts of the instances add up.
package main
