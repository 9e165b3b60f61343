package actors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/supervisor"
)

// doing is the spec of an actor that does f.
func doing(f func(i *Incarnation, m any)) ActorSpec {
	return ActorSpec{Policy: noDelay, New: func(i *Incarnation) Behavior {
		return Behavior{Receive: func(m any) { f(i, m) }}
	}}
}

func spawnActor(t *testing.T, c *Conn, spec ActorSpec) *ActorRef {
	t.Helper()
	ref, err := c.SpawnActor(spec)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// feed subscribes an actor: it gets payloads.
func feed(t *testing.T, c *Conn, subject string, ref *ActorRef) *Sub {
	t.Helper()
	receive, err := c.Handoff(ref)
	if err != nil {
		t.Fatal(err)
	}
	policy := supervisor.Policy{Directive: supervisor.Stop}
	return subscribe(t, c, SubSpec{Subject: subject, Actor: ref, Policy: policy, Consumer: handle(func(_, p string) { receive(p) })})
}

// TestUsersActorsMayDie panics the actor, and the supervisors above it, at each of their
// first messages: messages of Send and of its subscription come once and in order, and
// Close leaves nothing.
func TestUsersActorsMayDie(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	for _, kind := range []string{"actor", "actors", "connection"} {
		t.Run(kind, func(t *testing.T) {
			died, spared := 0, 0
			for n := uint64(1); n <= 40 && spared < 4; n++ {
				k := &killer{kind: kind, nth: n}
				surviveUserKill(t, s.URL(), k)
				if k.killed() {
					died++
				} else {
					spared++
				}
			}
			if died == 0 {
				t.Fatalf("no %s was ever killed", kind)
			}
			t.Logf("killed at %d of its first messages", died)
		})
	}
}

func surviveUserKill(t *testing.T, url string, k *killer) {
	t.Helper()
	sys := NewSystem(nil)
	sys.Interpose(k.between)
	before := registered(sys.proto)
	c, err := Connect(must.Within(t, patience), sys, config(t, url))
	if err != nil {
		t.Fatalf("n=%d: connect: %v", k.nth, err)
	}
	letters, messages := newInOrder(t, "letters", k), newInOrder(t, "messages", k)
	var child atomic.Pointer[ActorRef]
	ref := spawnActor(t, c, doing(func(i *Incarnation, m any) {
		if child.Load() == nil {
			if kid, err := i.Spawn(doing(func(*Incarnation, any) {})); err == nil {
				child.Store(kid)
			}
		}
		if text, ok := m.(string); ok {
			messages.got(text)
			return
		}
		letters.got(fmt.Sprint(m))
	}))
	subject := fmt.Sprintf("kill.%s.%d", k.kind, k.nth)
	feed(t, c, subject, ref)
	for i := 1; i <= 60; i++ {
		mustPublish(t, c, subject, decimal(uint64(i)))
		if err := ref.SendContext(must.Within(t, patience), i); err != nil {
			t.Fatalf("n=%d: %v", k.nth, err)
		}
		if k.kind == "connection" && i%10 == 5 {
			_ = c.ForceReconnect() // its root gets a message for each link that was lost, and for each new one
		}
		if i%10 == 0 {
			_ = c.Flush(must.Within(t, patience)) // several reads, several turns
			if other, err := c.SpawnActor(doing(func(*Incarnation, any) {})); err == nil {
				_ = other.Stop(must.Within(t, patience))
			}
		}
	}
	awaitHealthy(t, c)
	awaitLast(t, c, map[string]*inOrder{subject: messages})
	if err := ref.SendContext(must.Within(t, patience), lastNumber); err != nil {
		t.Fatal(err)
	}
	<-letters.end
	if letters.count != 61 || !cutsLink[k.kind] && messages.count != 61 {
		t.Fatalf("n=%d: %d letters and %d messages of 61 came\n%v", k.nth, letters.count, messages.count, c.Events())
	}
	if r := c.Close(must.Within(t, patience)); len(r.Unfinished) > 0 || r.Undelivered > 0 {
		t.Fatalf("n=%d: close left %+v", k.nth, r)
	}
	if left := registered(sys.proto); !slices.Equal(left, before) {
		t.Fatalf("n=%d: %v are left in the registry", k.nth, left)
	}
}

// registered returns the names of all actors of a system.
func registered(system *actor.ActorSystem) (names []string) {
	for _, bucket := range system.ProcessRegistry.LocalPIDs.LocalPIDs {
		names = append(names, bucket.Keys()...)
	}
	slices.Sort(names)
	return names
}

// lines is a logger's output.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// foreignSystem is a user's own actor system.
func foreignSystem(out io.Writer) *actor.ActorSystem {
	logger := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.NewTextHandler(out, nil)) }
	// A message to a dead actor starts a goroutine of the actor library that lives this
	// long.
	return actor.NewActorSystem(actor.WithLoggerFactory(logger), actor.WithDeadLetterThrottleInterval(time.Millisecond))
}

