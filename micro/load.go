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

// load.go - requests to the least loaded instance.
//
//	STATS, each second ──► load of each instance ─┐
//	requests of our own without an answer ────────┴─► the least ─► its direct subject

// DirectKey is the metadata key of an endpoint that only its instance answers; the value is the
// name of the endpoint that all instances share. See WithEndpointDirect.
const DirectKey = "troupe.direct"

// directSuffix ends the name of an endpoint that only its instance answers.
const directSuffix = "_direct"

// WithEndpointDirect adds a second endpoint with the same handler and options that only this
// instance answers, for Client.RequestLeastLoaded: its subject is that of the endpoint followed
// by the id of the instance, and its name ends in "_direct". Each of the two has its own limits
// and workers, so a handler of one request at a time may get one from each concurrently, and
// must lock what is not safe for that. Errors: ErrInvalidSubject for a subject with wildcards.
func WithEndpointDirect() EndpointOpt {
	return func(o *endpointOpts) error {
		o.direct = true
		return nil
	}
}

const (
	// loadAge is how long a reported load is used.
	loadAge = time.Second
	// loadMax bounds the load that is believed of one endpoint.
	loadMax = 1 << 30
	// fleetsMax bounds the endpoints whose instances are remembered. A forgotten one is
	// discovered again.
	fleetsMax = 1024
)

// loads has the known instances by service and endpoint.
type loads struct {
	mu  sync.Mutex
	all map[Target]*fleet
}

// fleet are the instances of a service that answer an endpoint directly.
type fleet struct {
	mu        sync.Mutex
	instances map[string]*instance // by direct subject
	learned   time.Time            // when the last survey was complete
	looking   chan struct{}        // closed when the current survey is over; nil without one
	more      chan struct{}        // closed when another instance is known
	failure   error                // why the last survey failed
}

// instance is one instance of a fleet.
type instance struct {
	subject string
	said    int // requests that it reported, except ours
	ours    int // our requests without an answer
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

// RequestLeastLoaded sends a request to the least loaded instance of a service, by the load that
// it last reported and by this client's own requests without an answer. While there are
// requests, all instances are asked for their load each second, in the background. A request
// waits only if no instance is known yet: for the first idle one, or else for a tenth of
// WithStall. An instance that is gone, or that refuses the request (see RefusedHeader), is
// skipped. The endpoint needs WithEndpointDirect; if no instance has it, which is known after
// WithStall, the error is ErrEndpointNotFound. Otherwise it is like Request.
func (c *Client) RequestLeastLoaded(ctx context.Context, to Target, data []byte, opts ...RequestOpt) (*api.Msg, error) {
	return c.RequestLeastLoadedMsg(ctx, to, &api.Msg{Data: data}, opts...)
}

// RequestLeastLoadedMsg is RequestLeastLoaded for a message with a header. m is not changed, and
// its Subject and Reply are ignored.
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

// choice is how one request finds an instance.
type choice struct {
	fleet   *fleet
	to      Target
	began   time.Time
	tried   map[string]bool // by direct subject
	looking <-chan struct{} // closed when the survey is over; nil if it is
	settle  time.Time       // until then only an idle instance will do
}

// choose begins a choice, and asks all instances for their load if what is known is too old.
func (c *Client) choose(ctx context.Context, f *fleet, to Target) *choice {
	known, looking := c.look(f, to)
	chosen := &choice{fleet: f, to: to, began: time.Now(), tried: map[string]bool{}, looking: looking}
	if !known {
		pause := c.stall / 10
		if at, ok := ctx.Deadline(); ok {
			pause = min(pause, time.Until(at)/4)
		}
		chosen.settle = chosen.began.Add(pause)
	}
	return chosen
}

// next returns the subject of the next instance, or why there is none.
func (c *choice) next(ctx context.Context) (string, error) {
	for {
		settles := time.Until(c.settle)
		subject, more, failure := c.fleet.begin(c.tried, settles <= 0)
		switch {
		case subject != "":
			c.tried[subject] = true
			return subject, nil
		case c.looking == nil && failure != nil:
			return "", failure
		case c.looking == nil:
			return "", fmt.Errorf("%w: %q of service %q, asked directly", ErrEndpointNotFound, c.to.Endpoint, c.to.Service)
		}
		if err := c.await(ctx, more, settles); err != nil {
			return "", err
		}
	}
}

// await waits for another instance, for the end of the survey, and for settles if that is
// positive.
func (c *choice) await(ctx context.Context, more <-chan struct{}, settles time.Duration) error {
	var settled <-chan time.Time
	if settles > 0 {
		timer := time.NewTimer(settles)
		defer timer.Stop()
		settled = timer.C
	}
	select {
	case <-more:
	case <-settled:
	case <-c.looking:
		c.looking, c.settle = nil, time.Time{}
	case <-ctx.Done():
		return c.interrupted(ctx)
	}
	return nil
}

// interrupted returns the error of a request that was not sent in time.
func (c *choice) interrupted(ctx context.Context) error {
	const op = "choosing an instance"
	elapsed, cause := time.Since(c.began), context.Cause(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &api.TimeoutError{Op: op, Subject: c.to.Endpoint, After: elapsed, Elapsed: elapsed, Cause: cause}
	}
	return &api.CanceledError{Op: op, Subject: c.to.Endpoint, Elapsed: elapsed, Cause: cause}
}

// look starts a survey in the background, unless one is under way or the loads are recent. It
// reports whether any instance is known, and returns a channel that is closed when the survey is
// over; nil if there is none.
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

// survey asks all instances for their load, and updates the fleet. It ends with the connection,
// and takes at most its Options.Timeout.
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

// directSubject returns the subject on which only the instance answers an endpoint; empty if
// there is none.
func directSubject(s *Stats, endpoint string) string {
	for _, e := range s.Endpoints {
		if e != nil && e.Name == endpoint+directSuffix && strings.HasSuffix(e.Subject, "."+s.ID) {
			return e.Subject
		}
	}
	return ""
}

// loadOf returns how many requests an instance has, in all of its endpoints.
func loadOf(s *Stats) (busy int) {
	for _, e := range s.Endpoints {
		if e == nil {
			continue
		}
		m := e.Metrics
		if m == nil {
			m = &Metrics{}
			_ = json.Unmarshal(e.Data, m) // the data may be anything: then the load is not known
		}
		busy += min(max(0, m.InFlight), loadMax) + min(max(0, m.Waiting), loadMax)
	}
	return busy
}

// learn takes the load that an instance reported, except our own requests, which are known
// exactly.
func (f *fleet) learn(subject string, busy int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.instances[subject]
	if i == nil {
		i = &instance{subject: subject}
		f.instances[subject] = i
	}
	i.said = max(0, busy-i.ours) // the report includes ours
	close(f.more)
	f.more = make(chan struct{})
}

// learnt takes the end of a survey: the instances that there are, unless it failed.
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

// begin chooses the least loaded instance that was not tried, at random among equals, and counts
// a request for it. Unless any is set, it must be idle. If there is none, subject is empty, more
// is closed when another instance is known, and failure is the error of the last survey, if any.
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

// end counts the end of a request; gone says that the instance no longer exists.
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
