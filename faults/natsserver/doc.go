// Package natsserver runs a real nats-server inside the calling process: for
// tests, for examples, and for benchmarks that want the server in a child
// process of their own.
//
//	Start ──► running ──Kill──► down ──Restart──► running     same port, same store
//	             │                │
//	             ├──LameDuck──────┤  asks clients to leave, then goes down
//	             │                │
//	             └────Shutdown────┴──► gone: port, goroutines and temporary store released
//
// A server listens on a port of 127.0.0.1 that the system chose, says nothing,
// and is ready when [Start] returns: Start waits for the server's own report,
// it does not poll. With [Options.DontListen] there is no socket at all and
// clients come in through [Server.InProcess]; such a server also lives inside
// a testing/synctest bubble, where hours pass in milliseconds (see [Bubble]).
//
// # What a kill is here
//
// [Server.Kill] ends the server without a farewell: no lame duck notice, no
// -ERR. As the server shares the process with its caller, it is nevertheless
// not a SIGKILL. Bytes that the server had already queued for a client are
// written before the socket closes (a client that does not read can hold
// that up for the server's write deadline, 10 s unless [Options.Edit] lowers
// it), and the store is synced. Whoever needs a torn write or lost bytes puts a
// faulty network between client and server, or runs the server in a process of
// its own and kills that.
//
// # What the server leaves behind
//
// After [Server.Shutdown] a leak check needs no exceptions: the server waits for
// the goroutines it counts, and the clock goroutine that JetStream stores share
// ends within one scheduling round of the last store. One timer per process,
// which samples CPU usage every second from the moment the server package is
// linked in, never ends; while it waits it is no goroutine.
package natsserver
