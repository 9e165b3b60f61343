// Package api is the NATS client: connections, subscriptions, requests.
//
//	nc, err := api.Connect("nats://127.0.0.1:4222")
//	sub, err := nc.Subscribe("orders.*", func(m *api.Msg) { … })
//	err = nc.Publish("orders.new", data)
//	answer, err := nc.Request("price", []byte("apples"), time.Second)
//	err = nc.Drain()
//
// Names, signatures and defaults are those of nats.go v1.55. What is behind them
// is a tree of actors, of which one socket more or less, or a handler that
// panics, is nothing but the restart of a branch:
//
//	Conn ──► connection-1
//	         ├── link            one server at a time; a reconnect is its restart
//	         │   ├── reader      socket ─► batches of messages
//	         │   ├── writer      published frames ─► socket
//	         │   └── heartbeat   PING, PONG
//	Subscription ──► subscriptions
//	         │       └── dispatcher   one for each, started by its first message
//	Request ──► requests         answers go straight to the caller
//	Spawn ──► actors, or another group of actors of the user's
//	Guard ──► breakers         whether calls are made; Retry ──► calls: made again
//	handlers ◄── callbacks       every event, in order
//
// Conn.Tree shows it with states and reasons, Conn.Health says whether all is
// well, Conn.Events and OnEvent tell what happens.
//
// # Messages and memory
//
// A delivered message belongs to the handler. Messages that arrive together
// share two allocations, which are small enough that a kept message keeps little
// else; see Msg. With Borrow nothing is allocated and the message is valid
// until the handler returns. Built with the tag "invariants" such a message is
// overwritten then, so that a test finds what was kept.
//
// # Errors
//
// Every error belongs to a kind that errors.Is finds, often to several: an
// ErrFlushTimeout is an ErrTimeout is a context.DeadlineExceeded. Errors carry
// data for errors.As and are not to be compared with ==. Bad input is refused at
// once, before anything is sent. Of any error, CategoryOf says what it is about,
// Retryable whether the same call may succeed later, and MaybeSent whether it may
// have had its effect all the same. Retry asks these questions and makes the call again; a
// Breaker, by Guard, keeps calls from being made that would fail. Kinds lists the kinds;
// docs/ERRORS.md has them all, with what each is fatal for and an example.
package api
