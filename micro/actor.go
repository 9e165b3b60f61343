package micro

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/troupe-go/troupe/api"
)

// actor.go - the actors of a service and its endpoints. They show what there is; what they
// show outlives them.
//
//	service ── spawns, for each endpoint on the list ──► endpoint
//	   ▲                                                    ▲
//	   └ look: the list is another                          └ look: it stands otherwise

// look asks an actor to look at what it shows.
type look struct{}

// nameBytesMax bounds what of the name of a service is in the name of its actor.
const nameBytesMax = 64

// spec describes the actor of the service.
func (s *service) spec() api.Spec {
	name := s.config.Name
	return api.Spec{Group: "consumers", Name: name[:min(len(name), nameBytesMax)] + "-" + s.id, Progress: s.progress, New: func() api.Actor {
		return &supervising{service: s, children: map[*Endpoint]*api.ActorRef{}}
	}}
}

// progress counts endpoints, and the requests of all of them.
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

// look has an actor for each endpoint on the list, and for no other.
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

// spawn starts the actor of an endpoint under its name, or that with a number if there is
// another in another group. There is none when the service's own is about to end.
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

// spec describes the actor of the endpoint, but for its name.
func (e *Endpoint) spec() api.Spec {
	return api.Spec{LinkChanges: true, Progress: e.progress, New: func() api.Actor { return showing{e} }}
}

// progress counts requests that came to a handler, errors, panics, those that no handler got,
// that were not told of it, or that were too late, and what is in handlers now.
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

// Receive implements api.Actor. It comes here also for requesters that are to be told.
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

// stands changes how the endpoint stands.
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

// poke has an actor look, if there is one and it does not have to anyway.
func poke(ref *atomic.Pointer[api.ActorRef]) {
	if to := ref.Load(); to != nil {
		_ = to.Send(look{})
	}
}
