package micro

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// ErrBadResponse: the answer of a service to PING, INFO or STATS cannot be read. See
// DiscoveryError.
var ErrBadResponse error = kind.New("troupe: service answer cannot be read").In(kind.Protocol)

// DiscoveryError says which answers could not be used. The call returns the others as well.
type DiscoveryError struct {
	Subject string // of the request
	Causes  []error
}

// Error says how many there are, and what is wrong with the first.
func (e *DiscoveryError) Error() string {
	return fmt.Sprintf("troupe: unusable answers on %q: %d, the first: %s", e.Subject, len(e.Causes), plain(e.Causes[0]))
}

// Unwrap returns the error of each answer: an ErrBadResponse or a *ServiceError.
func (e *DiscoveryError) Unwrap() []error { return e.Causes }

// Ping returns the instances that answer, sorted by name and id: the one with that id; all of
// the service with that name if id is empty; those of all services if both are. That there are
// none is not an error.
//
// It waits until no further answer has come for the time of WithStall, or until ctx is done; if
// ctx has no deadline, at most Options.Timeout (2 s) of the connection. The answers that came
// are returned even with an error. Errors: ErrInvalidName; ErrServiceNameRequired; a
// *DiscoveryError for answers that cannot be used; api.ErrTimeout if no answer came, and no
// reply that there are no responders; those of the connection's RequestMany.
func (c *Client) Ping(ctx context.Context, name, id string) ([]Ping, error) {
	return gather(ctx, c, PingVerb, name, id, func(p *Ping) (ServiceIdentity, string, string) {
		return p.ServiceIdentity, p.Type, PingResponseType
	})
}

// Info returns the endpoints of the instances. Otherwise it is like Ping.
func (c *Client) Info(ctx context.Context, name, id string) ([]Info, error) {
	return gather(ctx, c, InfoVerb, name, id, func(i *Info) (ServiceIdentity, string, string) {
		return i.ServiceIdentity, i.Type, InfoResponseType
	})
}

// Stats returns the statistics of the instances. Otherwise it is like Ping.
func (c *Client) Stats(ctx context.Context, name, id string) ([]Stats, error) {
	return gather(ctx, c, StatsVerb, name, id, statsBy)
}

func statsBy(s *Stats) (ServiceIdentity, string, string) {
	return s.ServiceIdentity, s.Type, StatsResponseType
}

// gather asks the instances that are meant, and reads their answers. look returns which instance
// answered, and the actual and the required type of the answer.
//
//style:allow params the parts of one question, and how to read its answers
func gather[T any](ctx context.Context, c *Client, verb Verb, name, id string, look func(*T) (ServiceIdentity, string, string)) ([]T, error) {
	g := gathered[T]{client: c, verb: verb, look: look, heard: func(*T) {}, seen: map[string]bool{}}
	err := g.ask(ctx, name, id)
	return g.sorted(), err
}

// gathered collects answers, one from each instance.
type gathered[T any] struct {
	client *Client
	verb   Verb
	look   func(*T) (ServiceIdentity, string, string)
	heard  func(*T) // called with each answer as it comes
	all    []T
	seen   map[string]bool // by id
	bad    []error
}

// ask sends the request, and returns when no more answers come.
func (g *gathered[T]) ask(ctx context.Context, name, id string) error {
	subject, err := controlSubject(g.client.prefix, g.verb, name, id)
	if err != nil {
		return err
	}
	options := []api.RequestManyOption{api.RequestManyStall(g.client.stall)}
	if id != "" {
		options = append(options, api.RequestManyMaxMessages(1))
	}
	began := time.Now()
	for m, err := range g.client.nc.RequestMany(ctx, subject, nil, options...) {
		if errors.Is(err, api.ErrNoResponders) {
			return nil
		}
		if err != nil {
			return err
		}
		g.add(m, subject)
	}
	if len(g.bad) > 0 {
		return &DiscoveryError{Subject: subject, Causes: g.bad}
	}
	if len(g.all) == 0 { // there are responders, or there is no link
		elapsed := time.Since(began)
		return &api.TimeoutError{Op: g.verb.String(), Subject: subject, After: elapsed, Elapsed: elapsed, Sent: true}
	}
	return nil
}

// add reads an answer.
func (g *gathered[T]) add(m *api.Msg, subject string) {
	if se := serviceErrorOf(m, subject); se != nil {
		g.bad = append(g.bad, se)
		return
	}
	var v T
	if err := json.Unmarshal(m.Data, &v); err != nil {
		g.bad = append(g.bad, fmt.Errorf("%w: %w", ErrBadResponse, err))
		return
	}
	who, typ, want := g.look(&v)
	if typ != want || who.ID == "" || who.Name == "" {
		g.bad = append(g.bad, fmt.Errorf("%w: name %q, id %q, type %q", ErrBadResponse, who.Name, who.ID, typ))
		return
	}
	if !g.seen[who.ID] {
		g.seen[who.ID] = true
		g.all = append(g.all, v)
		g.heard(&v)
	}
}

// sorted returns the answers by name and id.
func (g *gathered[T]) sorted() []T {
	slices.SortFunc(g.all, func(a, b T) int {
		left, _, _ := g.look(&a)
		right, _, _ := g.look(&b)
		return cmp.Or(strings.Compare(left.Name, right.Name), strings.Compare(left.ID, right.ID))
	})
	return g.all
}
