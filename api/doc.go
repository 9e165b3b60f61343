// Package api is the NATS client: connections, subscriptions, requests.
//
//	nc, err := api.Connect("nats://127.0.0.1:4222")
//	sub, err := nc.Subscribe("orders.*", func(m *api.Msg) { … })
//	err = nc.Publish("orders.new", data)
//	answer, err := nc.Request("price", []byte("apples"), time.Second)
//	err = nc.Drain()
//
// Names, signatures and defaults are those of nats.go v1.55. They are implemented by
// a tree of actors under supervisors: a lost socket or a handler that panics restarts
// one branch of the tree and leaves the others alone.
//
//	Conn ──► connection-1
//	         ├── link            one server at a time; a reconnect is its restart
//	         │   ├── reader      socket ─► batches of messages
//	         │   ├── writer      published frames ─► socket
//	         │   └── heartbeat   PING, PONG
//	Subscription ──► subscriptions
//	         │       └── dispatcher   one per subscription, started by its first message
//	Request ──► requests         answers go straight to the caller
//	Spawn ──► actors           or another group of the program's actors
//	Guard ──► breakers         decide whether calls are made
//	Retry ──► calls            make failed calls again
//	handlers ◄── callbacks       every event, in order
//
// Conn.Tree shows the tree with states and reasons, Conn.Health reports whether every
// part works, and Conn.Events and OnEvent report what happens.
//
// # Messages and memory
//
// A delivered message belongs to the handler. Messages that arrive together share two
// allocations, which are so small that keeping one message retains little else; see
// Msg. With Borrow nothing is allocated, and the message is valid until the handler
// returns. With the build tag "invariants" a borrowed message is overwritten when the
// handler returns, so that tests find code that keeps one.
//
// # Errors
//
// Every error belongs to at least one kind that errors.Is finds: an ErrFlushTimeout is
// also an ErrTimeout and a context.DeadlineExceeded. Errors carry data for errors.As; do
// not compare them with ==. Invalid arguments are refused before anything is sent.
//
// For any error, CategoryOf returns what it is about, Retryable whether the same call may
// succeed later, and MaybeSent whether the call may have had its effect despite the error.
// Retry asks these questions and repeats the call; a Breaker, through Guard, stops calls
// that would probably fail. Kinds lists the kinds. docs/ERRORS.md lists all errors, what each is fatal for,
// and an example of its text.
package api
