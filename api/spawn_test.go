package api_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/supervisor"
)

// doing is the spec of an actor that does f.
func doing(name string, f api.ActorFunc) api.Spec {
	return api.Spec{Name: name, New: func() api.Actor { return f }}
}

// eventually waits for an event of a kind about a path; it looks at all of them.
func eventually(t *testing.T, nc *api.Conn, kind api.EventKind, path string) api.Event {
	t.Helper()
	ctx := must.Within(t, patience)
	events := nc.Events(ctx)
	for _, e := range nc.EventLog() {
		if e.Kind == kind && e.Path == path {
			return e
		}
	}
	for e := range events {
		if e.Kind == kind && e.Path == path {
			return e
		}
	}
	t.Fatalf("no %v of %s\n%v\n%v", kind, path, nc.Tree(), nc.EventLog())
	panic("unreachable")
}

func TestSpawnSendStop(t *testing.T) {
	_, nc := both(t)
	got := make(chan string, 10)
	ref := must.Get(nc.Spawn(doing("greeter", func(c *api.ActorContext, m any) {
		got <- fmt.Sprintf("%v %s %v %d", m, c.Self().Path(), c.Conn() == nc, c.Restarts())
	})))(t)
	must.Do(t, ref.Send(1))
	must.Do(t, ref.SendContext(must.Within(t, patience), nil))
	path := ref.Path()
	if !strings.HasSuffix(path, "/actors/greeter") {
		t.Errorf("path %q", path)
	}
	for _, want := range []string{"1 " + path + " true 0", "<nil> " + path + " true 0"} {
		if s := await(t, got, "message"); s != want {
			t.Errorf("got %q, want %q", s, want)
		}
	}
	n, ok := nc.Tree().Find("actors/greeter")
	if handled, _ := n.Counter("handled"); !ok || n.Kind != "actor" || handled != 2 {
		t.Errorf("in the tree: %v, %+v", ok, n)
	}
	must.Do(t, nc.Health())
	must.Do(t, ref.Stop(must.Within(t, patience)))
	must.Do(t, ref.Stop(must.Within(t, patience)))
	eventually(t, nc, api.ActorStarted, path)
	if e := eventually(t, nc, api.ActorStopped, path); e.Cause != nil {
		t.Errorf("stopped with %v", e.Cause)
	}
	var stopped *api.ActorStoppedError
	if err := ref.Send(1); !errors.Is(err, api.ErrActorStopped) || !errors.As(err, &stopped) || stopped.Path != path || stopped.Cause != nil {
		t.Errorf("after the stop: %v", err)
	}
	if _, ok := nc.Tree().Find("actors/greeter"); ok {
		t.Error("still in the tree")
	}
	must.Do(t, nc.Health())
	again := must.Get(nc.Spawn(doing("greeter", func(*api.ActorContext, any) { got <- "again" })))(t)
	must.Do(t, again.Send(1))
	await(t, got, "second of the name")
}

