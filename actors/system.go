package actors

import (
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/eventstream"
	"go.uber.org/zap"

	"github.com/troupe-go/troupe/supervisor"
)

// System is the home of actor trees: protoactor's actor system, the executor that runs
// mailboxes, and the dial limit that all connections share. It costs about 3 MiB, so a
// process has one (Default), and a test bubble one of its own. It has goroutines only
// while it has connections. Safe for concurrent use.
type System struct {
	proto   *actor.ActorSystem
	exec    *executor
	log     *zap.Logger
	adopted bool // proto is the user's: not ours to configure or to end

	interposed atomic.Pointer[func(kind string) (before func())] // nil except in tests; see Interpose

	mu    sync.Mutex
	dials *supervisor.DialLimiter
	conns uint64 // connections ever made, for their names
}

// DialsPerSecond and DialBurst bound how fast one process dials, over all its
// connections, so that many clients that lost the same server do not all dial at once.
const (
	DialsPerSecond = 100
	DialBurst      = 100
)

// registryBuckets is the number of buckets, of 32 maps each, that hold the names of all
// actors of a system.
const registryBuckets = 16

// defaultSystem makes the process-wide system on first use. It is the only package-level
// state of this module: an actor system is too expensive to have twice.
var defaultSystem = sync.OnceValue(func() *System { return NewSystem(nil) })

// Default returns the process-wide system, which is made on first use.
func Default() *System { return defaultSystem() }

// NewSystem makes a private system; log gets each event at debug level; nil means no
// logging. Goroutines and channels of its connections belong to the caller's test bubble,
// if any.
func NewSystem(log *zap.Logger) *System {
	if log == nil {
		log = zap.NewNop()
	}
	silent := func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError + 1}))
	}
	proto := actor.NewActorSystem(actor.WithLoggerFactory(silent), actor.WithDeadLetterRequestLogging(false))
	// This removes protoactor's own listeners: their dead-letter log starts a goroutine
	// that lives for a second. Our mailboxes report messages that are left over.
	proto.EventStream = eventstream.NewEventStream()
	// Its registry of 1,024 times 32 maps would be two thirds of the objects of a small
	// program, and every garbage collection would mark them, so keep only a few.
	registry := proto.ProcessRegistry.LocalPIDs
	registry.LocalPIDs = slices.Clone(registry.LocalPIDs[:registryBuckets])
	return newSystem(proto, log)
}

func newSystem(proto *actor.ActorSystem, log *zap.Logger) *System {
	return &System{
		proto: proto,
		exec:  newExecutor(),
		log:   log,
		dials: supervisor.NewDialLimiter(supervisor.Config{Rate: DialsPerSecond, Burst: DialBurst}),
	}
}

// systemCheckEvery is how often a connection checks whether the user's actor system has
// been shut down: the actor library does not notify.
const systemCheckEvery = 100 * time.Millisecond

// Types of protoactor-go, the library underneath, under names for packages above, which do
// not import it.
type (
	// ProtoSystem is an actor system of the user's.
	ProtoSystem = actor.ActorSystem
	// ProtoPID is the address of an actor in it.
	ProtoPID = actor.PID
)

// Adopt puts connections into an actor system of the user's. Their actors stand
// below its root, under names that begin with "troupe", have supervisors and
// mailboxes of their own, and end with their connection. Nothing of the system is
// configured, and nothing ended; its logger gets what it logs of every actor. When
// it is shut down, its connections close with ErrSystemStopped. Nil is NewSystem.
func Adopt(system *ProtoSystem) *System {
	if system == nil {
		return NewSystem(nil)
	}
	s := newSystem(system, zap.NewNop())
	s.adopted = true
	return s
}

// Actors returns how many actors the system holds, including the few that always exist
// and those of an adopted system's owner. A connection adds some, and removes all of them
// when it is closed. A call reads hundreds of maps.
func (s *System) Actors() int {
	n := 0
	for _, bucket := range s.proto.ProcessRegistry.LocalPIDs.LocalPIDs {
		n += bucket.Count()
	}
	return n
}

// Interpose is for tests on a private system: it puts a function between the mailboxes
// and the actors of connections that are made from then on. between is called at each
// start and restart of an actor, with the actor's kind (link, reader, dispatcher); the
// function that it returns, if not nil, runs before each control message, on the actor's
// goroutine, and may panic, end the goroutine or wait in place of the actor. A nil
// between removes it. There is no cost unless Interpose was called.
func (s *System) Interpose(between func(kind string) (before func())) {
	if between == nil {
		s.interposed.Store(nil)
		return
	}
	s.interposed.Store(&between)
}

// interpose returns receive, preceded by the interposed function if there is one.
func (s *System) interpose(kind string, receive func(*Context, any)) func(*Context, any) {
	between := s.interposed.Load()
	if between == nil {
		return receive
	}
	before := (*between)(kind)
	if before == nil {
		return receive
	}
	return func(c *Context, m any) {
		before()
		receive(c, m)
	}
}

// stopped reports whether the actor system was shut down under us.
func (s *System) stopped() bool { return s.adopted && s.proto.IsStopped() }

// rootID is the name of a root in the actor library.
func (s *System) rootID(name string) string {
	if !s.adopted {
		return name
	}
	return "troupe" + s.proto.ProcessRegistry.NextId() + "-" + name
}

// loop is the goroutine of one dedicated actor. It lives from the actor's
// first message to its end.
type loop struct {
	wake    chan struct{} // capacity 1: a mailbox is queued at most once
	started bool          // guarded by the mailbox's idle -> queued transition
}

func newLoop() *loop { return &loop{wake: make(chan struct{}, 1)} }

// schedule wakes the goroutine, starting it at the first call. A mailbox calls
// it only when it turns from idle or running to queued, so never twice at once.
func (l *loop) schedule(m *mailbox) {
	if !l.started {
		l.started = true
		m.host.tree.taskBegan()
		go l.work(m)
	}
	l.wake <- struct{}{}
}

// work runs the mailbox until its actor has stopped. After a Goexit in the
// actor a new goroutine goes on.
func (l *loop) work(m *mailbox) {
	normal := false
	defer func() {
		if normal {
			m.host.tree.taskEnded()
			return
		}
		go l.work(m)
		m.reschedule()
	}()
	for !m.dead() {
		<-l.wake
		m.run()
	}
	normal = true
}
