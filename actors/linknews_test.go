package actors

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/internal/must"
)

// listener is an actor that records each LinkChange, and then publishes.
type listener struct {
	c     *Conn
	fail  bool // at the next letter
	mu    sync.Mutex
	heard []string
	sleep time.Duration
}

func (l *listener) spec(name string) ActorSpec {
	return ActorSpec{Name: name, Policy: noDelay, LinkChanges: true, MailboxMax: 1, New: func(i *Incarnation) Behavior {
		return Behavior{Receive: func(m any) {
			pass(l.sleep)
			change, ok := m.(LinkChange)
			l.mu.Lock()
			l.heard = append(l.heard, words(m, change, ok))
			l.mu.Unlock()
			if l.fail {
				l.fail = false
				panic("no")
			}
			if ok {
				_ = l.c.Publish("heard."+name, "", nil, []byte(words(m, change, ok)))
			}
		}}
	}}
}

func words(m any, change LinkChange, ok bool) string {
	if !ok {
		return fmt.Sprint(m)
	}
	text := "down"
	if change.Connected {
		text = "up"
	}
	if change.Moved {
		text += " moved"
	}
	if change.Draining {
		text += " draining"
	}
	return text
}

func (l *listener) expect(t *testing.T, what string, want ...string) {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if diff := cmp.Diff(want, l.heard); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	l.heard = nil
}

// TestLinkChanges: each loss and each new link is reported in order, and so are a move
// and a drain; what is published at a new link comes after the subscriptions; the
// messages need no room.
func TestLinkChanges(t *testing.T) {
	on(t, func(_ *scene, cfg *Config) { cfg.BufferWhileDown = 1 << 20 }, func(s *scene) {
		l := &listener{c: s.c}
		deaf := 0
		ref := spawnActor(t, s.c, l.spec("a"))
		spawnActor(t, s.c, doing(func(*Incarnation, any) { deaf++ }))
		subscribe(t, s.c, SubSpec{Subject: "plain"})
		l.expect(t, "connected already")
		s.server(1).sent()
		s.server(1).conn.Close()
		synctest.Wait()
		pass(10 * time.Second)
		l.expect(t, "a loss", "down", "up")
		second := s.server(0)
		s.got(second, "restored, then published", "SUB plain 1", "PUB heard.a 4|down", "PUB heard.a 2|up")
		s.lameDuck(second)
		pass(time.Second)
		l.expect(t, "a move", "up moved")
		s.got(s.server(0), "moved", "SUB plain 1", "PUB heard.a 8|up moved")

		l.sleep = time.Hour
		must.Do(t, ref.Send("busy"))
		synctest.Wait()
		must.Do(t, ref.Send("full"))
		for range 3 {
			s.server(0).conn.Close()
			pass(20 * time.Second)
		}
		pass(10 * time.Hour)
		l.expect(t, "what waits for a busy one", "busy", "full", "down", "up", "down", "up", "down", "up")
		if deaf > 0 {
			t.Errorf("one that has not asked was told %d times", deaf)
		}
	})
}

// TestLinkChangesOfOneThatBeginsAtOnce, as its group begins while it is spawned: no loss
// is reported that did not happen.
func TestLinkChangesOfOneThatBeginsAtOnce(t *testing.T) {
	on(t, nil, func(s *scene) {
		l := &listener{c: s.c}
		var all sync.WaitGroup
		for group := range 1500 {
			for name := range 4 {
				spec := l.spec(fmt.Sprint(name))
				spec.Group = fmt.Sprint("group", group)
				all.Go(func() {
					if _, err := s.c.SpawnActor(spec); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		l.expect(t, "connected already")
	})
}

// TestLinkChangesOfANewIncarnation: if the link is not as it may assume, the first
// message says so.
func TestLinkChangesOfANewIncarnation(t *testing.T) {
	var away atomic.Bool
	refuse := func(int) error {
		if away.Load() {
			return net.ErrClosed
		}
		return nil
	}
	on(t, func(s *scene, _ *Config) { s.refuse = refuse }, func(s *scene) {
		l, late := &listener{c: s.c}, &listener{c: s.c}
		ref := spawnActor(t, s.c, l.spec("a"))
		away.Store(true)
		s.server(1).conn.Close()
		l.expect(t, "the loss", "down")
		l.fail = true
		must.Do(t, ref.Send("die"))
		l.expect(t, "a restart without a link", "die", "down")
		spawnActor(t, s.c, l.spec("b"))
		l.expect(t, "one that begins without a link", "down")
		last := spawnActor(t, s.c, late.spec("c"))
		must.Do(t, last.Stop(s.t.Context()))
		away.Store(false)
		pass(time.Minute)
		l.expect(t, "the link of both", "up", "up")
		l.fail = true
		must.Do(t, ref.Send("die"))
		l.expect(t, "a restart with a link", "die")
		if n := len(s.c.linkNews.readers); n != 2 {
			t.Errorf("%d are told, of 2 that live", n)
		}
	})
}

// TestADrainIsTold before the subscriptions end, and other groups end before "actors".
func TestADrainIsTold(t *testing.T) {
	on(t, nil, func(s *scene) {
		var mu sync.Mutex
		var order []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		spec := func(name, group string) ActorSpec {
			return ActorSpec{Name: name, Group: group, Policy: noDelay, LinkChanges: true, New: func(*Incarnation) Behavior {
				return Behavior{Receive: func(m any) { note(name + " " + words(m, m.(LinkChange), true)) },
					Stopping: func() { note(name + " stops") }}
			}}
		}
		for _, at := range []string{"z consumers", "a ", "b consumers", "c watchers"} {
			name, group, _ := strings.Cut(at, " ")
			spawnActor(t, s.c, spec(name, group))
			synctest.Wait()
		}
		subscribe(t, s.c, SubSpec{Subject: "busy", Consumer: handle(func(_, _ string) { pass(time.Second); note("handled") })})
		s.server(1).send("MSG busy 1 1\r\n1\r\n")
		synctest.Wait()
		if _, err := s.c.Drain(s.t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(order) < 4 {
			t.Fatal(order)
		}
		want := []string{"handled", "c stops", "b stops", "z stops", "a stops"}
		if diff := cmp.Diff(want, order[4:]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, told := range order[:4] {
			if !strings.HasSuffix(told, "up draining") {
				t.Errorf("before the handlers: %q", told)
			}
		}
	})
}