func TestSpawnRefuses(t *testing.T) {
	_, nc := both(t)
	idle := func() api.Actor { return api.ActorFunc(func(*api.ActorContext, any) {}) }
	must.Get(nc.Spawn(api.Spec{Name: "taken", New: idle}))(t)
	bad := api.Policy{Intensity: supervisor.Intensity{Max: -1}}
	for name, test := range map[string]struct {
		spec api.Spec
		want error
	}{
		"no New":       {api.Spec{}, api.ErrInvalidCallback},
		"slash":        {api.Spec{Name: "a/b", New: idle}, api.ErrInvalidArg},
		"space":        {api.Spec{Name: "a b", New: idle}, api.ErrInvalidArg},
		"control":      {api.Spec{Name: "a\x00", New: idle}, api.ErrInvalidArg},
		"bad UTF-8":    {api.Spec{Name: "\xff", New: idle}, api.ErrInvalidArg},
		"long":         {api.Spec{Name: strings.Repeat("x", 129), New: idle}, api.ErrInvalidArg},
		"group":        {api.Spec{Group: "a/b", New: idle}, api.ErrInvalidArg},
		"group's name": {api.Spec{Group: "link", New: idle}, api.ErrActorExists},
		"bound":        {api.Spec{MailboxMax: -1, New: idle}, api.ErrInvalidArg},
		"policy":       {api.Spec{Policy: bad, New: idle}, api.ErrBadPolicy},
		"rest for one": {api.Spec{Policy: api.Policy{Scope: supervisor.RestForOne}, New: idle}, api.ErrBadPolicy},
		"taken":        {api.Spec{Name: "taken", New: idle}, api.ErrActorExists},
	} {
		if ref, err := nc.Spawn(test.spec); !errors.Is(err, test.want) || ref != nil {
			t.Errorf("%s: %v, %v", name, ref, err)
		}
	}
	must.Get(nc.Spawn(api.Spec{Name: strings.Repeat("x", 128), New: idle}))(t)
	if a, b := must.Get(nc.Spawn(api.Spec{New: idle}))(t), must.Get(nc.Spawn(api.Spec{New: idle}))(t); a.Path() == b.Path() {
		t.Errorf("two actors are %s", a.Path())
	}
	nc.Close()
	if _, err := nc.Spawn(api.Spec{New: idle}); !errors.Is(err, api.ErrConnectionClosed) {
		t.Errorf("after the close: %v", err)
	}
	var none *api.Conn
	if _, err := none.Spawn(api.Spec{New: idle}); !errors.Is(err, api.ErrInvalidConnection) {
		t.Errorf("nil connection: %v", err)
	}
	for _, ref := range []*api.ActorRef{nil, {}} {
		if err := ref.Send(1); !errors.Is(err, api.ErrActorStopped) {
			t.Errorf("no ref: %v", err)
		}
		if err := ref.SendContext(context.Background(), 1); !errors.Is(err, api.ErrActorStopped) {
			t.Errorf("no ref: %v", err)
		}
		must.Do(t, ref.Stop(context.Background()))
		if ref.Path() != "" {
			t.Errorf("path %q", ref.Path())
		}
	}
	var noContext context.Context
	ref := &api.ActorRef{}
	if err := ref.Stop(noContext); !errors.Is(err, api.ErrInvalidContext) {
		t.Errorf("stop without a context: %v", err)
	}
	if err := ref.SendContext(noContext, 1); !errors.Is(err, api.ErrInvalidContext) {
		t.Errorf("send without a context: %v", err)
	}
}

// TestMailboxBound: at the bound Send refuses and SendContext waits.
func TestMailboxBound(t *testing.T) {
	_, nc := both(t)
	entered, release := make(chan struct{}, 10), make(chan struct{})
	spec := doing("slow", func(*api.ActorContext, any) { entered <- struct{}{}; <-release })
	spec.MailboxMax = 2
	ref := must.Get(nc.Spawn(spec))(t)
	must.Do(t, ref.Send(0))
	await(t, entered, "first message")
	must.Do(t, ref.Send(1))
	must.Do(t, ref.Send(2))
	var full *api.MailboxFullError
	if err := ref.Send(3); !errors.Is(err, api.ErrMailboxFull) || !errors.As(err, &full) || full.Limit != 2 || full.Path != ref.Path() {
		t.Fatalf("at the bound: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := ref.SendContext(ctx, 3); !errors.Is(err, api.ErrMailboxFull) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	sent := make(chan error, 5)
	for i := range 5 {
		go func() { sent <- ref.SendContext(must.Within(t, patience), i) }()
	}
	n, _ := nc.Tree().Find("actors/slow")
	if refused, _ := n.Counter("refused"); n.State != "busy" || n.MailboxMsgs != 2 || refused < 2 {
		t.Errorf("in the tree: %+v", n)
	}
	close(release)
	for range 5 {
		must.Do(t, await(t, sent, "a sender with room"))
	}
	for range 7 {
		await(t, entered, "message")
	}
	// A sender that waits when the actor ends is notified.
	block := make(chan struct{})
	must.Do(t, ref.Stop(must.Within(t, patience)))
	spec.New = func() api.Actor {
		return api.ActorFunc(func(c *api.ActorContext, _ any) { entered <- struct{}{}; <-block })
	}
	ref = must.Get(nc.Spawn(spec))(t)
	for range 3 {
		must.Do(t, ref.SendContext(must.Within(t, patience), 0))
	}
	await(t, entered, "message")
	go func() { sent <- ref.SendContext(must.Within(t, patience), 0) }()
	go func() { _ = ref.Stop(must.Within(t, patience)); sent <- nil }()
	eventuallyStopping(t, nc, "actors/slow")
	close(block)
	errs := []error{await(t, sent, "waiting sender"), await(t, sent, "stop")}
	if !slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, api.ErrActorStopped) }) {
		t.Errorf("the waiting sender got %v", errs)
	}
	if e := eventually(t, nc, api.MessagesDropped, ref.Path()); e.Count != 2 || !errors.Is(e.Cause, api.ErrActorStopped) {
		t.Errorf("dropped: %+v", e)
	}
}

