package api

import (
	"go.uber.org/zap"

	"github.com/troupe-go/troupe/actors"
)

// ActorSystem runs the actors of connections and limits how fast they dial together. Most
// programs need none: without the option System every connection is in the process-wide
// system. It is made by NewActorSystem or AdoptActorSystem, takes about 3 MiB, and has no
// goroutines while no connection is open. It needs no closing. It is safe for concurrent use.
type ActorSystem = actors.System

// ProtoActorSystem is an ActorSystem of github.com/asynkron/protoactor-go/actor, the library
// that runs the actors.
type ProtoActorSystem = actors.ProtoSystem

// ProtoPID is a PID of that library: the address of an actor.
type ProtoPID = actors.ProtoPID

// NewActorSystem creates an actor system that is independent of the process-wide one. A test
// in a testing/synctest bubble needs its own, so that the goroutines of its connections belong
// to the bubble. log receives the events of all actors at debug level; nil logs nothing.
func NewActorSystem(log *zap.Logger) *ActorSystem { return actors.NewSystem(log) }

// AdoptActorSystem uses an actor system that the program already runs. Connections add actors
// below its root, under names that begin with "troupe", and remove them when they close. They
// do not configure the system or shut it down; its logger receives what protoactor logs about
// their actors. When the program shuts it down, its connections close with ErrSystemStopped.
// Nil creates a new system, as NewActorSystem does.
func AdoptActorSystem(system *ProtoActorSystem) *ActorSystem { return actors.Adopt(system) }

// PIDRef returns a reference to a local actor of the program's own actor system, for
// Conn.SubscribeActor and Send. The actor's own mailbox holds what waits; nothing else bounds
// it. When the actor or its system has ended, Send returns an ErrActorStopped, and a
// subscription ends with that error at its next message. If an argument is nil, the reference
// is to an actor that has stopped.
func PIDRef(system *ProtoActorSystem, pid *ProtoPID) *ActorRef { return actors.PIDRef(system, pid) }

// System runs the connection's actors in the given system. Default, also for nil: the
// process-wide one.
func System(system *ActorSystem) Option { return set(func(o *Options) { o.ActorSystem = system }) }
