package faults

import (
	"testing"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/simnet"
	"github.com/troupe-go/troupe/faults/wire"
)

// Env is a whole system in one bubble: a network in memory, a real server in it, an actor
// system, and a stage on which all of them can be made to fail. See [Bubble].
type Env struct {
	// T is the test inside the bubble. Use it and its context in place of the outer ones.
	T *testing.T

	// Net is the network. Server "s1" is attached to it.
	Net *simnet.Network

	// System is a private actor system for the connections of the test.
	System *actors.System

	// Server is "s1", a real nats-server with JetStream; nil with [NoServer].
	Server *natsserver.Server

	// Stage has the links of all clients and servers as of the last Play, the servers,
	// and the actors of System.
	Stage
}

// Option changes the setup of a bubble.
type Option func(*setup)

type setup struct {
	network simnet.Options
	server  *natsserver.Options
}

// Seed sets the seed of everything random in the links and actor faults. Default: 0.
func Seed(seed uint64) Option { return func(s *setup) { s.network.Seed = seed } }

// Window sets how many bytes can wait at each end of a connection before writers block.
// Default: simnet.WindowDefault.
func Window(bytes int) Option { return func(s *setup) { s.network.Window = bytes } }

// Held sets how many bytes a connection holds in each direction while a rule keeps them
// from passing; beyond that writers block. Default: wire.WindowDefault.
func Held(bytes int) Option { return func(s *setup) { s.network.Held = bytes } }

// ServerOptions sets the options of "s1". The bubble sets Name and DontListen itself.
// Default: JetStream, and nothing else.
func ServerOptions(options natsserver.Options) Option {
	return func(s *setup) { s.server = &options }
}

// NoServer starts no server "s1".
func NoServer() Option { return func(s *setup) { s.server = nil } }

// Bubble runs f in a testing/synctest bubble with everything that a NATS client needs:
// hours pass in milliseconds, timers are exact, and a goroutine or an actor that is left
// at the end fails the test. The environment stops what f leaves running of it;
// connections belong to f, which has to close them.
//
//	faults.Bubble(t, func(b *faults.Env) {
//		nc, err := api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("client")))
//		...
//		defer nc.Close()
//		run := b.Inject("at 10s for 1m server(s1) kill")
//		...
//	})
//
// With nats.go it is the same without a system:
//
//	nc, err := nats.Connect(b.URL("s1"), nats.SetCustomDialer(b.Dialer("client")))
func Bubble(t *testing.T, f func(b *Env), options ...Option) {
	t.Helper()
	s := setup{server: &natsserver.Options{JetStream: true}}
	for _, o := range options {
		o(&s)
	}
	natsserver.Bubble(t, func(t *testing.T) { f(s.env(t)) })
}

// env creates an environment that ends with the test, after everything that the test has
// created.
func (s setup) env(t *testing.T) *Env {
	b := &Env{T: t, Net: simnet.New(s.network), System: actors.NewSystem(nil)}
	b.Servers, b.Actors = map[string]Server{}, Actors(b.System)
	b.Actors.Seed(s.network.Seed)
	before := b.System.Actors()
	t.Cleanup(func() { checkLeaks(t, b.System, before) })
	t.Cleanup(b.Net.Close)
	if s.server != nil {
		b.Server = b.Start("s1", *s.server)
	}
	return b
}

// checkLeaks runs after everything of the environment has ended.
func checkLeaks(t *testing.T, system *actors.System, before int) {
	for _, stack := range leftovers() {
		t.Errorf("faults: the bubble leaves a goroutine:\n%s", stack)
	}
	if left := system.Actors() - before; left > 0 {
		t.Errorf("faults: the bubble leaves %d actors", left)
	}
}

// Start starts another server and attaches it to the network; it ends with the test.
// Servers in a bubble can't form a cluster, as routes need sockets, but a client may have
// several of them in its pool. A server that can't start fails the test at once.
func (b *Env) Start(name string, options natsserver.Options) *natsserver.Server {
	b.T.Helper()
	options.Name, options.DontListen = name, true
	s := natsserver.Run(b.T, options)
	b.Attach(name, s)
	return s
}

// Attach puts any other server, such as a fakeserver, into the network. Rules can name it
// if it implements [Server].
func (b *Env) Attach(name string, p simnet.Provider) {
	b.Net.Attach(name, p)
	if s, ok := p.(Server); ok {
		b.Servers[name] = s
	}
}

// URL returns the address of a server in the network, such as "nats://10.0.0.1:4222". A
// client that leaves name lookup to its dialer can connect to "nats://s1" as
// well.
func (b *Env) URL(server string) string { return "nats://" + b.Net.Address(server) }

// Dialer returns the dialer of the client with that name; see simnet.Network.Dialer.
func (b *Env) Dialer(client string) *simnet.Dialer { return b.Net.Dialer(client) }

// Link returns the link from a client to a server.
func (b *Env) Link(client, server string) *wire.Link { return b.Net.Link(client, server) }

// Play plays a plan on the links between all clients that have a Dialer and all servers,
// on the servers, and on the actors of System; see [Stage.Play]. The run is stopped at
// the end of the test.
func (b *Env) Play(p plan.Plan) (*Run, error) {
	b.Links = b.Net.Links()
	run, err := b.Stage.Play(p)
	if err != nil {
		return nil, err
	}
	b.T.Cleanup(run.Stop)
	return run, nil
}

// Inject plays a plan in its text form. A plan that can't be played fails the test at
// once.
func (b *Env) Inject(rules string) *Run {
	b.T.Helper()
	p, err := plan.Parse(rules)
	if err != nil {
		b.T.Fatal(err)
	}
	run, err := b.Play(p)
	if err != nil {
		b.T.Fatal(err)
	}
	return run
}
