package micro

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/troupe-go/troupe/api"
)

// load.go - requests to the instance that has the least to do.
//
//	STATS, each second ──► what each has in hand ─┐
//	requests of our own without an answer ────────┴─► the least ─► its direct subject

// DirectKey is the metadata of an endpoint that only its instance answers; the value is the
// name of the endpoint that all instances share. See WithEndpointDirect.
const DirectKey = "troupe.direct"

// directSuffix is behind the name of the endpoint that only its instance answers.
const directSuffix = "_direct"

// WithEndpointDirect makes a second endpoint with the same handler and the same options, that
// only this instance answers: its subject is that of the endpoint with the id of the instance
// behind it, its name has "_direct" behind it. Client.RequestLeastLoaded asks it. Limits and
// workers are those of each of the two: a handler of one request at a time may get one by either
// at the same time, and keeps by a lock what must not be done twice at once. A subject with
// wildcards is an ErrInvalidSubject.
func WithEndpointDirect() EndpointOpt {
	return func(o *endpointOpts) error {
		o.direct = true
		return nil
	}
}

const (
	// loadAge is how long what instances said of their load is good enough.
	loadAge = time.Second
	// loadMax bounds what is believed of one endpoint.
	loadMax = 1 << 30
	// fleetsMax bounds the endpoints whose instances are known. One that is forgotten is
	// found anew.
	fleetsMax = 1024
)

// loads knows instances by service and endpoint.
type loads struct {
	mu  sync.Mutex
	all map[Target]*fleet
}

// fleet are the instances of a service that answer an endpoint directly.
type fleet struct {
	mu        sync.Mutex
	instances map[string]*instance // by direct subject
	learned   time.Time            // when all had been asked
	looking   chan struct{}        // closed when they have been asked once more; nil while they are not
	more      chan struct{}        // closed when another is known
	failure   error                // why nobody could be asked the last time
}

// instance is one of them.
type instance struct {
	subject string
	said    int // that it had in hand
	ours    int // requests of ours without an answer
}

// of returns the fleet of an endpoint.
func (l *loads) of(to Target) *fleet {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[Target]*fleet{}
	}
	if l.all[to] != nil {
		return l.all[to]
	}
	for other := range l.all {
		if len(l.all) < fleetsMax {
			break
		}
		delete(l.all, other)
	}
	l.all[to] = &fleet{instances: map[string]*instance{}, more: make(chan struct{})}
	return l.all[to]
}

// Target is an endpoint of a service, by name.
type Target struct{ Service, Endpoint string }

// RequestLeastLoaded asks the instance of a service that has the least to do, by what it said
// last and by what this client waits for. While there are requests all are asked for that each
// second, in the background; a request waits only when nobody is known, for the first who has
// nothing to do, or else a tenth of WithStall. One that is gone, or that calls no handler, see
// RefusedHeader, is passed over. The endpoint is one with WithEndpointDirect; where no instance
// has it, which is known when WithStall is over, the error is ErrEndpointNotFound. Otherwise it
// is like Request.
func (c *Client) RequestLeastLoaded(ctx context.Context, to Target, data []byte, opts ...RequestOpt) (*api.Msg, error) {
	return c.RequestLeastLoadedMsg(ctx, to, &api.Msg{Data: data}, opts...)
}

// RequestLeastLoadedMsg is RequestLeastLoaded for a message with a header, which is left as it
// is. Its Subject and its Reply are ignored.
func (c *Client) RequestLeastLoadedMsg(ctx context.Context, to Target, m *api.Msg, opts ...RequestOpt) (*api.Msg, error) {
	switch {
	case ctx == nil:
		return nil, api.ErrInvalidContext
	case m == nil:
		return nil, api.ErrInvalidMsg
	}
	if err := errors.Join(checkName("service name", to.Service), checkName("endpoint name", to.Endpoint)); err != nil {
		return nil, err
	}
	f := c.loads.of(to)
	choice := c.choose(ctx, f, to)
	var last error
	for {
		subject, err := choice.next(ctx)
		switch {
		case last != nil && subject == "":
			return nil, last
		case err != nil:
			return nil, err
		}
		answer, err := c.RequestMsg(ctx, &api.Msg{Subject: subject, Header: m.Header, Data: m.Data}, opts...)
		f.end(subject, errors.Is(err, api.ErrNoResponders))
		if !undone(err) || ctx.Err() != nil {
			return answer, err
		}
		last = err
	}
}

// choice is how one request finds who to ask.
type choice struct {
	fleet   *fleet
	to      Target
	began   time.Time
	tried   map[string]bool  // by direct subject
	looking <-chan struct{}  // closed when all have been asked; nil if that is over
	settle  <-chan time.Time // until then only who has nothing to do is good enough; nil if that is over
}

// choose begins a choice, and asks all for their load if it is not known well enough.
func (c *Client) choose(ctx context.Context, f *fleet, to Target) *choice {
	known, looking := c.look(f, to)
	chosen := &choice{fleet: f, to: to, began: time.Now(), tried: map[string]bool{}, looking: looking}
	if !known {
		pause := c.stall / 10
		if at, ok := ctx.Deadline(); ok {
			pause = min(pause, time.Until(at)/4)
		}
		chosen.settle = time.After(pause)
	}
	return chosen
}

