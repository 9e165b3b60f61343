// Package natsserver runs real nats-servers for tests, examples and benchmarks, and
// makes them fail: inside the calling process, where that is fast and works under
// virtual time, or in a process of its own, where a fault is what it is in production.
//
//	Start ──► running ──Kill──► down ──Restart──► running     same port, same store
//	           │ │  ▲            │
//	           │ Pause/Resume    │   stands still with its connections open
//	           │                 │
//	           ├─Kick, Reload────┤   closes clients; other users, limits, permissions
//	           │                 │
//	           ├─LameDuck────────┤   asks clients to leave, then goes down
//	           │                 │
//	           └─Shutdown────────┴──► gone: port, goroutines and temporary store released
//
//	                     Server, by Start        Process, by StartProcess
//	lives in             this process            a process of this program, by Child
//	clients come by      socket, memory          socket
//	in a bubble          yes, by memory          no
//	Kill                 closes the sockets      SIGKILL
//	Pause                DontListen only         SIGSTOP, not on Windows
//	Options              all                     those that can be written down
//
// A server listens on a port of 127.0.0.1 that the system chose, says nothing,
// and is ready when [Start] returns: Start waits for the server's own report,
// it does not poll. With [Options.DontListen] there is no socket at all and
// clients come in through [Server.InProcess]; such a server also lives inside
// a testing/synctest bubble, where hours pass in milliseconds (see [Bubble]).
//
// [StartCluster] starts several with routes between them. Each is a [Server] with
// all of the above, and a Restart of it brings it back into the cluster.
// [Cluster.StepDown] makes the leader of a stream, of a consumer, or of the whole
// cluster hand over. With [Options.Route] proxies lie on the routes, and members can be
// parted from each other.
//
// # Who may connect
//
// Everybody, a user, or the holder of a token; the users of several [Account]s, which
// share what they export and import; or, with an [Operator], whoever presents
// credentials that it has signed, until they expire or are revoked. [Server.Reload]
// changes all but the operator while the server runs.
//
// # What a kill and a pause are in place
//
// [Server.Kill] ends the server without a farewell: no lame duck notice, no
// -ERR. As the server shares the process with its caller, it is nevertheless
// not a SIGKILL. Bytes that the server had already queued for a client are
// written before the socket closes (a client that does not read can hold
// that up for the server's write deadline, 10 s unless [Options.Edit] lowers
// it), and the store is synced. [Server.Pause] holds the connections and not the
// server: what differs is said there. For torn writes, lost bytes and a server that
// does nothing at all there is [StartProcess], or a faulty network between client
// and server.
//
// # What the server leaves behind
//
// After [Server.Shutdown] a leak check needs no exceptions: the server waits for
// the goroutines it counts, and the clock goroutine that JetStream stores share
// ends within one scheduling round of the last store; for the one exception, of members of
// a cluster, see [StoreClock]. One timer per process,
// which samples CPU usage every second from the moment the server package is
// linked in, never ends; while it waits it is no goroutine. A [Process] ends with its
// parent if nobody ends it before.
package natsserver
