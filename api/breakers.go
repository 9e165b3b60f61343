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

// breakers.go - the breakers of one purpose, one for each name, and the actors that show them.
//
//	connection-1
//	└── breakers
//	    └── services      running
//	        ├── price     open      5 failures in a row, the last: …
//	        └── stock     closed
//
// The breakers outlive the actors, whose end leaves them as they are: they are shown no more.
// A breaker shows each change itself, when it happens; its actor is where.

// breakersGroup is the node below which registries stand.
const breakersGroup = "breakers"

// DefaultBreakersMax is how many breakers a registry keeps unless BreakersConfig.Max says so.
const DefaultBreakersMax = 1024

// BreakersConfig describes a registry of breakers.
type BreakersConfig struct {
	// Name is the last element of its path in the tree, connection/breakers/Name; printable, without
	// spaces and slashes, and used once on the connection. Empty: a number is given.
	Name string
	// Policy is that of all its breakers.
	Policy BreakerPolicy
	// Max bounds the breakers that it keeps. For one more it forgets the one that has not been
	// asked for the longest, of those that are closed if there are any. Zero is DefaultBreakersMax.
	Max int
}

// Breakers is a registry: one Breaker for each name. Each is an actor in the tree of the
// connection, with its state, the reason, and counters; one that is not closed shows in Health,
// and each change is a StateChanged event with the reason as its Message. It lives as long as the
// connection; its breakers work on when that is drained or closed. It is safe for concurrent use.
type Breakers struct {
	policy BreakerPolicy
	max    int
	ref    *ActorRef

	mu      sync.Mutex
	all     map[string]*list.Element // of *Breaker, in used
	used    list.List                // most recently used first
	told    bool                     // a letter is on its way to the actor
	evicted atomic.Uint64
}

// NewBreakers makes a registry of circuit breakers, with none in it.
//
//	breakers, err := nc.NewBreakers(api.BreakersConfig{Name: "services"})
//	m, err := api.Guard(breakers.For("price"), func(ctx context.Context) (*api.Msg, error) {
//		return nc.RequestWithContext(ctx, "price", data)
//	})(ctx)
//
// Errors: ErrInvalidConnection; ErrInvalidArg for a bad name or bound; ErrBadPolicy;
// ErrActorExists for a name that is taken; ErrConnectionDraining; ErrConnectionClosed.
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

// For returns the breaker of a name, a new one if need be. A name is that of something that
// works or does not, such as the subject of a service; a subject with an id in it would have a breaker
// for each id, that never learns. Of a nil registry it is nil.
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

// evictLocked forgets a breaker. Who has it may go on using it.
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

// tellLocked has the actor look at what there is: one letter, however much has changed since
// it did. It is refused when the connection ends.
func (bs *Breakers) tellLocked() {
	if !bs.told {
		bs.told = bs.ref.Send(relisted{}) == nil
	}
}

// listed returns the breakers, the one that was made or used last at the end.
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
	due    bool // open, and calls are refused no more
}

func (s breakerStanding) show(c *ActorContext) { c.Become(s.state.String(), s.level(), s.reason) }

// level is how well a breaker in a state is.
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

// The letters.
type (
	// relisted says to the actor of a registry that there are other breakers in it.
	relisted struct{}

	// forgotten says to the actor of a breaker that it is in the registry no more.
	forgotten struct{}
)

// breakersActor shows a registry, and supervises the actors of its breakers.
type breakersActor struct {
	home  *Breakers
	shown map[*Breaker]*ActorRef
	twins uint64 // breakers whose name was taken
}

// Started shows what an incarnation before this one has shown.
func (a *breakersActor) Started(c *ActorContext) {
	c.Become("running", Well, "")
	a.onRelisted(c)
}

// Receive handles one letter.
func (a *breakersActor) Receive(c *ActorContext, m any) {
	switch m.(type) {
	case relisted:
		a.onRelisted(c)
	default:
		panic(fmt.Sprintf("breakers: unhandled message %T", m))
	}
}

// onRelisted has one actor for each breaker of the registry, and no other.
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
	if errors.Is(err, ErrActorExists) { // names that differ in what a node cannot show; or one that is just leaving
		a.twins++
		spec.Name += "~" + strconv.FormatUint(a.twins, 36)
		ref, err = c.Spawn(spec)
	}
	if err == nil { // else the connection ends
		a.shown[b] = ref
	}
}

// breakerActor shows one breaker.
type breakerActor struct{ b *Breaker }

// Started gives the breaker a place to show its state.
func (a *breakerActor) Started(c *ActorContext) { a.b.showIn(c) }

// Receive handles one letter, the only one that there is.
func (a *breakerActor) Receive(c *ActorContext, m any) {
	switch m.(type) {
	case forgotten:
		_ = c.Self().Stop(c.Context()) // itself: it is not waited for
	default:
		panic(fmt.Sprintf("breaker: unhandled message %T", m))
	}
}

// nodeNameMax leaves room for what tells twins apart.
const nodeNameMax = actorNameMax - 16

// nodeName makes the name of a breaker one that a node can have.
func nodeName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unnamable(r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	return strings.ToValidUTF8(name[:min(len(name), nodeNameMax)], "")
}
