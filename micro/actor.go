package micro

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/troupe-go/troupe/api"
)

// actor.go - the actors of a service and its endpoints. They show the state of both, which
// outlives them.
//
//	service ── spawns, for each endpoint on the list ──► endpoint
//	   ▲                                                    ▲
//	   └ look: the list has changed                         └ look: its state has changed

// look tells an actor that the state which it shows has changed.
type look struct{}

// nameBytesMax bounds the part of a service's name that is in the name of its actor.
const nameBytesMax = 64

// spec describes the actor of the service.
func (s *service) spec() api.Spec {
	name := s.config.Name
	return api.Spec{Group: "consumers", Name: name[:min(len(name), nameBytesMax)] + "-" + s.id, Progress: s.progress, New: func() api.Actor {
		return &supervising{service: s, children: map[*Endpoint]*api.ActorRef{}}
	}}
}

// progress counts the endpoints, and the requests of all of them.
func (s *service) progress() []api.Counter {
	endpoints := s.present()
	var requests, failures uint64
	for _, e := range endpoints {
		requests += e.counts.requests.Load()
		failures += e.counts.errors.Load()
	}
	return []api.Counter{{Name: "endpoints", Value: uint64(len(endpoints))}, {Name: "requests", Value: requests}, {Name: "errors", Value: failures}}
}

// supervising is one incarnation of the actor of a service.
type supervising struct {
	service  *service
	children map[*Endpoint]*api.ActorRef
}

// Started implements api.Starter.
func (a *supervising) Started(c *api.ActorContext) { a.look(c) }

// Receive implements api.Actor.
func (a *supervising) Receive(c *api.ActorContext, _ any) { a.look(c) }

// look spawns and stops actors, so that each endpoint on the list has one, and no other.
func (a *supervising) look(c *api.ActorContext) {
	state := stateServing
	if a.service.isStopping() {
		state = stateDraining
	}
	c.Become(state, api.Well, "")
	present := a.service.present()
	for e, ref := range a.children {
		if !slices.Contains(present, e) {
			delete(a.children, e)
			dismiss(ref)
		}
	}
	for _, e := range present {
		if a.children[e] == nil {
			a.spawn(c, e)
		}
	}
}

// spawn starts the actor of an endpoint under its name, with a number if an endpoint of another
// group has the same name. It starts none if the service's own actor is about to end.
func (a *supervising) spawn(c *api.ActorContext, e *Endpoint) {
	spec := e.spec()
	spec.Name = e.Name[:min(len(e.Name), nameBytesMax)]
	for n := 2; ; n++ {
		ref, err := c.Spawn(spec)
		if err == nil {
			a.children[e] = ref
			e.ref.Store(ref)
		}
		if !errors.Is(err, api.ErrActorExists) {
			return
		}
		spec.Name = e.Name[:min(len(e.Name), nameBytesMax)] + "~" + strconv.Itoa(n)
	}
}

// dismiss stops an actor and does not wait for it.
func dismiss(ref *api.ActorRef) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = ref.Stop(ctx)
}

// spec describes the actor of the endpoint, except for its name.
func (e *Endpoint) spec() api.Spec {
	return api.Spec{LinkChanges: true, Progress: e.progress, New: func() api.Actor { return showing{e} }}
}

// progress counts requests that reached a handler, errors, panics, requests that no handler got,
// those of them that got no answer, those that came after their deadline, and those in handlers
// now.
func (e *Endpoint) progress() []api.Counter {
	return []api.Counter{
		{Name: "requests", Value: e.counts.requests.Load()},
		{Name: "errors", Value: e.counts.errors.Load()},
		{Name: "panics", Value: e.counts.panics.Load()},
		{Name: "shed", Value: e.counts.shed.Load()},
		{Name: "untold", Value: e.counts.untold.Load()},
		{Name: "expired", Value: e.counts.expired.Load()},
		{Name: "in flight", Value: uint64(max(0, e.counts.inFlight.Load()))},
	}
}

// showing is one incarnation of the actor of an endpoint.
type showing struct{ endpoint *Endpoint }

// Started implements api.Starter.
func (a showing) Started(c *api.ActorContext) { a.show(c) }

// Receive implements api.Actor. It also answers the requests that no handler got.
func (a showing) Receive(c *api.ActorContext, m any) {
	if change, ok := m.(api.LinkChange); ok {
		a.endpoint.stands(func(s standing) standing {
			s.unlinked, s.draining = !change.Connected, s.draining || change.Draining
			return s
		})
	}
	a.show(c)
}

func (a showing) show(c *api.ActorContext) {
	c.Become(a.endpoint.standing().shown())
	a.endpoint.answerShed()
}

// stands changes the state of the endpoint.
func (e *Endpoint) stands(change func(standing) standing) {
	e.mu.Lock()
	e.state = change(e.state)
	e.mu.Unlock()
}

func (e *Endpoint) standing() standing {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// poke sends an actor a look, if there is one and it has none already.
func poke(ref *atomic.Pointer[api.ActorRef]) {
	if to := ref.Load(); to != nil {
		_ = to.Send(look{})
	}
}
