// Package faults puts everything that can go wrong for a client of NATS into one test:
// the network, the servers, and the client's own actors. It is for any client, of troupe
// or not, and for the system that is built on it.
//
//	plan            what goes wrong, where and when: data, as text, from a seed
//	  │
//	wire            what the rules of a link do to bytes on their way
//	┌─┴────┐
//	proxy  simnet   natsserver   fakeserver     check
//	│      │        │            │              └ what was published against what came
//	│      │        │            └ an honest server, until it is told to lie
//	│      │        └ real servers: killed, paused, sent away, alone or as a cluster
//	│      └ a network in memory, for bubbles of virtual time
//	└ a proxy on a port, for everything else
//	└─┬────┴────────┘
//	faults          Bubble: all of it in one line; Stage: plays a plan on it; actor faults
//
// # A test in a bubble
//
// [Bubble] runs a test under virtual time, with a real nats-server and JetStream in it. An
// hour takes milliseconds, and a goroutine or an actor that is left behind fails the test:
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
//			... // what must hold now
//		})
//	}
//
// Connections stay on the bubble's own system, as [actors.NewSystem] makes one: the
// process-wide one has goroutines and channels outside of the bubble. A client that looks
// names up before it dials takes [Env.URL], which is an address; with
// api.SkipHostLookup() the host is the server's name:
//
//	api.Connect("nats://s1", api.SkipHostLookup(), api.System(b.System), api.SetCustomDialer(b.Dialer("client")))
//	nats.Connect("nats://s1", nats.SkipHostLookup(), nats.SetCustomDialer(b.Dialer("client")))
//
// Inside f use the test of the bubble and its context, b.T and b.T.Context(): the outer
// test's context is not of the bubble, and a wait for it ends the whole test binary.
//
// # A plan on a stage
//
// A [Stage] is whatever can go wrong: links of a network or of proxies, servers, actors.
// [Stage.Play] checks the plan against it, then gives each rule to what it is about, and
// returns a [Run] that counts hits, waits, and takes everything back. In a bubble the
// environment is the stage; with servers on ports and proxies before them it is put
// together by hand.
//
// # Actors that fail
//
// [Actors] lets actors of troupe panic, end their goroutine, or be slow, at the message
// that is counted. They fail as they would by a defect of their own, so that what is
// tested is what their supervisors do about it.
package faults
