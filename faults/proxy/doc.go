// Package proxy puts a link with faults in front of a NATS server on TCP. The client
// connects to the proxy's address in place of the server's; any client can.
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
// Package plan describes the rules, package wire what they do to a connection. Here a
// reset is a real one (RST), and so is an end of one direction (FIN). A connection that a
// rule refuses is accepted by the system and reset at once: a listener has no other way
// to refuse one connection and accept the next.
//
// # Clusters
//
// A server tells its clients about the other servers of its cluster, and a client that
// loses its server connects to one of those, bypassing its proxy. [StartCluster] and
// [RunCluster] start a proxy for each server, and each advertises the proxies in place of
// the servers; for other cases there is [Options.Advertise]. Servers with TLS advertise
// the others once more inside the encrypted stream, where the proxy cannot change it:
// their clients have to ignore discovered servers.
package proxy
