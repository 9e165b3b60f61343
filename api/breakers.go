package api

import (
	"container/list"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// breakers.go - a registry of breakers, one for each name, and the actors that show them.
//
//	connection-1
//	└── breakers
//	    └── services      running
//	        ├── price     open      5 failures in a row, the last: …
//	        └── stock     closed
//
// The breakers outlive the actors: when those end, breakers work on but are no longer shown.
// A breaker shows each change itself, when it happens, as the state of its actor.

// breakersGroup is the node above all registries.
const breakersGroup = "breakers"

// DefaultBreakersMax is how many breakers a registry keeps unless BreakersConfig.Max says so.
const DefaultBreakersMax = 1024

// BreakersConfig describes a registry of breakers.
type BreakersConfig struct {
	// Name is the last element of the registry's path in the tree, connection/breakers/Name. It
	// is printable, without spaces and slashes, and unique on the connection. If it is empty, the
	// registry is numbered.
	Name string
	// Policy applies to all breakers of the registry.
	Policy BreakerPolicy
	// Max bounds the number of breakers. To make room for another one, the registry forgets the
	// least recently used breaker that is closed, or, if none is, the least recently used one.
	// Zero means DefaultBreakersMax.
	Max int
}

// Breakers is a registry with one Breaker for each name. Each breaker is an actor in the tree
// of the connection, with its state, the reason and counters. One that is not closed appears
// in Health, and each change is a StateChanged event with the reason as its Message. The
// registry lives as long as the connection; its breakers keep working when the connection is
// drained or closed. It is safe for concurrent use.
type Breakers struct {
	policy BreakerPolicy
	max    int
	ref    *ActorRef

	mu      sync.Mutex
	all     map[string]*list.Element // of *Breaker, in used
	used    list.List                // most recently used first
	told    bool                     // relisted is on its way to the actor
	evicted atomic.Uint64
}

// NewBreakers creates an empty registry of circuit breakers.
//
//	breakers, err := nc.NewBreakers(api.BreakersConfig{Name: "services"})
//	m, err := api.Guard(breakers.For("price"), func(ctx context.Context) (*api.Msg, error) {
//		return nc.RequestWithContext(ctx, "price", data)
//	})(ctx)
//
// Errors: ErrInvalidConnection; ErrInvalidArg for a bad name or bound; ErrBadPolicy;
// ErrActorExists if the name is taken; ErrConnectionDraining; ErrConnectionClosed.
func (nc *Conn) NewBreakers(c BreakersConfig) (*Breakers, error) {
	if err := c.Policy.Validate(); err != nil {
		return nil, badPolicy("BreakersConfig.Policy", err)
	}
	if c.Max < 0 {
		return nil, badArg("BreakersConfig.Max", "is negative")
	}
	if err := checkName("BreakersConfig.Name", c.Name); err != nil {
		return nil, err
	}
	bs := &Breakers{policy: c.Policy, max: c.Max, all: make(map[string]*list.Element)}
	setDefault(&bs.max, DefaultBreakersMax)
	ref, err := nc.Spawn(Spec{Name: c.Name, Group: breakersGroup, Progress: bs.progress, New: func() Actor {
		return &breakersActor{home: bs, shown: make(map[*Breaker]*ActorRef)}
	}})
	if err != nil {
		return nil, err
	}
	bs.ref = ref
	return bs, nil
}

// For returns the breaker with the given name, and creates it if necessary. A name stands for
// something that works or fails as a whole, such as the subject of a service. Do not use
// subjects that contain an ID: each ID would have a breaker of its own, which sees too few
// calls to open. A nil registry returns nil.
func (bs *Breakers) For(name string) *Breaker {
	if bs == nil {
		return nil
	}
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if at, known := bs.all[name]; known {
		bs.used.MoveToFront(at)
		return at.Value.(*Breaker)
	}
	if bs.used.Len() >= bs.max {
		bs.evictLocked()
	}
	b := newBreaker(name, bs.policy)
	bs.all[name] = bs.used.PushFront(b)
	bs.tellLocked()
	return b
}

// evictLocked forgets a breaker. Callers that hold it may continue to use it.
func (bs *Breakers) evictLocked() {
	victim := bs.used.Back()
	for at := victim; at != nil; at = at.Prev() {
		if at.Value.(*Breaker).State() == BreakerClosed {
			victim = at
			break
		}
	}
	b := bs.used.Remove(victim).(*Breaker)
	delete(bs.all, b.name)
	bs.evicted.Add(1)
}

// tellLocked has the actor read the list again: one message, however much has changed since it
// last did. The message is refused when the connection ends.
func (bs *Breakers) tellLocked() {
	if !bs.told {
		bs.told = bs.ref.Send(relisted{}) == nil
	}
}

// listed returns the breakers, the most recently created or used one last.
func (bs *Breakers) listed() (all []*Breaker) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.told = false
	for at := bs.used.Back(); at != nil; at = at.Prev() {
		all = append(all, at.Value.(*Breaker))
	}
	return all
}

