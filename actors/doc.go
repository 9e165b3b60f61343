// Package actors is the imperative shell of troupe: the runtime in which every moving
// part of a connection is an actor under a supervisor, and these actors themselves.
// Decisions are made in the pure packages below it: about bytes in package protocol,
// about failures in package supervisor. It is the only package that knows the underlying
// actor library.
//
// Programs use package api, which has names for everything they need from here.
//
// The tree of a connection, as [Conn.Tree] draws it (a test compares):
//
//	connection-1             connected  nats://127.0.0.1:4222
//	├── callbacks            running
//	├── requests             running
//	├── subscriptions        running
//	│   ├── dispatcher-1     idle       orders.*
//	│   └── dispatcher-2     idle       jobs queue workers
//	└── link                 live       nats://127.0.0.1:4222
//	    ├── reader-1         running
//	    ├── writer-1         running
//	    └── heartbeat-1      running
//
// The first actor that a user spawns in a group starts a supervisor for the group, by
// default "actors", and runs below it. It reads its subscriptions' lanes itself:
//
//	├── actors               running
//	│   └── counter          idle
//	└── consumers            running
//	    └── orders           waiting    no server
//
// A link is one incarnation of the connection's socket: a reconnect is its restart.
// During a move to another server it has a second reader and writer. What outlives a
// socket (the table of subscriptions, the frames that wait in the outbox, the requests
// that wait for replies) belongs to [Conn].
//
//	in    socket ─► reader ─► one segment per touched subscription ─► lane
//	      ─► dispatcher ─► Consumer ─► the user's handler
//
//	out   Publish ─► outbox (frames in wire form) ─► writer ─► socket
//
// Actors that block in the socket have goroutines of their own; all others share the few
// goroutines of an executor, which adds one when a handler blocks. So a handler that
// panics, ends its goroutine, blocks or is slow affects only its own subscription, and
// Close leaves nothing behind.
package actors
