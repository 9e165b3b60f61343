// Package examples holds programs to run, to read and to copy from.
//
//	go run ./examples/quickstart     servers used, killed and survived; a stream; the books
//	go run ./examples/requestmany    one request, many replies
//	go run ./examples/ordered        messages handled concurrently, in order
//	go run ./examples/slow           what happens to messages that a slow handler has no room for
//	go run ./examples/drain          SIGTERM without losing a job
//	go run ./examples/breaker        a service that falls silent, and callers that stop calling it
//	go run ./examples/health         an HTTP endpoint that reports the state of the connection
//	go run ./examples/actor          your own actor in the tree
//	go run ./examples/tls            mutual TLS and credentials
//	go run ./examples/websocket      through an HTTP gateway
//	go run ./examples/idempotent     each message stored once, over a connection that is cut
//	go run ./examples/batch          all or nothing, and hundreds of messages for one acknowledgement
//	go run ./examples/workqueue      jobs shared, tried again, and kept if they fail
//	go run ./examples/replay         a stream from its first message, in order
//	go run ./examples/schedule       messages published later, by the stream
//	go run ./examples/service        endpoints with types and middleware, discovered and called
//	go run ./examples/shutdown       a service that stops and loses no request
//	go run ./examples/election       one leader at a time, replaced when it is cut off
//	go run ./examples/faults         nats.go and troupe under the same faults, and both verdicts
//
// Each starts the NATS server that it needs, says what it does, checks it, and ends by
// itself within seconds: the last line is its name and "ok".
package examples
