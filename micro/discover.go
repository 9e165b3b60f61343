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

// ErrBadResponse: what a service says of itself cannot be read. See DiscoveryError.
var ErrBadResponse error = kind.New("troupe: service answer cannot be read").In(kind.Protocol)

// DiscoveryError says which answers could not be used. The others are returned with it.
type DiscoveryError struct {
	Subject string // where it was asked
	Causes  []error
}

// Error says how many, and what is wrong with the first.
func (e *DiscoveryError) Error() string {
	return fmt.Sprintf("troupe: %d answers on %q: %s", len(e.Causes), e.Subject, plain(e.Causes[0]))
}

// Unwrap returns what is wrong with each: an ErrBadResponse or a *ServiceError.
func (e *DiscoveryError) Unwrap() []error { return e.Causes }

// Ping returns who is there, by name and id: the instance with that id, all of the service
// of that name if id is empty, all services if both are. Nobody is no error.
//
// It waits until no further answer has come for a while, see WithStall, or until ctx is done;
// without a deadline for Options.Timeout (2 s) of the connection at most. What has come until
// then is returned with any error. Errors: ErrInvalidName; ErrServiceNameRequired; a
// *DiscoveryError for answers that cannot be used; api.ErrTimeout when nothing came, and
// nobody said that nobody is there; those of RequestMany of the connection.
func (c *Client) Ping(ctx context.Context, name, id string) ([]Ping, error) {
	return gather(ctx, c, PingVerb, name, id, func(p *Ping) (ServiceIdentity, string, string) {
		return p.ServiceIdentity, p.Type, PingResponseType
	})
}

// Info returns what there is to be called. It is like Ping otherwise.
func (c *Client) Info(ctx context.Context, name, id string) ([]Info, error) {
	return gather(ctx, c, InfoVerb, name, id, func(i *Info) (ServiceIdentity, string, string) {
		return i.ServiceIdentity, i.Type, InfoResponseType
	})
}

// Stats returns the numbers of services. It is like Ping otherwise.
func (c *Client) Stats(ctx context.Context, name, id string) ([]Stats, error) {
	return gather(ctx, c, StatsVerb, name, id, statsBy)
}

func statsBy(s *Stats) (ServiceIdentity, string, string) {
	return s.ServiceIdentity, s.Type, StatsResponseType
}

// gather asks all who are meant, and reads what they say. look returns who has answered, and
// the type of the answer as it is and as it has to be.
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
	heard  func(*T) // is called with each answer as it comes
	all    []T
	seen   map[string]bool // by id
	bad    []error
}

// ask asks, and returns when no more answers come.
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
	if len(g.all) == 0 { // somebody is there, or there is no link
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