func eventuallyStopping(t *testing.T, nc *api.Conn, path string) {
	t.Helper()
	for ctx := must.Within(t, patience); ; runtime.Gosched() {
		if n, _ := nc.Tree().Find(path); n.State == "stopping" {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s is not stopping:\n%v", path, nc.Tree())
		}
	}
}

// stateful keeps what TestRestarts looks at.
type stateful struct {
	log   chan<- string
	count int
}

func (s *stateful) Started(c *api.ActorContext) { s.log <- fmt.Sprintf("started %d", c.Restarts()) }
func (s *stateful) Stopping(c *api.ActorContext) {
	s.log <- fmt.Sprintf("stopping %d %v", c.Restarts(), c.Context().Err())
}

func (s *stateful) Receive(_ *api.ActorContext, m any) {
	s.count++
	if m == "boom" {
		panic(fmt.Sprintf("at message %d", s.count))
	}
	s.log <- fmt.Sprintf("%v is message %d", m, s.count)
}

func TestRestarts(t *testing.T) {
	_, nc := both(t)
	log := make(chan string, 100)
	ref := must.Get(nc.Spawn(api.Spec{Name: "s", New: func() api.Actor { return &stateful{log: log} }}))(t)
	for _, m := range []string{"a", "boom", "b"} {
		must.Do(t, ref.Send(m))
	}
	wants := []string{"started 0", "a is message 1", "stopping 0 context canceled", "started 1", "b is message 1"}
	for _, want := range wants {
		if got := await(t, log, want); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	e := eventually(t, nc, api.HandlerPanicked, ref.Path())
	if e.Message != "string" || !errors.Is(e.Cause, supervisor.ErrHandlerPanic) || len(e.Stack) == 0 || e.Directive != api.Restart {
		t.Errorf("told: %+v", e)
	}
	eventually(t, nc, api.ActorRestarted, ref.Path())
	if n, _ := nc.Tree().Find("actors/s"); n.Restarts != 1 {
		t.Errorf("%d restarts in the tree", n.Restarts)
	}
	must.Do(t, ref.Stop(must.Within(t, patience)))
	if got := await(t, log, "end"); got != "stopping 1 context canceled" {
		t.Errorf("got %q", got)
	}
}

// TestActorMisdeeds: whatever program code does, and wherever, the supervisor handles it, and
// neighbours are not affected.
func TestActorMisdeeds(t *testing.T) {
	s := start(t)
	for name, misdeed := range misdeeds {
		for _, where := range []string{"New", "Started", "Receive", "Stopping"} {
			t.Run(name+"/"+where, func(t *testing.T) { misbehave(t, dial(t, s), where, misdeed) })
		}
	}
}

func misbehave(t *testing.T, nc *api.Conn, where string, misdeed func()) {
	var done atomic.Bool
	once := func(here string) {
		if here == where && !done.Swap(true) {
			misdeed()
		}
	}
	got := make(chan any, 10)
	ref := must.Get(nc.Spawn(api.Spec{Name: "bad", New: func() api.Actor {
		once("New")
		return &hooked{once: once, got: got}
	}}))(t)
	must.Do(t, ref.Send("first"))
	must.Do(t, ref.Send("second"))
	for m := range got {
		if m == "second" {
			break
		}
	}
	must.Do(t, ref.Stop(must.Within(t, patience)))
	eventually(t, nc, api.HandlerPanicked, ref.Path())
	report, err := nc.CloseContext(must.Within(t, patience))
	if err != nil || len(report.Unfinished) > 0 {
		t.Errorf("close: %+v, %v", report, err)
	}
}

type hooked struct {
	once func(string)
	got  chan<- any
}

func (h *hooked) Started(*api.ActorContext)          { h.once("Started") }
func (h *hooked) Stopping(*api.ActorContext)         { h.once("Stopping") }
func (h *hooked) Receive(_ *api.ActorContext, m any) { h.once("Receive"); h.got <- m }

// TestPoliciesOfActors: the effect of each directive after a failure.
func TestPoliciesOfActors(t *testing.T) {
	storm := api.Policy{Intensity: supervisor.Intensity{Max: 3, Within: time.Minute}, Backoff: supervisor.Backoff{Initial: supervisor.NoDelay}}
	for name, test := range map[string]struct {
		policy  api.Policy
		handled int // of ten messages that all panic
		ends    bool
		closes  bool
	}{
		"resume":             {api.Policy{Directive: api.Resume}, 10, false, false},
		"stop":               {api.Policy{Directive: api.Stop}, 1, true, false},
		"intensity exceeded": {storm, 4, true, false},
		"escalate":           {api.Policy{Directive: api.Escalate}, 1, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			_, nc := both(t, api.ClosedHandler(func(*api.Conn) { close(ended) }))
			var calls atomic.Int32
			all := make(chan struct{})
			spec := doing("bad", func(*api.ActorContext, any) {
				if calls.Add(1) == 10 {
					close(all)
				}
				panic("again")
			})
			spec.Policy = test.policy
			ref := must.Get(nc.Spawn(spec))(t)
			sub := must.Get(nc.SubscribeActor("bad", ref))(t)
			neighbour, fine := collect(10)
			must.Get(nc.Subscribe("good", neighbour))(t)
			for range 10 {
				if err := nc.Publish("bad", nil); err != nil && !test.closes { // the first may have closed it
					t.Fatal(err)
				}
			}
			if test.closes {
				closed(t, ended, "end of the connection")
				if err := nc.LastError(); !errors.Is(err, supervisor.ErrEscalated) {
					t.Errorf("closed with %v", err)
				}
				return
			}
			if test.ends {
				e := eventually(t, nc, api.ActorStopped, ref.Path())
				if !errors.Is(e.Cause, supervisor.ErrHandlerPanic) {
					t.Errorf("ended with %v", e.Cause)
				}
				must.Do(t, ref.Stop(must.Within(t, patience)))
				var stopped *api.ActorStoppedError
				if err := ref.Send(1); !errors.As(err, &stopped) || !errors.Is(err, supervisor.ErrHandlerPanic) {
					t.Errorf("send: %v", err)
				}
				if sub.IsValid() {
					t.Error("the subscription lives on")
				}
				n, ok := nc.Tree().Find("actors/bad")
				if !ok || n.State != "stopped" || n.Level != supervisor.Down || !errors.Is(nc.Health(), api.ErrUnhealthy) {
					t.Errorf("in the tree: %v, %+v", ok, n)
				}
			} else {
				closed(t, all, "ten calls")
			}
			if n := int(calls.Load()); n != test.handled {
				t.Errorf("%d calls, want %d", n, test.handled)
			}
			must.Do(t, nc.Publish("good", nil))
			await(t, fine, "message of the neighbour")
		})
	}
}

