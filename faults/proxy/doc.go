// Package proxy puts a link on which things go wrong in front of a NATS server on TCP.
// The client connects to the proxy's address in place of the server's; any client can.
//
//	client ──► 127.0.0.1:random ──► wire.Link ──► server
//	                                    ▲
//	                                rules, as text
//
// [Run] starts a proxy for a test, [Start] one for anything else:
//
//	p := proxy.Run(t, "nats://127.0.0.1:4222", proxy.Options{})
//	nc, err := nats.Connect(p.URL())
//	fault, err := p.Inject("at 1s for 3s blackhole")
//	err = fault.Wait(ctx, 1)
//
// What rules there are is said in package plan, what they do to a connection in package
// wire. Here a reset is a real one (RST), and so is an end of one direction (FIN). A
// connection that a rule refuses is accepted by the system and reset at once: a
// listener has no other way to refuse one and take the next.
//
// # Clusters
//
// A server tells its clients of the others of its cluster, and a client that loses its
// server goes to one of those, past its proxy. [StartCluster] and [RunCluster] start a
// proxy for each server, and each tells of the proxies in place of the servers; for
// other cases there is [Options.Advertise]. Servers with TLS tell of the others once
// more where nobody can read along: their clients have to ignore discovered servers.
package proxy
