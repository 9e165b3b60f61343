package proof_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// coreOnly are the options of a server without streams.
func coreOnly(options natsserver.Options) faults.Option { return faults.ServerOptions(options) }

// kit runs f in a bubble with a real server without streams, a network, and faults.
func kit(t *testing.T, f func(b *faults.Env), options ...faults.Option) {
	t.Helper()
	faults.Bubble(t, f, append([]faults.Option{coreOnly(natsserver.Options{})}, options...)...)
}

// enter connects to server "s1" under a name, until the test ends.
func enter(b *faults.Env, client string, options ...api.Option) *api.Conn {
	b.T.Helper()
	nc, err := api.Connect(b.URL("s1"), entry(b, client, options...)...)
	must.Do(b.T, err)
	b.T.Cleanup(nc.Close)
	return nc
}

// entry are the options to connect with: quick and tireless, unless others say otherwise.
func entry(b *faults.Env, client string, options ...api.Option) []api.Option {
	return append([]api.Option{api.System(b.System), api.SetCustomDialer(b.Dialer(client)),
		api.MaxReconnects(-1), api.ReconnectWait(100 * time.Millisecond), api.ReconnectJitter(0, 0)}, options...)
}

// settled lets a while pass, and checks that the connection works then. G8.
func settled(t *testing.T, nc *api.Conn, d time.Duration) {
	t.Helper()
	time.Sleep(d)
	must.Do(t, nc.FlushTimeout(time.Second))
	synctest.Wait()
}

// notes are what callbacks and handlers leave for the test.
type notes[T any] struct {
	mu  sync.Mutex
	all []T
}

func (n *notes[T]) add(v T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, v)
}

// read returns them, in their order.
func (n *notes[T]) read() []T {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.all)
}

// troubles records what the error handler gets.
func troubles() (*notes[error], api.Option) {
	n := &notes[error]{}
	return n, api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { n.add(err) })
}

// texts is a handler that notes the data of each message.
func texts(n *notes[string]) api.MsgHandler { return func(m *api.Msg) { n.add(string(m.Data)) } }

// numbers returns the texts of 1 to n.
func numbers(n int) (all []string) {
	for i := range n {
		all = append(all, numeral(i+1))
	}
	return all
}

// doing is an actor.
func doing(f func(c *api.ActorContext, m any)) api.Spec {
	return api.Spec{New: func() api.Actor { return api.ActorFunc(f) }}
}

// node finds the first node of a kind below n.
func node(n api.Node, kind string) (api.Node, bool) {
	if n.Kind == kind {
		return n, true
	}
	for _, child := range n.Children {
		if found, ok := node(child, kind); ok {
			return found, true
		}
	}
	return api.Node{}, false
}

// unfinished returns the report inside an error of a Close or a Drain that was late.
func unfinished(t *testing.T, err error) api.Report {
	t.Helper()
	var drain *api.DrainTimeoutError
	var end *api.CloseTimeoutError
	switch {
	case errors.As(err, &drain):
		return drain.Report
	case errors.As(err, &end):
		return end.Report
	}
	t.Fatalf("%v is no report", err)
	return api.Report{}
}

// names reports whether one of the paths holds the text.
func names(paths []string, text string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return strings.Contains(p, text) })
}

// subjectsAt returns the subjects of all subscriptions that clients have at a server, sorted.
func subjectsAt(t *testing.T, s *natsserver.Server) (subjects []string) {
	t.Helper()
	conns := must.Get(s.Server().Connz(&server.ConnzOptions{Subscriptions: true, Limit: 10_000}))(t)
	for _, c := range conns.Conns {
		subjects = append(subjects, c.Subs...)
	}
	slices.Sort(subjects)
	return subjects
}

// numeral is the text of a number.
func numeral(n int) string { return strconv.Itoa(n) }
