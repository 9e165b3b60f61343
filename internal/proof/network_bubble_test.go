package proof_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/wire"
	"github.com/troupe-go/troupe/internal/must"
)

// What the rows of the network have in common: a client on a line with faults, a second one on a
// line without, and a history that judges the outcome of every message.

// inject gives the line from a client to server "s1" a rule.
func inject(b *faults.Env, client, rule string) *wire.Injection {
	b.T.Helper()
	i, err := b.Link(client, "s1").Inject(rule)
	must.Do(b.T, err)
	return i
}

// typed reports whether an error is one that the client documents: it has a category.
func typed(err error) bool {
	c := api.CategoryOf(err)
	return c != api.CategoryNone && c != api.CategoryUnknown && c != api.CategoryInternal
}

// took checks how much virtual time f took.
func took(t testing.TB, want time.Duration, what string, f func()) {
	t.Helper()
	began := time.Now()
	f()
	if d := time.Since(began); d != want {
		t.Errorf("%s took %v, want %v", what, d, want)
	}
}

// serverView returns what a server knows of the subscriptions of a client, by its name.
// The one for replies to requests is left out.
func serverView(t testing.TB, s *natsserver.Server, name string) []check.Interest {
	t.Helper()
	all := []check.Interest{}
	list := must.Get(s.Server().Connz(&server.ConnzOptions{Subscriptions: true, SubscriptionsDetail: true, State: server.ConnOpen}))(t)
	for _, c := range list.Conns {
		for _, sub := range c.SubsDetail {
			if c.Name == name && sub.Queue+sub.Subject != "" && !isInbox(sub.Subject) {
				all = append(all, check.Interest{Subject: sub.Subject, Queue: sub.Queue, Max: int(sub.Max)})
			}
		}
	}
	slices.SortFunc(all, func(a, b check.Interest) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Queue, b.Queue))
	})
	return all
}

func isInbox(subject string) bool { return len(subject) > 7 && subject[:7] == "_INBOX." }

// sight is a client on a line without faults, which sees all that a server hands on.
type sight struct{ nc *api.Conn }

func watching(b *faults.Env) *sight { return &sight{nc: enter(b, "witness", api.Name("witness"))} }

// trip is one client's life on a line with faults, and what is written down of it. Each
// has subjects of its own.
type trip struct {
	b       *faults.Env
	sight   *sight
	name    string // of the client, and of its subjects
	link    *wire.Link
	history *check.History
	shop    *check.Publisher
	witness *check.Witness
	nc      *api.Conn
	events  *tape
	gone    []error             // of calls
	kept    []*api.Subscription // of the sight
	few     atomic.Int32        // messages that went astray to the subscription for 40
}

// depart begins a trip. Its client is not connected yet.
func depart(b *faults.Env, s *sight, name string, options check.Options) *trip {
	b.T.Helper()
	options.Typed = typed
	tr := &trip{b: b, sight: s, name: name, link: b.Link("c", "s1"), history: check.New(time.Now, options), events: newTape()}
	tr.shop = tr.history.Publisher("shop", name+".orders")
	tr.witness = tr.history.Witness("server", name+".orders")
	tr.kept = append(tr.kept, must.Get(s.nc.Subscribe(name+".orders", func(m *api.Msg) { tr.witness.Saw(m.Data, 0) }))(b.T))
	tr.kept = append(tr.kept, must.Get(s.nc.Subscribe(name+".ask", func(m *api.Msg) { _ = m.Respond(m.Data) }))(b.T))
	must.Do(b.T, s.nc.Flush())
	// A new connection takes a while, so that the server has dealt with what is left of
	// the one before it: between two connections no order is promised.
	inject(b, "c", "latency(1ms)")
	return tr
}

// connect connects.
func (tr *trip) connect(options ...api.Option) error {
	tr.b.T.Helper()
	call := tr.history.Begin(check.Connect, "c", 0)
	nc, err := api.Connect(tr.b.URL("s1"), append(entry(tr.b, "c", api.Name(tr.name), tr.events.option()), options...)...)
	call.End(err)
	tr.nc = nc
	return err
}

// subscribe makes the subscriptions of the trip: a plain one, which is judged, one in a
// queue group, and one that ends after some messages.
func (tr *trip) subscribe() {
	tr.b.T.Helper()
	got := tr.history.Subscription("till", tr.name+".orders", check.AtMostOnce)
	got.Active()
	must.Get(tr.nc.Subscribe(tr.name+".orders", func(m *api.Msg) { got.Delivered(m.Data) }))(tr.b.T)
	must.Get(tr.nc.QueueSubscribe(tr.name+".jobs", "workers", func(m *api.Msg) { _ = m.Respond(m.Data) }))(tr.b.T)
	few := must.Get(tr.nc.Subscribe(tr.name+".few", func(*api.Msg) { tr.few.Add(1) }))(tr.b.T)
	must.Do(tr.b.T, few.AutoUnsubscribe(40))
}

