package actors

import (
	"context"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(must.Settled(m, func() error { return goleak.Find() }))
}

// handlerFunc is the simplest consumer: one message at a time, copied.
type handlerFunc struct {
	f    func(subject, payload string)
	subj string
	data string
}

func (h *handlerFunc) Build(at *Cursor, _ int) int {
	var m Raw
	at.Next(&m)
	h.subj, h.data = string(m.Subject), string(m.Payload)
	return 1
}

func (h *handlerFunc) Call(int) { h.f(h.subj, h.data) }

func handle(f func(subject, payload string)) func() Consumer {
	return func() Consumer { return &handlerFunc{f: f} }
}

// config is a configuration for tests: fast reconnects and unlimited attempts.
func config(t testing.TB, servers ...string) Config {
	t.Helper()
	cfg := Config{
		Hello:   protocol.Connect{Name: t.Name(), Lang: "go", Version: "test", Protocol: 1, Echo: true},
		Timeout: 2 * time.Second, PingInterval: time.Minute, PingsMax: 2, BufferWhileDown: 8 << 20,
		AttemptsMax: -1, InboxPrefix: "_INBOX", DrainTimeout: 5 * time.Second,
		Backoff: supervisor.Backoff{Initial: time.Millisecond, Max: 20 * time.Millisecond, Immediate: true},
	}
	if len(servers) > 0 { // real ones, which may take their time
		cfg.Timeout = patience
	}
	for _, s := range servers {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Servers = append(cfg.Servers, u)
	}
	return cfg
}

// connect makes a connection on a system of its own and closes it at the end.
func connect(t testing.TB, cfg Config) *Conn {
	t.Helper()
	return connectOn(t, NewSystem(nil), cfg)
}

func connectOn(t testing.TB, sys *System, cfg Config) *Conn {
	t.Helper()
	c, err := Connect(must.Within(t, patience), sys, cfg)
	if err != nil {
		t.Fatal("connect:", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if r := c.Close(ctx); len(r.Unfinished) > 0 {
			t.Errorf("close left unfinished: %v", r.Unfinished)
		}
	})
	return c
}

// patience is the deadline that no test should reach.
const patience = 20 * time.Second

func subscribe(t testing.TB, c *Conn, spec SubSpec) *Sub {
	t.Helper()
	if spec.Limits == (Limits{}) {
		spec.Limits = Limits{Msgs: 500_000, Bytes: 64 << 20}
	}
	s, err := c.Subscribe(&spec)
	if err != nil {
		t.Fatal("subscribe:", err)
	}
	return s
}

func mustPublish(t testing.TB, c *Conn, subject, payload string) {
	t.Helper()
	if err := c.Publish(subject, "", nil, []byte(payload)); err != nil {
		t.Fatal("publish:", err)
	}
}

func receiveAll(t testing.TB, ch <-chan string, want ...string) {
	t.Helper()
	ctx := must.Within(t, patience)
	for i, w := range want {
		select {
		case got := <-ch:
			if got != w {
				t.Fatalf("message %d: got %q, want %q", i, got, w)
			}
		case <-ctx.Done():
			t.Fatalf("message %d: %q did not come", i, w)
		}
	}
}

func TestPublishReachesSubscriber(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	c := connect(t, config(t, s.URL()))
	got := make(chan string, 10)
	subscribe(t, c, SubSpec{Subject: "a.*", Consumer: handle(func(subject, payload string) { got <- subject + "=" + payload })})
	mustPublish(t, c, "a.b", "1")
	mustPublish(t, c, "a.c", "2")
	receiveAll(t, got, "a.b=1", "a.c=2")
}

func TestFlushWaitsForTheServer(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	c := connect(t, config(t, s.URL()))
	if err := c.Flush(must.Within(t, patience)); err != nil {
		t.Fatal(err)
	}
}

func TestReconnectRestoresSubscriptions(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	cfg := config(t, s.URL())
	up, down := make(chan struct{}, 10), make(chan struct{}, 10)
	cfg.OnEvent = func(n Notice) {
		if n.Kind == supervisor.LinkLost {
			down <- struct{}{}
		}
		if n.Kind == supervisor.LinkRestored && n.Before == AgainLink {
			up <- struct{}{}
		}
	}
	c := connect(t, cfg)
	got := make(chan string, 10)
	subscribe(t, c, SubSpec{Subject: "before", Consumer: handle(func(_, payload string) { got <- payload })})
	if err := c.Flush(must.Within(t, patience)); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	<-down
	mustPublish(t, c, "before", "while down")
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	<-up
	mustPublish(t, c, "before", "after")
	receiveAll(t, got, "while down", "after")
}

func TestRequestGetsReply(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	c := connect(t, config(t, s.URL()))
	server := connect(t, config(t, s.URL()))
	sub := subscribe(t, server, SubSpec{Subject: "echo"})
	go func() {
		_ = sub.Next(context.Background(), func(m *Raw) {
			_ = server.Publish(string(m.Reply), "", nil, m.Payload)
		})
	}()
	if err := server.Flush(must.Within(t, patience)); err != nil {
		t.Fatal(err)
	}
	r, err := c.Request(context.Background(), "echo", nil, []byte("hello"), patience)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.Data[r.SubjectLen+r.ReplyLen+r.HeaderLen:]); got != "hello" {
		t.Fatalf("got %q", got)
	}
}

func TestHandlerPanicGoesOnWithNextMessage(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	c := connect(t, config(t, s.URL()))
	got := make(chan string, 1000)
	var n atomic.Int32
	subscribe(t, c, SubSpec{Subject: "p", Policy: supervisor.Policy{Backoff: supervisor.Backoff{Initial: supervisor.NoDelay}},
		Consumer: handle(func(_, payload string) {
			if n.Add(1)%3 == 0 {
				panic("third")
			}
			got <- payload
		})})
	var want []string
	for i := range 300 {
		mustPublish(t, c, "p", decimal(uint64(i)))
		if (i+1)%3 != 0 {
			want = append(want, decimal(uint64(i)))
		}
	}
	receiveAll(t, got, want...)
}

func TestDrainDeliversEverything(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	c := connect(t, config(t, s.URL()))
	var n atomic.Int32
	subscribe(t, c, SubSpec{Subject: "d", Consumer: handle(func(_, _ string) { n.Add(1) })})
	for range 10_000 {
		mustPublish(t, c, "d", "x")
	}
	if r, err := c.Drain(must.Within(t, patience)); err != nil {
		t.Fatal(err, r)
	}
	if n.Load() != 10_000 {
		t.Fatalf("%d messages of 10000 delivered", n.Load())
	}
}
