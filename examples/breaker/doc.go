// Command breaker shows calls that retry wisely: what a client does about a service that
// falls ill, and what the service gets to see of it.
//
//	go run ./examples/breaker
//
//	             ┌─ Retry ───────────────────────────┐
//	customers ──►│ again, when that may help: later, │      ┌─ Guard ──────────────┐
//	             │ not too often, not past the       │─────►│ closed: call it      │──► price
//	             │ deadline                          │      │ open: fail at once   │
//	             └───────────────────────────────────┘      └──────────────────────┘
//
// The service answers, then it falls silent. After three requests without an answer the
// breaker is open: customers learn at once that there is no price today, and nobody disturbs
// the service. When it is well again one request finds out, and a customer who waits gets the price.
//
// The last line is "breaker: ok", and the exit code 0, only if the service has seen no request
// more than that, and everybody is served in the end.
package main
