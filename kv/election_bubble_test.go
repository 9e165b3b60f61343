package kv_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// election returns the election "boss" of a client's.
func (s *scene) election(js jetstream.JetStream) *kv.Election {
	s.Helper()
	return must.Get(kv.NewElection(must.Get(kv.Open(s.ctx(), js, "L"))(s), "boss", kv.LockTTL(6*time.Second)))(s)
}

// witness notes whom an election elects.
type witness struct {
	mu   sync.Mutex
	seen []string
}

func (w *witness) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, what)
}

// observe notes the leaders until ctx ends.
func (w *witness) observe(ctx context.Context, e *kv.Election) {
	last := uint64(0)
	for leader, err := range e.Observe(ctx) {
		switch {
		case err != nil:
			w.note("end")
		case leader.Candidate == "":
			w.note("nobody")
		case leader.Term <= last:
			w.note(fmt.Sprintf("term %d behind %d", leader.Term, last))
		default:
			last = leader.Term
			w.note(leader.Candidate)
		}
	}
}

// expect checks what was noted since the last time.
func (w *witness) expect(t testing.TB, want string) {
	t.Helper()
	if got := w.all(); got != want {
		t.Errorf("elected: %s; want %s", got, want)
	}
}

// all returns what was noted since the last time, when nothing moves any more.
func (w *witness) all() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return strings.Join(seen, ", ")
}

func TestAnElectionHasOneLeader(t *testing.T) {
	inScene(t, locks(), func(s *scene) {
		a, b := s.client("a"), s.client("b")
		var w witness
		ctx, cancel := context.WithCancel(s.ctx())
		watching := s.election(s.client("c"))
		go w.observe(ctx, watching)
		time.Sleep(time.Second)
		w.expect(t, "nobody")
		_, err := watching.Leader(s.ctx())
		is(s, err, kv.ErrNoLeader)
		ann := must.Get(s.election(a).Campaign(s.ctx(), "ann"))(s)
		bob := make(chan *kv.Lease)
		go func() { bob <- must.Get(s.election(b).Campaign(s.ctx(), "bob"))(s) }()
		time.Sleep(10 * time.Minute)
		w.expect(t, "ann")
		if leader := must.Get(watching.Leader(s.ctx()))(s); leader != (kv.Leader{Candidate: "ann", Term: ann.Token()}) {
			t.Errorf("the leader is %+v, want term %d", leader, ann.Token())
		}
		if n := node(a, "election-L"); n.State != "leader" {
			t.Errorf("it is %+v", n)
		}
		if n := node(b, "election-L"); n.State != "candidate" || n.Reason != `held by "ann"` {
			t.Errorf("it is %+v", n)
		}
		s.b.Inject("for 20s link(c,s1) blackhole\nfor 10s server(s1) kill") // nobody has resigned
		time.Sleep(10 * time.Second)
		select {
		case <-ann.Context().Done(): // longer than the lock lasts
		default:
			t.Error("she leads without a server")
		}
		leads := <-bob
		time.Sleep(time.Minute)
		_, err = watching.Leader(s.ctx())
		must.Do(s, err)
		must.Do(s, leads.Unlock(s.ctx()))
		time.Sleep(time.Second)
		if seen := w.all(); !strings.HasSuffix(seen, "bob, nobody") { // whether she was seen to go depends on who was away
			t.Errorf("elected: %s", seen)
		}
		_, err = s.election(a).Campaign(s.ctx(), "")
		is(s, err, jetstream.ErrInvalidOption)
		again := must.Get(s.election(a).Campaign(s.ctx(), "ann"))(s)
		must.Do(s, again.Unlock(s.ctx()))
		again = must.Get(s.election(a).Campaign(s.ctx(), "ann"))(s)
		cancel()
		synctest.Wait()
		if again.Token() <= leads.Token() {
			t.Errorf("token %d comes behind %d", again.Token(), leads.Token())
		}
	})
}
