// Package examples holds programs to run, to read and to copy from.
//
//	go run ./examples/quickstart     servers talked to, killed and survived; a stream; the books
//	go run ./examples/requestmany    one question, many answers
//	go run ./examples/ordered        messages handled side by side, in order
//	go run ./examples/slow           what happens to messages without room
//	go run ./examples/drain          SIGTERM without losing a job
//	go run ./examples/breaker        a service that falls silent, and callers that leave it in peace
//	go run ./examples/health         an HTTP endpoint that says how the connection is
//	go run ./examples/actor          an actor of yours in the tree
//	go run ./examples/tls            mutual TLS and credentials
//	go run ./examples/websocket      through an HTTP gateway
//	go run ./examples/idempotent     published to a stream once, over a line that is cut
//	go run ./examples/batch          stored all together, and hundreds with one acknowledgement
//	go run ./examples/workqueue      jobs shared, tried again, and kept when they fail
//	go run ./examples/replay         a stream from its first message, in order
//	go run ./examples/schedule       published later, by the stream
//	go run ./examples/service        endpoints with types and middleware, found and asked
//	go run ./examples/shutdown       a service that stops and loses no request
//	go run ./examples/election       one leader at a time, and another one when it cannot be heard
//	go run ./examples/faults         the same faults for nats.go and troupe, and both verdicts
//
// Each starts the NATS server that it needs, says what it does, checks it, and ends
// by itself within seconds: the last line is its name and "ok".
package examples