// TestChildren stand below their parent, end with it, and escalate to it.
func TestChildren(t *testing.T) {
	_, nc := both(t)
	started, ended := make(chan string, 10), make(chan string, 10)
	child := func(policy api.Policy) api.Spec {
		return api.Spec{Name: "child", Policy: policy, New: func() api.Actor {
			return &lifetimes{started: started, ended: ended, f: func(*api.ActorContext, any) { panic("child") }}
		}}
	}
	kids := make(chan *api.ActorRef, 10)
	parent := must.Get(nc.Spawn(api.Spec{Name: "parent", New: func() api.Actor {
		return &lifetimes{started: started, ended: ended, f: func(c *api.ActorContext, m any) {
			ref, err := c.Spawn(child(m.(api.Policy)))
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := c.Spawn(child(api.Policy{})); !errors.Is(err, api.ErrActorExists) {
				t.Errorf("twice: %v", err)
			}
			kids <- ref
		}}
	}}))(t)
	if got := await(t, started, "parent"); got != parent.Path() {
		t.Fatalf("%s started", got)
	}
	path := parent.Path() + "/child"
	spawn := func(policy api.Policy) *api.ActorRef {
		t.Helper()
		must.Do(t, parent.Send(policy))
		if got := await(t, started, "child"); got != path {
			t.Fatalf("%s started", got)
		}
		return await(t, kids, "the child's reference") // it may start before its parent has that
	}
	kid := spawn(api.Policy{Directive: api.Stop})
	if _, ok := nc.Tree().Find("actors/parent/child"); !ok {
		t.Errorf("not in the tree:\n%v", nc.Tree())
	}
	must.Do(t, kid.Stop(must.Within(t, patience)))
	await(t, ended, "child")
	kid = spawn(api.Policy{Directive: api.Escalate})
	must.Do(t, kid.Send("fail")) // takes the parent's incarnation with it
	both := []string{await(t, ended, "child or parent"), await(t, ended, "child or parent")}
	slices.Sort(both)
	if want := []string{parent.Path(), path}; !slices.Equal(both, want) {
		t.Errorf("%v ended, want %v", both, want)
	}
	await(t, started, "parent again")
	must.Do(t, kid.Stop(must.Within(t, patience)))
	kid = spawn(api.Policy{})
	must.Do(t, parent.Stop(must.Within(t, patience)))
	if err := kid.Send(1); !errors.Is(err, api.ErrActorStopped) {
		t.Errorf("child of an ended parent: %v", err)
	}
	if nc.Status() != api.CONNECTED {
		t.Errorf("the connection is %v", nc.Status())
	}
}