// desired is what subscribe wants the server to know.
func (tr *trip) desired() []check.Interest {
	return []check.Interest{{Subject: tr.name + ".few", Max: 40 - int(tr.few.Load())}, {Subject: tr.name + ".jobs", Queue: "workers"}, {Subject: tr.name + ".orders"}}
}

// publish publishes n values.
func (tr *trip) publish(n int) {
	for range n {
		o := tr.shop.Publish(0)
		if err := tr.nc.Publish(tr.name+".orders", o.Payload(16)); err != nil {
			o.Rejected(err)
			continue
		}
		o.Accepted()
	}
}

// flush asks the server to confirm what was published.
func (tr *trip) flush(timeout time.Duration) error {
	f, call := tr.shop.Flush(), tr.history.Begin(check.Sync, "c", timeout)
	err := tr.nc.FlushTimeout(timeout)
	call.End(err)
	if err != nil {
		f.Unknown(err)
		tr.gone = append(tr.gone, err)
		return err
	}
	f.Confirmed()
	return nil
}

// request asks for an answer, of which there is one at most.
func (tr *trip) request(timeout time.Duration) error {
	call := tr.history.Begin(check.Request, "c", timeout)
	_, err := tr.nc.Request(tr.name+".ask", []byte("job"), timeout)
	call.End(err)
	if err != nil {
		tr.gone = append(tr.gone, err)
	}
	return err
}

// arrive ends a trip: the line is healed, the client has its subscriptions on the
// server, none doubled and none forgotten, messages pass, and the guarantees have held.
func (tr *trip) arrive(what string, guarantees ...check.Guarantee) {
	t := tr.b.T
	t.Helper()
	tr.link.Clear()
	tr.history.Healed()
	time.Sleep(2 * time.Second)
	if err := tr.flush(time.Second); err != nil {
		t.Errorf("%s: after the line was healed: %v", what, err)
	}
	tr.history.Interest("c", tr.desired(), serverView(t, tr.b.Server, tr.name))
	tr.publish(1)
	if err := tr.flush(time.Second); err != nil {
		t.Errorf("%s: after the line was healed: %v", what, err)
	}
	must.Do(t, tr.sight.nc.Flush())
	synctest.Wait()
	tr.uncertain()
	end := tr.history.Begin(check.Close, "c", 2*time.Second)
	tr.leave()
	end.End(nil)
	if len(tr.gone) > 0 || len(tr.events.of(api.LinkLost)) > 0 {
		guarantees = append(guarantees, check.G11)
	}
	if err := tr.history.Validate(append(guarantees, check.G5, check.G8, check.G13)...); err != nil {
		t.Errorf("%s: %v\n%v\n%v", what, err, tr.history.Report(), tr.events.events)
	}
}

// uncertain writes down what the client says that may have been lost.
func (tr *trip) uncertain() {
	n := 0
	for _, e := range tr.events.of(api.PublishUncertain) {
		n += int(e.Count)
	}
	tr.shop.Uncertain(n)
	for _, e := range tr.events.of(api.LinkLost) {
		tr.history.Failed("link lost", e.Cause)
	}
}

// core are the guarantees about messages that hold in core NATS whatever a line does to
// a connection, as long as it does not change bytes.
func core() []check.Guarantee { return []check.Guarantee{check.G2, check.G3, check.G4, check.G6} }

// leave ends what a trip has, without a verdict.
func (tr *trip) leave() {
	tr.link.Clear()
	if tr.nc != nil {
		tr.nc.Close()
	}
	for _, sub := range tr.kept {
		must.Do(tr.b.T, sub.Unsubscribe())
	}
}

// label is the name of the i-th trip.
func label(kind string, i int) string { return fmt.Sprintf("%s-%d", kind, i) }

// withTimeout is a context that ends after d.
func withTimeout(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

// judge checks that no guarantee was broken. One that there is nothing to tell of holds.
func judge(t testing.TB, h *check.History, what string, guarantees ...check.Guarantee) {
	t.Helper()
	for _, g := range guarantees {
		if err := h.Validate(g); err != nil && !errors.Is(err, check.ErrVoid) {
			t.Errorf("%s: %v\n%v", what, err, h.Report())
		}
	}
}
