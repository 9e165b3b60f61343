// Package natsserver runs real nats-servers for tests, examples and benchmarks, and
// makes them fail: inside the calling process, which is fast and works under
// virtual time, or in a process of its own, where faults are the same as in production.
//
//	Start ──► running ──Kill──► down ──Restart──► running     same port, same store
//	           │ │  ▲            │
//	           │ Pause/Resume    │   frozen with its connections open
//	           │                 │
//	           ├─Kick, Reload────┤   closes clients; other users, limits, permissions
//	           │                 │
//	           ├─LameDuck────────┤   asks clients to leave, then goes down
//	           │                 │
//	           └─Shutdown────────┴──► gone: port, goroutines and temporary store released
//
//	                     Server, by Start        Process, by StartProcess
//	lives in             this process            a process of this program, by Child
//	clients connect by   socket, memory          socket
//	in a bubble          yes, by memory          no
//	Kill                 closes the sockets      SIGKILL
//	Pause                DontListen only         SIGSTOP, not on Windows
//	Options              all                     those that can be serialised
//
// A server listens on a port of 127.0.0.1 chosen by the system, prints nothing, and is
// ready when [Start] returns: Start waits for the server's own report and does not poll.
// With [Options.DontListen] there is no socket, and clients connect through
// [Server.InProcess]; such a server also works inside a testing/synctest bubble, where
// hours pass in milliseconds (see [Bubble]).
//
// [StartCluster] starts several with routes between them. Each is a [Server] with all of
// the above, and Restart brings it back into the cluster. [Cluster.StepDown] makes the
// leader of a stream, of a consumer, or of the whole cluster hand over. With
// [Options.Route], proxies sit on the routes, and members can be partitioned.
//
// # Who may connect
//
// Everybody, a user, or the holder of a token; the users of several [Account]s, which
// share what they export and import; or, with an [Operator], clients with credentials
// that it has signed, until these expire or are revoked. [Server.Reload] changes all but
// the operator while the server runs.
//
// # How a kill and a pause differ from those of a process
//
// [Server.Kill] ends the server without notice: no lame duck mode, no -ERR. But as the
// server shares the process with its caller, this is not a SIGKILL. Bytes that the server
// had already queued for a client are written before the socket closes (a client that
// does not read can delay that by the server's write deadline, 10 s unless [Options.Edit]
// lowers it), and the store is synced. [Server.Pause] freezes the connections and not the
// server; its comment describes the differences. For torn writes, lost bytes and a server
// that does nothing at all, use [StartProcess], or a faulty network between client and
// server.
//
// # What the server leaves behind
//
// After [Server.Shutdown] a leak check needs no exceptions: the server waits for the
// goroutines that it counts, and the clock goroutine shared by JetStream stores ends
// within one scheduling round after the last store; for the one exception, cluster
// members, see [StoreClock]. One timer per process, which samples CPU usage every second
// as soon as the server package is linked in, never ends; while it waits it is not a
// goroutine. A [Process] ends with its parent at the latest.
package natsserver