type lifetimes struct {
	started, ended chan<- string
	f              api.ActorFunc
}

func (l *lifetimes) Started(c *api.ActorContext)        { l.started <- c.Self().Path() }
func (l *lifetimes) Stopping(c *api.ActorContext)       { l.ended <- c.Self().Path() }
func (l *lifetimes) Receive(c *api.ActorContext, m any) { l.f(c, m) }

// dialInBubble connects to a server of its own in a bubble.
func dialInBubble(t *testing.T) *api.Conn {
	s := natsserver.Run(t, natsserver.Options{DontListen: true})
	return dial(t, s, inBubble(s)...)
}

func TestAfterInVirtualTime(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		nc := dialInBubble(t)
		start := time.Now()
		got := make(chan string, 10)
		ref := must.Get(nc.Spawn(doing("clock", func(c *api.ActorContext, m any) {
			switch m {
			case "go":
				c.After(time.Hour, "hour")
				stop := c.After(time.Minute, "never")
				if !stop() || stop() {
					t.Error("a timer that waits can be stopped once")
				}
			case "restart":
				c.After(time.Minute, "of an older incarnation")
				panic("restart")
			}
			got <- fmt.Sprintf("%v %v %d", m, time.Since(start), c.Restarts())
		})))(t)
		must.Do(t, ref.Send("go"))
		time.Sleep(2 * time.Hour)
		must.Do(t, ref.Send("restart"))
		time.Sleep(2 * time.Hour)
		must.Do(t, ref.Send("last"))
		synctest.Wait()
		n, _ := nc.Tree().Find("actors/clock")
		if n.State != "idle" || time.Since(n.Since) != 0 {
			t.Errorf("in the tree: %+v", n)
		}
		must.Do(t, ref.Stop(t.Context()))
		for _, want := range []string{"go 0s 0", "hour 1h0m0s 0", "last 4h0m0s 1"} {
			if line := <-got; line != want {
				t.Errorf("got %q, want %q", line, want)
			}
		}
		if len(got) > 0 {
			t.Errorf("got %q", <-got)
		}
	})
}

