// Package fakeserver is a NATS server that does what a real one won't: hostile frames,
// lies, silence, a greeting at one byte a second, lost subscriptions.
//
//	client ──► reader ──► Control functions ──► honest server ──► interest of all clients
//	             │              │ drop, answer        │                   │
//	             ▼              ▼                     ▼                   ▼
//	         Frames       ┌─────────────────── bounded queue ◄────────────┘
//	                      │                           ▲
//	client ◄── writer ◄───┘                           └── Client.Send: any bytes whatever
//
// By default it is a small, honest core NATS server that works with any client library:
// INFO, CONNECT, PING and PONG, SUB and UNSUB with a count, PUB and HPUB, wildcards,
// queue groups, the 503 for a request without responders, max_payload, verbose and
// pedantic mode, echo. It stores nothing on disk and has one account. A table of
// scenarios is run against it and against nats-server, and their output is compared byte
// by byte; the test lists the differences by name.
//
// Functions make it behave differently: [Server.Control] sees each frame of a client
// before the server acts on it, [Options.Greeting] and [Options.Auth] decide how a
// connection begins, [Server.Announce] sends an INFO to all clients, and [Client.Send]
// sends bytes that need not be NATS.
//
// # Where it runs
//
// [Server.Listen] accepts clients on a free port of 127.0.0.1. [Server.InProcessConn]
// connects one in memory and [Server.Serve] one over any net.Conn; with these two the
// server runs inside a testing/synctest bubble, where [Options.DontListen] keeps [Run]
// from opening a socket.
//
// # Its limits
//
// Each client has one goroutine that reads and one that writes, with a bounded queue
// between them. The reader never waits for the writer, so a peer that does not read can't
// block anyone; it is cut when its queue is full, as nats-server cuts slow clients.
// Transcripts, subscriptions, connections and the length of frames are bounded as well;
// see [Options].
package fakeserver
