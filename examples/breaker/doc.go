// Command breaker shows retries and a circuit breaker: what a client does when a service
// stops answering, and what load the service sees.
//
//	go run ./examples/breaker
//
//	             ┌─ Retry ───────────────────────────┐
//	customers ──►│ tries again if that may help:     │      ┌─ Guard ──────────────┐
//	             │ later, not too often, not past    │─────►│ closed: call it      │──► price
//	             │ the deadline                      │      │ open: fail at once   │
//	             └───────────────────────────────────┘      └──────────────────────┘
//
// The service answers, then it falls silent. After three requests without an answer the
// breaker opens: customers learn at once that there is no price, and the service gets no
// more requests. When the service works again, one request finds that out, and a waiting
// customer gets the price.
//
// The last line is "breaker: ok", and the exit code 0, only if the service saw no more
// requests than these, and everybody was served in the end.
package main