// TestBlockedActor is reported, affects no other actor, and is in the report of a close.
func TestBlockedActor(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		nc := dialInBubble(t)
		release := make(chan struct{})
		ref := must.Get(nc.Spawn(doing("stuck", func(*api.ActorContext, any) { <-release })))(t)
		patient := must.Get(nc.Spawn(doing("patient", func(c *api.ActorContext, _ any) { <-c.Context().Done() })))(t)
		must.Do(t, ref.Send(1))
		must.Do(t, patient.Send(1))
		synctest.Wait()
		began := time.Now()
		time.Sleep(time.Hour)
		n, _ := nc.Tree().Find("actors/stuck")
		if n.State != "busy" || !n.Since.Equal(began) {
			t.Errorf("in the tree: %+v", n)
		}
		fine, got := collect(1)
		must.Get(nc.Subscribe("fine", fine))(t)
		must.Do(t, nc.Publish("fine", nil))
		await(t, got, "message of a neighbour")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := ref.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop: %v", err)
		}
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		report, err := nc.CloseContext(closing)
		if !errors.Is(err, api.ErrCloseTimeout) || !slices.Equal(report.Unfinished, []string{ref.Path()}) {
			t.Errorf("close: %+v, %v", report, err)
		}
		close(release)
		nc.Close()
		must.Do(t, ref.Stop(t.Context()))
		if err := patient.Send(1); !errors.Is(err, api.ErrActorStopped) || !errors.Is(err, api.ErrConnectionClosed) {
			t.Errorf("send: %v", err)
		}
	})
}

// TestDrainLetsActorsFinish: subscriptions first, then the actors, the last started first,
// each with all its waiting messages.
func TestDrainLetsActorsFinish(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		nc := dialInBubble(t)
		var sum atomic.Int64
		store := must.Get(nc.Spawn(doing("store", func(_ *api.ActorContext, m any) {
			time.Sleep(time.Millisecond)
			sum.Add(int64(m.(int)))
		})))(t)
		gate := must.Get(nc.Spawn(doing("gate", func(c *api.ActorContext, m any) {
			msg := m.(*api.Msg)
			time.Sleep(time.Millisecond)
			if err := store.SendContext(c.Context(), len(msg.Data)); err != nil {
				t.Error(err)
			}
		})))(t)
		must.Get(nc.SubscribeActor("in", gate))(t)
		for range 100 {
			must.Do(t, nc.Publish("in", []byte("12345")))
		}
		must.Do(t, nc.Flush())
		report, err := nc.DrainContext(t.Context())
		if err != nil || len(report.Unfinished) > 0 || report.Undelivered > 0 || sum.Load() != 500 {
			t.Errorf("%+v, %v, sum %d", report, err, sum.Load())
		}
	})
}

// TestDrainTimeoutNamesTheActor that does not finish.
func TestDrainTimeoutNamesTheActor(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		nc := dialInBubble(t)
		ref := must.Get(nc.Spawn(doing("endless", func(c *api.ActorContext, m any) {
			time.Sleep(time.Second)
			_ = c.Self().Send(m)
		})))(t)
		must.Do(t, ref.Send(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		report, err := nc.DrainContext(ctx)
		if !errors.Is(err, api.ErrDrainTimeout) || !slices.Contains(report.Unfinished, ref.Path()) {
			t.Errorf("%+v, %v", report, err)
		}
		if report.Undelivered != 0 && report.Undelivered != 1 {
			t.Errorf("%d undelivered", report.Undelivered)
		}
	})
}