// next returns the subject of who is to be asked next, or why there is nobody.
func (c *choice) next(ctx context.Context) (string, error) {
	for {
		subject, more, failure := c.fleet.begin(c.tried, c.settle == nil)
		switch {
		case subject != "":
			c.tried[subject] = true
			return subject, nil
		case c.looking == nil && failure != nil:
			return "", failure
		case c.looking == nil:
			return "", fmt.Errorf("%w: %q of service %q, asked directly", ErrEndpointNotFound, c.to.Endpoint, c.to.Service)
		}
		select {
		case <-more:
		case <-c.settle:
			c.settle = nil
		case <-c.looking:
			c.looking, c.settle = nil, nil
		case <-ctx.Done():
			return "", c.interrupted(ctx)
		}
	}
}

// interrupted returns the error of a request that was not sent in time.
func (c *choice) interrupted(ctx context.Context) error {
	const op = "choosing who to request"
	elapsed, cause := time.Since(c.began), context.Cause(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &api.TimeoutError{Op: op, Subject: c.to.Endpoint, After: elapsed, Elapsed: elapsed, Cause: cause}
	}
	return &api.CanceledError{Op: op, Subject: c.to.Endpoint, Elapsed: elapsed, Cause: cause}
}

// look asks all instances for their load in the background, if that is not under way and what
// they said is too old. It reports whether any is known, and when it is over; nil for at once.
func (c *Client) look(f *fleet, to Target) (known bool, looking <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known = len(f.instances) > 0
	if f.looking == nil && (!known || time.Since(f.learned) >= loadAge) {
		over := make(chan struct{})
		f.looking = over
		go func() {
			defer close(over)
			c.survey(f, to)
		}()
	}
	return known, f.looking
}

// survey asks, and tells the fleet. It ends with the connection, and takes no longer than
// its Options.Timeout.
func (c *Client) survey(f *fleet, to Target) {
	ctx, cancel := context.WithTimeout(context.Background(), c.nc.Opts.Timeout)
	defer cancel()
	there := map[string]bool{}
	g := gathered[Stats]{client: c, verb: StatsVerb, look: statsBy, seen: map[string]bool{}}
	g.heard = func(s *Stats) {
		if subject := directSubject(s, to.Endpoint); subject != "" {
			there[subject] = true
			f.learn(subject, loadOf(s))
		}
	}
	err := g.ask(ctx, to.Service, "")
	if len(g.all) > 0 && errors.As(err, new(*DiscoveryError)) {
		err = nil
	}
	f.learnt(there, err)
}

// directSubject returns where the instance answers an endpoint alone; empty if it does not.
func directSubject(s *Stats, endpoint string) string {
	for _, e := range s.Endpoints {
		if e != nil && e.Name == endpoint+directSuffix && strings.HasSuffix(e.Subject, "."+s.ID) {
			return e.Subject
		}
	}
	return ""
}

// loadOf returns what an instance has in hand, in all of its endpoints.
func loadOf(s *Stats) (busy int) {
	for _, e := range s.Endpoints {
		if e == nil {
			continue
		}
		m := e.Metrics
		if m == nil {
			m = &Metrics{}
			_ = json.Unmarshal(e.Data, m) // which may be anything: then there is nothing to be known
		}
		busy += min(max(0, m.InFlight), loadMax) + min(max(0, m.Waiting), loadMax)
	}
	return busy
}

// learn takes over what an instance said. What we wait for is known better here.
func (f *fleet) learn(subject string, busy int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.instances[subject]
	if i == nil {
		i = &instance{subject: subject}
		f.instances[subject] = i
	}
	i.said = max(0, busy-i.ours) // they are in what it said
	close(f.more)
	f.more = make(chan struct{})
}

// learnt is told the end of it: who there is, unless it failed.
func (f *fleet) learnt(there map[string]bool, failure error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looking, f.failure = nil, failure
	if failure != nil {
		return
	}
	f.learned = time.Now()
	for subject := range f.instances {
		if !there[subject] {
			delete(f.instances, subject)
		}
	}
}

// begin chooses the instance with the least to do that was not tried, at random among
// equals, and counts a request. Unless any will do it has to have nothing to do. Empty for none:
// then more is closed when another is known, and failure is why it is not, if it failed.
func (f *fleet) begin(tried map[string]bool, any bool) (subject string, more <-chan struct{}, failure error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var best *instance
	equals := 0
	for subject, i := range f.instances {
		switch {
		case tried[subject]:
		case best == nil || i.load() < best.load():
			best, equals = i, 1
		case i.load() == best.load():
			if equals++; rand.IntN(equals) == 0 {
				best = i
			}
		}
	}
	if best == nil || !any && best.load() > 0 {
		return "", f.more, f.failure
	}
	best.ours++
	return best.subject, nil, nil
}

func (i *instance) load() int { return i.said + i.ours }

// end counts the end of a request; gone says that there is no such instance any more.
func (f *fleet) end(subject string, gone bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.instances[subject]
	if i == nil {
		return
	}
	i.ours = max(0, i.ours-1)
	if gone {
		delete(f.instances, subject)
	}
}
