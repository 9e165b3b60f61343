package micro

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/troupe-go/troupe/api"
)

// load.go - requests to the instance that has the least to do.
//
//	STATS, once a while ─► what each has in hand ─┐
//	requests of our own without an answer ────────┴─► the least ─► its direct subject

// DirectKey is the metadata of an endpoint that only its instance answers; the value is the
// name of the endpoint that all instances share. See WithEndpointDirect.
const DirectKey = "troupe.direct"

// directSuffix is behind the name of the endpoint that only its instance answers.
const directSuffix = "_direct"

// WithEndpointDirect makes a second endpoint with the same handler and the same options, that
// only this instance answers: its subject is that of the endpoint with the id of the instance
// behind it, its name has "_direct" behind it. Client.RequestLeastLoaded asks it. A subject
// with wildcards is an ErrInvalidSubject.
func WithEndpointDirect() EndpointOpt {
	return func(o *endpointOpts) error {
		o.direct = true
		return nil
	}
}

// loadAge is how long what instances said of their load is of use.
const loadAge = time.Second

// loads knows instances by service and endpoint.
type loads struct {
	mu  sync.Mutex
	all map[Target]*fleet
}

// fleet are the instances of a service that answer an endpoint directly.
type fleet struct {
	asking sync.Mutex // held by who refreshes

	mu        sync.Mutex
	asked     time.Time
	instances map[string]*instance // by direct subject
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
	if l.all[to] == nil {
		l.all[to] = &fleet{instances: map[string]*instance{}}
	}
	return l.all[to]
}

// Target is an endpoint of a service, by name.
type Target struct{ Service, Endpoint string }

// RequestLeastLoaded asks the instance of a service that has the least to do, by what it said
// within the last second and by what this client waits for. One that is gone, or that calls no
// handler, see RefusedHeader, is passed over. The endpoint is one with WithEndpointDirect; where no instance
// has it, the error is ErrEndpointNotFound. Otherwise it is like Request.
func (c *Client) RequestLeastLoaded(ctx context.Context, to Target, data []byte, opts ...RequestOpt) (*api.Msg, error) {
	if ctx == nil {
		return nil, api.ErrInvalidContext
	}
	if err := errors.Join(checkName("service name", to.Service), checkName("endpoint name", to.Endpoint)); err != nil {
		return nil, err
	}
	f := c.loads.of(to)
	if err := c.refresh(ctx, f, to); err != nil {
		return nil, err
	}
	var last error = fmt.Errorf("%w: %q of service %q, asked directly", ErrEndpointNotFound, to.Endpoint, to.Service)
	for tried := map[string]bool{}; ; {
		subject := f.begin(tried)
		if subject == "" {
			return nil, last
		}
		tried[subject] = true
		answer, err := c.Request(ctx, subject, data, opts...)
		f.end(subject, errors.Is(err, api.ErrNoResponders))
		if !undone(err) || ctx.Err() != nil {
			return answer, err
		}
		last = err
	}
}

// refresh asks instances for their load if it is not known well enough. Others wait only if
// there is none that is known.
func (c *Client) refresh(ctx context.Context, f *fleet, to Target) error {
	known, fresh := f.state(time.Now())
	if fresh {
		return nil
	}
	if known && !f.asking.TryLock() {
		return nil
	}
	if !known {
		f.asking.Lock()
	}
	defer f.asking.Unlock()
	if _, fresh := f.state(time.Now()); fresh {
		return nil
	}
	infos, err := c.Info(ctx, to.Service, "")
	if len(infos) == 0 && err != nil {
		return err
	}
	stats, err := c.Stats(ctx, to.Service, "")
	if len(stats) == 0 && err != nil {
		return err
	}
	f.learn(directSubjects(infos, to.Endpoint), loadsOf(stats), time.Now())
	return nil
}

// directSubjects returns those of an endpoint, by id.
func directSubjects(infos []Info, endpoint string) map[string]string {
	subjects := map[string]string{}
	for _, info := range infos {
		for _, e := range info.Endpoints {
			if e.Metadata[DirectKey] == endpoint {
				subjects[info.ID] = e.Subject
			}
		}
	}
	return subjects
}

// loadsOf returns what instances have in hand, by id: in all of their endpoints.
func loadsOf(stats []Stats) map[string]int {
	busy := map[string]int{}
	for _, s := range stats {
		for _, e := range s.Endpoints {
			var m Metrics
			if e != nil && json.Unmarshal(e.Data, &m) == nil {
				busy[s.ID] += max(0, m.InFlight) + max(0, m.Waiting)
			}
		}
	}
	return busy
}

// state reports whether instances are known, and whether that is fresh.
func (f *fleet) state(now time.Time) (known, fresh bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known = len(f.instances) > 0
	return known, known && now.Sub(f.asked) < loadAge
}

// learn takes over who there is, and what they said. What we wait for is known better here.
func (f *fleet) learn(subjects map[string]string, busy map[string]int, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.instances
	f.asked, f.instances = now, map[string]*instance{}
	for id, subject := range subjects {
		i := &instance{subject: subject, said: busy[id]}
		if known := before[subject]; known != nil {
			i.ours = known.ours
			i.said = max(0, i.said-known.ours) // they are in what it said
		}
		f.instances[subject] = i
	}
}

// begin chooses the instance with the least to do that was not tried, at random among
// equals, and counts a request; empty for none.
func (f *fleet) begin(tried map[string]bool) string {
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
	if best == nil {
		return ""
	}
	best.ours++
	return best.subject
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