// TestCloseCountsLetters that no actor has handled.
func TestCloseCountsLetters(t *testing.T) {
	_, nc := both(t)
	entered := make(chan struct{}, 1)
	ref := must.Get(nc.Spawn(doing("late", func(c *api.ActorContext, _ any) { entered <- struct{}{}; <-c.Context().Done() })))(t)
	for range 10 {
		must.Do(t, ref.Send(1))
	}
	await(t, entered, "message")
	report, err := nc.CloseContext(must.Within(t, patience))
	if err != nil || report.Undelivered != 9 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestNoSecretInReports: a failure names the type of a message, never the message.
func TestNoSecretInReports(t *testing.T) {
	_, nc := both(t)
	type login struct{ Password string }
	ref := must.Get(nc.Spawn(doing("login", func(*api.ActorContext, any) { panic("no") })))(t)
	must.Do(t, ref.Send(login{"hunter2"}))
	e := eventually(t, nc, api.HandlerPanicked, ref.Path())
	if text := fmt.Sprintf("%s %v %v %v", e.Message, e.Cause, e, nc.Tree()); strings.Contains(text, "hunter2") || e.Message != "api_test.login" {
		t.Errorf("told: %s", text)
	}
}

// TestManySendersOneActor: every accepted message is handled once, and those of one sender in
// order, whatever fails in between.
func TestManySendersOneActor(t *testing.T) {
	_, nc := both(t)
	rapid.Check(t, func(r *rapid.T) {
		senders, each := rapid.IntRange(1, 4).Draw(r, "senders"), rapid.IntRange(1, 200).Draw(r, "each")
		failEvery := rapid.IntRange(2, 50).Draw(r, "failEvery")
		most := rapid.IntRange(1, 16).Draw(r, "most")
		type numbered struct{ sender, n int }
		var mu sync.Mutex
		var handled []numbered
		inside := 0
		spec := doing("", func(_ *api.ActorContext, m any) {
			inside++ // the race detector watches that nobody else is inside
			mu.Lock()
			handled = append(handled, m.(numbered))
			n := len(handled)
			mu.Unlock()
			if n%failEvery == 0 {
				panic("now and then")
			}
		})
		spec.MailboxMax = most
		spec.Policy = api.Policy{Backoff: supervisor.Backoff{Initial: supervisor.NoDelay}}
		ref, err := nc.Spawn(spec)
		if err != nil {
			r.Fatal(err)
		}
		var all sync.WaitGroup
		for s := range senders {
			all.Go(func() {
				for n := range each {
					if err := ref.SendContext(context.Background(), numbered{s, n}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		done := make(chan struct{})
		for mu.Lock(); len(handled) < senders*each; mu.Lock() {
			mu.Unlock()
			runtime.Gosched()
		}
		mu.Unlock()
		close(done)
		next := make([]int, senders)
		for _, m := range handled {
			if m.n != next[m.sender] {
				r.Fatalf("sender %d: got %d, want %d", m.sender, m.n, next[m.sender])
			}
			next[m.sender]++
		}
		if err := ref.Stop(context.Background()); err != nil {
			r.Fatal(err)
		}
	})
}

// TestLinkChangesOverARealServer: when an actor publishes on news of a link or a move, its
// own subscription receives the message, although that belongs to another group.
func TestLinkChangesOverARealServer(t *testing.T) {
	_, nc := both(t, api.ReconnectWait(time.Millisecond))
	got := make(chan *api.Msg, 10)
	must.Get(nc.Subscribe("told", func(m *api.Msg) { got <- m }))(t)
	ref := must.Get(nc.Spawn(api.Spec{Name: "a", Group: "watchers", LinkChanges: true, New: func() api.Actor {
		return api.ActorFunc(func(c *api.ActorContext, m any) {
			if change, ok := m.(api.LinkChange); ok && change.Connected {
				must.Do(t, c.Conn().Publish("told", fmt.Append(nil, change.Moved)))
			}
			_, err := c.Spawn(api.Spec{Group: "none", New: func() api.Actor { return nil }})
			kinds(t, err, api.ErrInvalidArg)
		})
	}}))(t)
	if !strings.HasSuffix(ref.Path(), "/watchers/a") {
		t.Errorf("path %s", ref.Path())
	}
	for range 5 {
		must.Do(t, nc.ForceReconnect())
		if m := await(t, got, "reconnect"); string(m.Data) != "false" {
			t.Errorf("moved: %s", m.Data)
		}
		must.Do(t, nc.Rotate(must.Within(t, patience)))
		if m := await(t, got, "move"); string(m.Data) != "true" {
			t.Errorf("moved: %s", m.Data)
		}
	}
}