func (bs *Breakers) progress() []Counter {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	return []Counter{
		{Name: "breakers", Value: uint64(bs.used.Len())},
		{Name: "evicted", Value: bs.evicted.Load()},
	}
}

// breakerStanding is what a breaker shows.
type breakerStanding struct {
	state  BreakerState
	reason string
	due    bool // open, but the next call is let through
}

func (s breakerStanding) show(c *ActorContext) { c.Become(s.state.String(), s.level(), s.reason) }

// level returns the level of the state for Health.
func (s breakerStanding) level() Level {
	switch {
	case s.state == BreakerOpen && !s.due:
		return Down
	case s.state == BreakerHalfOpen:
		return Degraded
	default:
		return Well
	}
}

// Messages to the actors.
type (
	// relisted tells the actor of a registry that its list of breakers has changed.
	relisted struct{}

	// forgotten tells the actor of a breaker that the registry has forgotten the breaker.
	forgotten struct{}
)

// breakersActor shows a registry, and supervises the actors of its breakers.
type breakersActor struct {
	home  *Breakers
	shown map[*Breaker]*ActorRef
	twins uint64 // breakers whose name was taken
}

// Started shows the breakers again after a restart.
func (a *breakersActor) Started(c *ActorContext) {
	c.Become("running", Well, "")
	a.onRelisted(c)
}

// Receive handles one message.
func (a *breakersActor) Receive(c *ActorContext, m any) {
	switch m.(type) {
	case relisted:
		a.onRelisted(c)
	default:
		panic(fmt.Sprintf("breakers: unhandled message %T", m))
	}
}

// onRelisted stops and starts actors so that each breaker of the registry has exactly one.
func (a *breakersActor) onRelisted(c *ActorContext) {
	all := a.home.listed()
	gone := maps.Clone(a.shown)
	for _, b := range all {
		delete(gone, b)
	}
	for b, ref := range gone {
		delete(a.shown, b)
		_ = ref.Send(forgotten{})
	}
	for _, b := range all {
		if a.shown[b] == nil {
			a.show(c, b)
		}
	}
}

// show gives a breaker an actor.
func (a *breakersActor) show(c *ActorContext, b *Breaker) {
	spec := Spec{Name: nodeName(b.name), New: func() Actor { return &breakerActor{b: b} }, Progress: b.progress}
	ref, err := c.Spawn(spec)
	if errors.Is(err, ErrActorExists) { // the names become the same node name, or the old actor is still stopping
		a.twins++
		spec.Name += "~" + strconv.FormatUint(a.twins, 36)
		ref, err = c.Spawn(spec)
	}
	if err == nil { // otherwise the connection is ending
		a.shown[b] = ref
	}
}

// breakerActor shows one breaker.
type breakerActor struct{ b *Breaker }

// Started gives the breaker a place to show its state.
func (a *breakerActor) Started(c *ActorContext) { a.b.showIn(c) }

// Receive handles one message; there is only one type.
func (a *breakerActor) Receive(c *ActorContext, m any) {
	switch m.(type) {
	case forgotten:
		_ = c.Self().Stop(c.Context()) // does not wait for itself
	default:
		panic(fmt.Sprintf("breaker: unhandled message %T", m))
	}
}

// nodeNameMax leaves room for the suffix that distinguishes twins.
const nodeNameMax = actorNameMax - 16

// nodeName turns the name of a breaker into one that a node can have.
func nodeName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unnamable(r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	return strings.ToValidUTF8(name[:min(len(name), nodeNameMax)], "")
}
