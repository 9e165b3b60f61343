// Package faults puts everything that can go wrong for a NATS client into one test:
// the network, the servers, and the client's own actors. It works for any client, troupe
// or another, and for the system that is built on it.
//
//	plan            what goes wrong, where and when: data, as text or drawn from a seed
//	  │
//	wire            applies the rules of a link to the bytes in transit
//	┌─┴────┐
//	proxy  simnet   natsserver   fakeserver     check
//	│      │        │            │              └ compares what was published with what arrived
//	│      │        │            └ a fake server: honest until told to lie
//	│      │        └ real servers: killed, paused, in lame duck mode, alone or as a cluster
//	│      └ a network in memory, for bubbles of virtual time
//	└ a proxy on a port, for everything else
//	└─┬────┴────────┘
//	faults          Bubble: all of it in one line; Stage: plays a plan on it; actor faults
//
// # A test in a bubble
//
// [Bubble] runs a test under virtual time, with a real nats-server and JetStream in it. An
// hour takes milliseconds, and a goroutine or an actor that is left at the end fails the test:
//
//	func TestOrdersSurviveANightOfOutages(t *testing.T) {
//		faults.Bubble(t, func(b *faults.Env) {
//			nc, err := api.Connect(b.URL("s1"), api.NeverGiveUp(), api.System(b.System), api.SetCustomDialer(b.Dialer("client")))
//			if err != nil {
//				b.T.Fatal(err)
//			}
//			defer nc.Close()
//			run := b.Inject(`
//				at 1h for 5m server(s1) kill
//				at 2h for 30m link(client, s1) blackhole(in)
//				at 3h when index(3) actor(reader) panic
//			`)
//			... // what your system does
//			if err := run.Wait(b.T.Context()); err != nil { // until the night is over
//				b.T.Fatal(err)
//			}
//			... // what must be true now
//		})
//	}
//
// Connections use the bubble's own actor system, created by [actors.NewSystem], because
// the process-wide one has goroutines and channels outside the bubble. A client that
// looks names up before it dials needs [Env.URL], which is an address; with
// api.SkipHostLookup() the host can be the server's name:
//
//	api.Connect("nats://s1", api.SkipHostLookup(), api.System(b.System), api.SetCustomDialer(b.Dialer("client")))
//	nats.Connect("nats://s1", nats.SkipHostLookup(), nats.SetCustomDialer(b.Dialer("client")))
//
// Inside f use the test of the bubble and its context, b.T and b.T.Context(): the outer
// test's context does not belong to the bubble, and waiting for it ends the whole test
// binary.
//
// # A plan on a stage
//
// A [Stage] holds what can fail: links of a network or of proxies, servers, actors.
// [Stage.Play] checks the plan against it, then hands each rule to what it names, and
// returns a [Run] that counts hits, waits, and undoes everything. In a bubble the
// environment is the stage; with servers on ports, and proxies in front of them, you put
// the stage together yourself.
//
// # Actors that fail
//
// [Actors] makes actors of troupe panic, end their goroutine, or be slow, at a chosen
// message. They fail as they would after a defect of their own, so the test shows how
// their supervisors react.
package faults