// TestAdoptedSystem: two adoptions of one system coexist with each other and with the
// user's own actors, and leave nothing behind.
func TestAdoptedSystem(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	var log lines
	system := foreignSystem(&log)
	config0, logger := system.Config, system.Logger()
	got := make(chan any, 10)
	pid, err := system.Root.SpawnNamed(actor.PropsFromFunc(func(c actor.Context) {
		if n, ok := c.Message().(int); ok {
			got <- n
		}
	}), "connection-1")
	if err != nil {
		t.Fatal(err)
	}
	before := registered(system)
	one, two := connectOn(t, Adopt(system), config(t, s.URL())), connectOn(t, Adopt(system), config(t, s.URL()))
	if one.name != two.name {
		t.Errorf("%s and %s: the paths are those of each adoption", one.name, two.name)
	}
	type secret struct{ Password string }
	var calls atomic.Int32
	ref := spawnActor(t, one, doing(func(*Incarnation, any) {
		if calls.Add(1) == 1 {
			panic(secret{"hunter2"})
		}
		got <- "ours"
	}))
	for range 2 {
		if err := ref.Send(secret{"hunter2"}); err != nil {
			t.Fatal(err)
		}
	}
	if m := <-got; m != "ours" {
		t.Errorf("got %v", m)
	}
	ours := slices.DeleteFunc(registered(system), func(name string) bool { return slices.Contains(before, name) })
	for _, name := range ours {
		if !strings.HasPrefix(name, "troupe") {
			t.Errorf("an actor of ours is called %s", name)
		}
	}
	one.Close(must.Within(t, patience))
	two.Close(must.Within(t, patience))
	if after := registered(system); !slices.Equal(before, after) {
		t.Errorf("registered before %v, after %v", before, after)
	}
	system.Root.Send(pid, 7)
	if m := <-got; m != 7 {
		t.Errorf("the user's actor got %v", m)
	}
	if system.IsStopped() || system.Config != config0 || system.Logger() != logger {
		t.Error("the system was ended or configured")
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("the log holds a secret:\n%s", log.String())
	}
	if err := system.Root.StopFuture(pid).Wait(); err != nil {
		t.Error(err)
	}
}

// TestAdoptedSystemIsShutDown: its connections close with a typed error.
func TestAdoptedSystemIsShutDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := foreignSystem(io.Discard)
		cfg := config(t)
		tape := record(&cfg)
		peers(t, &cfg, served)
		sys := Adopt(system)
		c := connectOn(t, sys, cfg)
		ref := spawnActor(t, c, doing(func(i *Incarnation, _ any) { <-i.Context().Done() }))
		if err := ref.Send(1); err != nil {
			t.Error(err)
		}
		before := time.Now()
		system.Shutdown()
		<-c.done
		if d := time.Since(before); d > systemCheckEvery {
			t.Errorf("closed after %v", d)
		}
		if err := c.closedError(); !errors.Is(err, ErrSystemStopped) || !errors.Is(err, ErrConnectionClosed) {
			t.Errorf("closed with %v", err)
		}
		if n := len(tape.all(isKind(supervisor.ConnectionClosed))); n != 1 {
			t.Errorf("%d events of the close", n)
		}
		if _, err := Connect(t.Context(), sys, cfg); !errors.Is(err, ErrSystemStopped) {
			t.Errorf("another connection: %v", err)
		}
		pass(time.Second) // the library's goroutine for dead letters
	})
}

// TestAdoptedTreeIsStopped from outside: that ends the connection.
func TestAdoptedTreeIsStopped(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	system := foreignSystem(io.Discard)
	c := connectOn(t, Adopt(system), config(t, s.URL()))
	spawnActor(t, c, doing(func(*Incarnation, any) {}))
	system.Root.Stop(c.tree.root.pid.Load())
	<-c.done
	if err := c.closedError(); !errors.Is(err, ErrSystemStopped) {
		t.Errorf("closed with %v", err)
	}
	if Adopt(nil).adopted {
		t.Error("nothing was adopted")
	}
}

