// Package fakeserver is a NATS server for what a real one won't do: hostile frames,
// lies, silence, a greeting at one byte a second, lost subscriptions.
//
//	client ──► reader ──► Control functions ──► honest server ──► interest of all clients
//	             │              │ drop, answer        │                   │
//	             ▼              ▼                     ▼                   ▼
//	         Frames       ┌─────────────────── bounded queue ◄────────────┘
//	                      │                           ▲
//	client ◄── writer ◄───┘                           └── Client.Send: any bytes whatever
//
// Left alone it is an honest little server of core NATS, against which any client
// library works: INFO, CONNECT, PING and PONG, SUB and UNSUB with a count, PUB and
// HPUB, wildcards, queue groups, the 503 of a request without responders, max_payload,
// verbose and pedantic mode, echo. It keeps nothing on disk and knows one account. A
// table of scenarios is run against it and against nats-server, and what the two say
// is compared byte by byte; the test lists the differences by name.
//
// What it is to do otherwise is said by functions: [Server.Control] sees each frame of
// a client before the server acts on it, [Options.Greeting] and [Options.Auth] decide
// how a connection begins, [Server.Announce] sends an INFO to everybody, and
// [Client.Send] sends bytes that need not be NATS.
//
// # Where it runs
//
// [Server.Listen] takes clients on a free port of 127.0.0.1. [Server.InProcessConn]
// takes one through memory and [Server.Serve] one through any net.Conn; with these
// two the server lives inside a testing/synctest bubble, where [Options.DontListen]
// keeps [Run] from opening a socket.
//
// # Its limits
//
// Each client has one goroutine that reads and one that writes, and a queue between
// the two whose bytes are bounded: the reader never waits for the writer, so a peer
// that does not read can't hold up anybody, and it is cut when its queue is full, as
// nats-server cuts slow clients. Transcripts, subscriptions, connections and the
// length of frames are bounded as well; see [Options].
package fakeserver
