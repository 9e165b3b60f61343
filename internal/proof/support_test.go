package proof_test

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

func TestMain(m *testing.M) {
	natsserver.Child()
	clock := goleak.IgnoreAnyFunction(natsserver.StoreClock)
	goleak.VerifyTestMain(must.Settled(m, func() error { return goleak.Find(clock) }), clock)
}

// patience is how long a test waits for what has to happen; in a bubble it is virtual.
const patience = 30 * time.Second

// kinds checks that err is of each kind.
func kinds(t testing.TB, err error, want ...error) {
	t.Helper()
	for _, kind := range want {
		if !errors.Is(err, kind) {
			t.Errorf("%v is no %v", err, kind)
		}
	}
}

// as returns the error with data in err, and ends the test if there is none.
func as[T error](t testing.TB, err error) T {
	t.Helper()
	var found T
	if !errors.As(err, &found) {
		t.Fatalf("%v (%T) holds no %T", err, err, found)
	}
	return found
}

// provider is a server that clients come to through memory: real, or fake.
type provider interface {
	InProcessConn() (net.Conn, error)
}

// join connects to a server through memory, with an actor system of its own, until the
// test ends.
func join(t testing.TB, p provider, options ...api.Option) *api.Conn {
	t.Helper()
	return joinWith(t, p, append(options, system())...)
}

// joinWith is join with the actor system that is among the options.
func joinWith(t testing.TB, p provider, options ...api.Option) *api.Conn {
	t.Helper()
	nc, err := api.Connect("", append(options, api.InProcessServer(p))...)
	must.Do(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// observed is join with a tape of the connection's events.
func observed(t testing.TB, p provider) (*api.Conn, *tape) {
	t.Helper()
	events := newTape()
	return join(t, p, events.option()), events
}

// receives checks what a subscription gets next.
func receives(t testing.TB, sub *api.Subscription, want ...string) {
	t.Helper()
	for _, data := range want {
		if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != data {
			t.Errorf("got %q, want %q", m.Data, data)
		}
	}
}

// system is an actor system for one connection, as a bubble needs it.
func system() api.Option { return api.System(actors.NewSystem(nil)) }

// tape records the events of a connection. Give its option to Connect.
type tape struct {
	mu     sync.Mutex
	events []api.Event
	change chan struct{} // closed and replaced at each event
}

func newTape() *tape { return &tape{change: make(chan struct{})} }

func (r *tape) option() api.Option { return api.OnEvent(r.add) }

func (r *tape) add(e api.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	close(r.change)
	r.change = make(chan struct{})
}

// all returns the events of a kind, and the channel that the next event closes.
func (r *tape) all(kind api.EventKind) (found []api.Event, change <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found, r.change
}

// of returns the events of a kind.
func (r *tape) of(kind api.EventKind) []api.Event {
	found, _ := r.all(kind)
	return found
}

// await waits for the n-th event of a kind.
func (r *tape) await(t testing.TB, kind api.EventKind, n int) api.Event {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		found, change := r.all(kind)
		if len(found) >= n {
			return found[n-1]
		}
		select {
		case <-change:
		case <-timer.C:
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Fatalf("%v came %d times, want %d: %v", kind, len(found), n, r.events)
		}
	}
}

// none checks that there is no event of the kinds.
func (r *tape) none(t testing.TB, kinds ...api.EventKind) {
	t.Helper()
	for _, kind := range kinds {
		for _, e := range r.of(kind) {
			t.Errorf("%v", e)
		}
	}
}

// await waits until a condition holds that no event tells of.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	must.Await(t, patience, what, holds)
}

// holder holds credentials that change.
type holder struct {
	mu   sync.Mutex
	user *natsserver.Credentials
}

func (h *holder) set(user *natsserver.Credentials) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.user = user
}

func (h *holder) get() *natsserver.Credentials {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.user
}

func (h *holder) jwt() (string, error) { return h.get().JWT, nil }

func (h *holder) sign(nonce []byte) ([]byte, error) {
	key, err := nkeys.FromSeed([]byte(h.get().Seed))
	if err != nil {
		return nil, err
	}
	return key.Sign(nonce)
}

// gate lets clients through to a server, or not.
type gate struct {
	provider
	down atomic.Bool
}

// errShut is what a dial gets at a gate that is down.
var errShut = errors.New("the gate is down")

// InProcessConn connects if the gate is up.
func (g *gate) InProcessConn() (net.Conn, error) {
	if g.down.Load() {
		return nil, errShut
	}
	return g.provider.InProcessConn()
}

// faultless are the options of a server that has nothing but core NATS.
func faultless() natsserver.Options { return natsserver.Options{} }