// TestPIDRef feeds an actor of the user's own system.
func TestPIDRef(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	cfg := config(t, s.URL())
	tape := record(&cfg)
	c := connect(t, cfg)
	system := foreignSystem(io.Discard)
	got := make(chan string, 10)
	pid := system.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if text, ok := c.Message().(string); ok {
			got <- text
		}
	}))
	ref := PIDRef(system, pid)
	if ref.Path() != pid.String() || !ref.IsPID() {
		t.Errorf("path %q", ref.Path())
	}
	sub := feed(t, c, "pid", ref)
	for i := range 5 {
		mustPublish(t, c, "pid", decimal(uint64(i)))
	}
	receiveAll(t, got, "0", "1", "2", "3", "4")
	if err := ref.SendContext(must.Within(t, patience), "letter"); err != nil {
		t.Error(err)
	}
	receiveAll(t, got, "letter")
	if err := ref.Stop(must.Within(t, patience)); err != nil {
		t.Error(err)
	}
	for ctx := must.Within(t, patience); ref.alive() && ctx.Err() == nil; {
		_ = c.Flush(ctx)
	}
	mustPublish(t, c, "pid", "too late")
	end := tape.await(t, 1, "end", about(sub, supervisor.SubscriptionStopped))
	var stopped *ActorStoppedError
	if !errors.As(end.Cause, &stopped) || stopped.Path != pid.String() {
		t.Errorf("the subscription ended with %v", end.Cause)
	}
	if err := ref.Send(1); !errors.Is(err, ErrActorStopped) {
		t.Errorf("send: %v", err)
	}
	if _, err := c.Handoff(ref); !errors.Is(err, ErrActorStopped) {
		t.Errorf("handoff: %v", err)
	}
	if err := ref.Stop(context.Background()); err != nil {
		t.Errorf("a second stop: %v", err)
	}
	other := PIDRef(system, system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {})))
	system.Shutdown()
	for _, dead := range []*ActorRef{other, PIDRef(nil, pid), PIDRef(system, nil)} {
		if err := dead.Send(1); !errors.Is(err, ErrActorStopped) {
			t.Errorf("send: %v", err)
		}
	}
}

// TestLettersAndRunsTakeTurns: neither a flood of letters nor a full lane keeps
// the other waiting.
func TestLettersAndRunsTakeTurns(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		entered, release := make(chan struct{}), make(chan struct{})
		var order []bool // true for a message, in the order of handling
		ref := spawnActor(t, s.c, doing(func(_ *Incarnation, m any) {
			if m == "wait" {
				close(entered)
				<-release
				return
			}
			_, message := m.(string)
			order = append(order, message)
		}))
		sub := feed(t, s.c, "x", ref)
		if err := ref.Send("wait"); err != nil {
			t.Fatal(err)
		}
		<-entered
		s.p.send(messages(int(sub.SID()), 1000))
		for i := range 1000 {
			if err := ref.Send(i); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Second)
		close(release)
		synctest.Wait()
		if len(order) != 2000 {
			t.Fatalf("%d handled", len(order))
		}
		last := 0
		for i, message := range order {
			if i > 0 && message != order[i-1] {
				last = i
			}
			if i-last > 2*runMax && i < 2000-runMax {
				t.Fatalf("%d of a kind in a row, up to %d", i-last, i)
			}
		}
	})
}

// TestAStopBeforeTheSupervisorIsKnown: the stop goes to the actor that starts the
// supervisor, and the user's actor may run by then.
func TestAStopBeforeTheSupervisorIsKnown(t *testing.T) {
	c := connect(t, config(t, natsserver.Run(t, natsserver.Options{}).URL()))
	begun := make(chan struct{})
	ref, err := c.SpawnActor(ActorSpec{New: func(*Incarnation) Behavior {
		close(begun)
		return Behavior{Receive: func(any) {}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	users := &ref.user.group.box.box
	box := users.Swap(nil)
	for box == nil { // the root has not stored it yet
		box = users.Swap(nil)
	}
	ref.user.mu.Lock()
	ref.user.stopping = true
	ref.user.mu.Unlock()
	users.Store(box)
	_ = c.root.must(startUsers{ref.user.group})
	if err := ref.user.moved.awaitClosed(must.Within(t, patience)); err != nil {
		t.Error("it runs on:", err)
	}
}
