package actors

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// scene is a bubble with a connection to the first of several scripted servers.
type scene struct {
	t    *testing.T
	c    *Conn
	tape *eventTape

	mu    sync.Mutex
	peers []*peer
	// meet is called with each server before it greets, refuse with each dial.
	meet   func(p *peer)
	refuse func(nth int) error
}

// on runs play in a bubble, on a connection that knows three servers.
func on(t *testing.T, prepare func(s *scene, cfg *Config), play func(s *scene)) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, meet: func(*peer) {}, refuse: func(int) error { return nil }}
		cfg := config(t)
		cfg.PingInterval = 0
		s.tape = record(&cfg)
		peers(t, &cfg, func(p *peer) {
			s.meet(p)
			s.mu.Lock()
			s.peers = append(s.peers, p)
			s.mu.Unlock()
			served(p)
		})
		dial, dials := cfg.Dial, 0
		cfg.Dial = func(ctx context.Context, u *url.URL) (net.Conn, error) {
			s.mu.Lock() // a dial that is given up may still be at it
			dials++
			nth := dials
			s.mu.Unlock()
			if err := s.refuse(nth); err != nil {
				return nil, err
			}
			return dial(ctx, u)
		}
		cfg.Servers = nil
		for _, host := range []string{"one", "two", "three"} {
			cfg.Servers = append(cfg.Servers, &url.URL{Scheme: "nats", Host: host})
		}
		if prepare != nil {
			prepare(s, &cfg)
		}
		s.c = connect(t, cfg)
		play(s)
		s.c.Close(context.Background())
	})
}

// server returns the n-th server that was met, from 1; the last one for 0.
func (s *scene) server(n int) *peer {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n == 0 {
		return s.peers[len(s.peers)-1]
	}
	if len(s.peers) < n {
		s.t.Fatalf("%d servers were met, not %d", len(s.peers), n)
	}
	return s.peers[n-1]
}

// lameDuck makes the first server say that it is about to stop.
func (s *scene) lameDuck(p *peer) {
	p.send(`INFO {"server_id":"peer","proto":1,"headers":true,"max_payload":1048576,"ldm":true}` + "\r\n")
}

// sent returns what came from the client since the last call.
func (p *peer) sent() (frames []string) {
	synctest.Wait()
	for {
		select {
		case f := <-p.frames:
			frames = append(frames, strings.ReplaceAll(f, "\r\n", "|"))
		default:
			return frames
		}
	}
}

func (s *scene) got(p *peer, what string, want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, p.sent()); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// cast subscribes plainly, in a group, with overlap, and with a limit.
func (s *scene) cast() (plain, group, overlap, limited *Sub) {
	plain = subscribe(s.t, s.c, SubSpec{Subject: "plain"})
	group = subscribe(s.t, s.c, SubSpec{Subject: "group", Queue: "q"})
	overlap = subscribe(s.t, s.c, SubSpec{Subject: "overlap", Overlap: true})
	limited = subscribe(s.t, s.c, SubSpec{Subject: "limited", Queue: "q"})
	if err := limited.AutoUnsubscribe(10); err != nil {
		s.t.Fatal(err)
	}
	return plain, group, overlap, limited
}

// TestTheStepsOfAMove shows what each server is sent, and when.
func TestTheStepsOfAMove(t *testing.T) {
	on(t, nil, func(s *scene) {
		s.cast()
		first := s.server(1)
		mustPublish(t, s.c, "before", "x")
		s.got(first, "before", "SUB plain 1", "SUB group q 2", "SUB overlap 3", "SUB limited q 4", "UNSUB 4 10", "PUB before 1|x")
		s.lameDuck(first)
		pass(moveSpread)
		second := s.server(2)
		s.got(second, "ahead", "SUB group q 2", "SUB overlap 3")
		mustPublish(t, s.c, "between", "x")
		s.got(first, "while both are there", "PUB between 1|x")
		pass(moveSettle)
		s.got(first, "the goodbye", "UNSUB 1", "UNSUB 2", "UNSUB 3", "UNSUB 4")
		s.got(second, "the rest", "SUB plain 1", "SUB limited q 4", "UNSUB 4 10")
		mustPublish(t, s.c, "after", "x")
		s.got(second, "after", "PUB after 1|x")
		if _, err := first.conn.Write([]byte("+OK\r\n")); err == nil {
			t.Error("the old socket is still open")
		}
		stats := s.c.Stats()
		if stats.Moves != 1 || stats.Reconnects != 0 || stats.Uncertain != 0 || s.c.Status() != Connected {
			t.Errorf("%+v, %v", stats, s.c.Status())
		}
		if n := len(s.tape.all(isKind(supervisor.LinkLost))); n != 0 {
			t.Errorf("lost the link %d times", n)
		}
		moved := s.tape.all(isKind(supervisor.LinkMoved))
		if len(moved) != 1 || moved[0].Before != "nats://one" || moved[0].After != "nats://two" {
			t.Errorf("told of %v", moved)
		}
		if err := s.c.Health(); err != nil {
			t.Error(err)
		}
	})
}

// TestMessagesWhileMoving: what either server sends is delivered, of two replies to the
// same request the first counts, and the counters add up.
func TestMessagesWhileMoving(t *testing.T) {
	on(t, nil, func(s *scene) {
		plain, group, overlap, limited := s.cast()
		first := s.server(1)
		answers := make(chan string, 2)
		ask := func() {
			r, err := s.c.Request(s.t.Context(), "ask", nil, nil, time.Hour)
			answers <- fmt.Sprintf("%s %v", r.Data[r.SubjectLen:], err)
		}
		go ask()
		inbox := strings.Fields(first.sent()[6])[2]
		s.lameDuck(first)
		pass(moveSpread)
		second := s.server(2)
		for i, p := range []*peer{first, second, first, second} {
			p.send(fmt.Sprintf("MSG group 2 1\r\n%d\r\nMSG overlap 3 1\r\n%d\r\n", i, i))
			synctest.Wait()
		}
		first.send("MSG plain 1 1\r\n0\r\nMSG limited 4 1\r\n0\r\n")
		for _, p := range []*peer{second, first} {
			p.send("MSG " + inbox + " 5 2\r\nhi\r\n")
			synctest.Wait()
		}
		if got := <-answers; got != "hi <nil>" {
			t.Errorf("answered %s", got)
		}
		pass(moveSettle)
		second.sent()
		second.send("MSG plain 1 1\r\n1\r\nMSG group 2 1\r\n4\r\nMSG overlap 3 1\r\n4\r\nMSG limited 4 1\r\n1\r\n")
		if err := group.AutoUnsubscribe(7); err != nil {
			t.Error(err)
		}
		s.got(second, "two of five came from the old one", "UNSUB 2 5")
		for sub, want := range map[*Sub]string{plain: "01", group: "01234", overlap: "01234", limited: "01"} {
			got := ""
			for sub.TryNext(func(m *Raw) { got += string(m.Payload) }) {
			}
			if got != want {
				t.Errorf("%s got %q, want %q", sub.Subject, got, want)
			}
		}
		if stats := s.c.Stats(); stats.LateReplies != 1 || stats.Strays != 0 {
			t.Errorf("%+v", stats)
		}
	})
}

// TestWhatChangesWhileMoving: subscriptions that begin, end, drain or get a limit while
// two servers know them are registered correctly afterwards.
func TestWhatChangesWhileMoving(t *testing.T) {
	on(t, nil, func(s *scene) {
		add := func(subject string) *Sub { return subscribe(t, s.c, SubSpec{Subject: subject, Queue: "q"}) }
		gone, drained, limited, kept := add("gone"), add("drained"), add("limited"), add("kept")
		first := s.server(1)
		s.lameDuck(first)
		pass(moveSpread)
		second := s.server(2)
		s.got(second, "ahead", "SUB gone q 1", "SUB drained q 2", "SUB limited q 3", "SUB kept q 4")
		if err := gone.Unsubscribe(); err != nil {
			t.Error(err)
		}
		done := make(chan error, 1)
		go func() { done <- drained.Drain(s.t.Context()) }()
		second.send("MSG limited 3 1\r\nx\r\nMSG drained 2 1\r\nx\r\n")
		synctest.Wait()
		if err := limited.AutoUnsubscribe(5); err != nil {
			t.Error(err)
		}
		add("late")
		first.send("PING\r\n")
		second.send("PING\r\n")
		synctest.Wait()
		if len(done) != 0 {
			t.Error("the drain did not wait for the new server")
		}
		pass(moveSettle)
		s.got(second, "the rest", "UNSUB 1", "UNSUB 2", "PONG", "UNSUB 3 5", "SUB late q 5")
		if !drained.TryNext(func(*Raw) {}) {
			t.Error("what the new server sent to the draining subscription is lost")
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if kept.Closed() {
			t.Error("one that nobody touched is closed")
		}
	})
}

// known returns the subjects that a server knows after these frames.
func known(frames []string) (subjects []string) {
	subs := map[string]string{}
	for _, f := range frames {
		words := strings.Fields(f)
		switch {
		case words[0] == "SUB":
			subs[words[len(words)-1]] = words[1]
		case words[0] == "UNSUB" && len(words) == 2:
			delete(subs, words[1])
		}
	}
	for _, subject := range subs {
		if !strings.HasPrefix(subject, "_INBOX.") {
			subjects = append(subjects, subject)
		}
	}
	slices.Sort(subjects)
	return subjects
}

// TestMovesThatFail interrupts a move in each of its phases, on each side. In every case
// the connection is live at the end, on a server that knows each subscription once; every
// publish has gone to one server or is reported, and waiting callers get a result.
func TestMovesThatFail(t *testing.T) {
	refused := errors.New("refused by the test")
	closing := func(nth int) func(s *scene) { return func(s *scene) { s.server(nth).conn.Close() } }
	mute := func(nth int) func(s *scene, p *peer) {
		return func(_ *scene, p *peer) { p.mute = p.mute || p.nth == nth }
	}
	for name, fail := range map[string]struct {
		meet   func(s *scene, p *peer) // before each greeting
		dials  []int                   // that fail
		during func(s *scene)          // while both servers know us
		sealed func(s *scene)          // after the old server got the last frames
		lost   int                     // losses of the link
		moves  uint64
	}{
		"nothing":                             {moves: 1},
		"a dial":                              {dials: []int{2}, moves: 1},
		"two dials":                           {dials: []int{2, 3}, moves: 1},
		"the new server says nothing":         {meet: mute(2), moves: 1},
		"the new server ends":                 {during: closing(2), moves: 1},
		"the old server ends":                 {during: closing(1), lost: 1},
		"the old server ends, the new is new": {meet: mute(2), during: closing(1), lost: 1},
		"the new server is leaving, too":      {during: func(s *scene) { s.lameDuck(s.server(2)) }, moves: 1},
		"the new server is full":              {during: func(s *scene) { s.server(2).send("-ERR 'maximum subscriptions exceeded'\r\n") }, moves: 1},
		"the new server sends us away":        {during: func(s *scene) { s.server(2).send("-ERR 'Authorization Violation'\r\n") }, moves: 1},
		"the old server does not say goodbye": {meet: mute(1), lost: 1},
		"the old server ends before goodbye":  {meet: mute(1), sealed: closing(1), lost: 1},
		"the new server ends before goodbye":  {meet: mute(1), sealed: closing(2), lost: 1},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s *scene, _ *Config) {
				s.meet = func(p *peer) {
					if fail.meet != nil {
						fail.meet(s, p)
					}
				}
				s.refuse = func(nth int) error {
					if slices.Contains(fail.dials, nth) {
						return refused
					}
					return nil
				}
			}, func(s *scene) {
				s.cast()
				published := uint64(0)
				publish := func() {
					published++
					mustPublish(t, s.c, "p", "x")
				}
				publish()
				s.lameDuck(s.server(1))
				pass(moveSpread)
				publish()
				if fail.during != nil {
					fail.during(s)
				}
				synctest.Wait()
				publish()
				pass(moveSettle)
				publish()
				if fail.sealed != nil {
					fail.sealed(s)
				}
				pass(time.Minute)
				publish()
				s.check(published, fail.lost, fail.moves)
			})
		})
	}
}

// check compares a connection that has moved with what it must be.
func (s *scene) check(published uint64, lost int, moves uint64) {
	s.t.Helper()
	last := s.server(0)
	got := uint64(0)
	var told []string
	for n := 1; n <= len(s.peers); n++ {
		frames := s.server(n).sent()
		for _, f := range frames {
			if strings.HasPrefix(f, "PUB ") {
				got++
			}
		}
		if s.server(n) == last {
			told = frames
		}
	}
	if diff := cmp.Diff([]string{"group", "limited", "overlap", "plain"}, known(told)); diff != "" {
		s.t.Errorf("the last server knows (-want +got):\n%s", diff)
	}
	stats := s.c.Stats()
	if got > published || got+stats.Uncertain < published {
		s.t.Errorf("of %d publishes %d arrived, %d uncertain", published, got, stats.Uncertain)
	}
	if n := len(s.tape.all(isKind(supervisor.LinkLost))); n != lost || stats.Moves != moves {
		s.t.Errorf("lost the link %d times, moved %d times; want %d and %d", n, stats.Moves, lost, moves)
	}
	if s.c.Status() != Connected || s.c.Health() != nil {
		s.t.Errorf("%v, %v", s.c.Status(), s.c.Health())
	}
	if n := len(s.c.tree.root.snapshot().Children[3].Children); n != 3 {
		s.t.Errorf("the link has %d children", n)
	}
}

// TestWhoDoesNotMove stays until the server ends.
func TestWhoDoesNotMove(t *testing.T) {
	for name, set := range map[string]func(cfg *Config){
		"StayOnLameDuck":  func(cfg *Config) { cfg.StayOnLameDuck = true },
		"NoReconnect":     func(cfg *Config) { cfg.NoReconnect = true },
		"the only server": func(cfg *Config) { cfg.Servers = cfg.Servers[:1] },
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(_ *scene, cfg *Config) { set(cfg) }, func(s *scene) {
				s.lameDuck(s.server(1))
				pass(time.Hour)
				if n := len(s.peers); n != 1 || s.c.Status() != Connected {
					t.Errorf("met %d servers, %v", n, s.c.Status())
				}
				if n := len(s.tape.all(isKind(supervisor.LameDuck))); n != 1 {
					t.Errorf("told %d times", n)
				}
			})
		})
	}
}

// TestTheOnlyServerTellsOfAnother: then the connection moves there.
func TestTheOnlyServerTellsOfAnother(t *testing.T) {
	on(t, func(_ *scene, cfg *Config) { cfg.Servers = cfg.Servers[:1] }, func(s *scene) {
		s.lameDuck(s.server(1))
		pass(time.Minute)
		s.server(1).send(`INFO {"server_id":"peer","connect_urls":["four:4222"]}` + "\r\n")
		pass(time.Second)
		if got := s.c.Server(); got == nil || got.Host != "four:4222" || s.c.Stats().Moves != 1 {
			t.Errorf("at %v after %d moves", got, s.c.Stats().Moves)
		}
	})
}

// TestNoEchoDoesNotOverlap: with two sockets the server would treat our own messages as
// those of others.
func TestNoEchoDoesNotOverlap(t *testing.T) {
	on(t, func(_ *scene, cfg *Config) { cfg.Hello.Echo = false }, func(s *scene) {
		s.cast()
		s.lameDuck(s.server(1))
		pass(moveSpread)
		s.got(s.server(2), "ahead")
		pass(moveSettle)
		s.got(s.server(2), "the rest", "SUB plain 1", "SUB group q 2", "SUB overlap 3", "SUB limited q 4", "UNSUB 4 10")
	})
}

// TestADenialAhead: what the new server does not allow is marked when it is in use.
func TestADenialAhead(t *testing.T) {
	on(t, nil, func(s *scene) {
		_, group, _, _ := s.cast()
		s.lameDuck(s.server(1))
		pass(moveSpread)
		second := s.server(2)
		denial := `-ERR 'Permissions Violation for Subscription to "group" using queue "q"'` + "\r\n"
		second.send(denial)
		synctest.Wait()
		if group.Refusal() != nil {
			t.Error("refused while the old server is in use")
		}
		second.sent()
		pass(moveSettle)
		s.got(second, "the rest", "SUB plain 1", "SUB group q 2", "SUB limited q 4", "UNSUB 4 10")
		second.send(denial)
		synctest.Wait()
		if !errors.Is(group.Refusal(), protocol.ErrPermissionViolation) {
			t.Errorf("refused: %v", group.Refusal())
		}
	})
}

// TestAMemberThatLeavesWhileMoving leaves both servers at once: messages that the new one
// sent it afterwards would be lost to the group.
func TestAMemberThatLeavesWhileMoving(t *testing.T) {
	for name, leave := range map[string]func(s *scene, group *Sub){
		"unsubscribe": func(s *scene, group *Sub) { _ = group.Unsubscribe() },
		"drain":       func(s *scene, group *Sub) { _, _ = group.BeginDrain() },
	} {
		t.Run(name, func(t *testing.T) {
			on(t, nil, func(s *scene) {
				_, group, _, _ := s.cast()
				s.lameDuck(s.server(1))
				pass(moveSpread)
				second := s.server(2)
				s.got(second, "ahead", "SUB group q 2", "SUB overlap 3")
				leave(s, group)
				s.got(second, "at once", "UNSUB 2")
				pass(2 * moveSettle)
				s.got(second, "the rest", "SUB plain 1", "SUB limited q 4", "UNSUB 4 10")
			})
		})
	}
}

// TestARequestWhileMoving is known to both servers, whichever its answer comes from.
func TestARequestWhileMoving(t *testing.T) {
	on(t, func(_ *scene, cfg *Config) { cfg.InboxEach = true }, func(s *scene) {
		s.lameDuck(s.server(1))
		pass(moveSpread)
		second := s.server(2)
		second.sent()
		go func() { _, _ = s.c.Request(context.Background(), "ask", nil, nil, time.Second) }()
		told := second.sent()
		if len(told) != 1 || !strings.HasPrefix(told[0], "SUB _INBOX.") {
			t.Errorf("the new server was told %q", told)
		}
	})
}

// TestAGoodbyeBehindAFullLane: a server is not given up while its answer may be unread.
func TestAGoodbyeBehindAFullLane(t *testing.T) {
	on(t, nil, func(s *scene) {
		sub := subscribe(t, s.c, SubSpec{Subject: "g", Queue: "q", Overflow: Block, Limits: Limits{Msgs: 1, Bytes: -1, BlockFor: time.Hour}})
		first := s.server(1)
		s.lameDuck(first)
		synctest.Wait()
		go first.send("MSG g 1 1\r\na\r\nMSG g 1 1\r\nb\r\n")
		pass(moveSpread + moveSettle + 3*s.c.cfg.Timeout)
		got := ""
		for range 10 {
			sub.TryNext(func(m *Raw) { got += string(m.Payload) })
			pass(time.Millisecond)
		}
		pass(s.c.cfg.Timeout)
		if n := len(s.tape.all(isKind(supervisor.LinkLost))); n != 0 || got != "ab" || s.c.Stats().Moves != 1 {
			t.Errorf("lost the link %d times, got %q, moved %d times", n, got, s.c.Stats().Moves)
		}
	})
}

// TestNewServersForALameDuck: servers that the program then sets are used.
func TestNewServersForALameDuck(t *testing.T) {
	on(t, func(_ *scene, cfg *Config) { cfg.Servers = cfg.Servers[:1] }, func(s *scene) {
		s.lameDuck(s.server(1))
		pass(time.Minute)
		if err := s.c.SetPool([]*url.URL{s.c.cfg.Servers[0], {Scheme: "nats", Host: "two"}}); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if n := s.c.Stats().Moves; n != 1 {
			t.Errorf("moved %d times", n)
		}
	})
}

// TestAnUnaskedPongIsNoGoodbye: a server cannot confirm the end before it was asked.
func TestAnUnaskedPongIsNoGoodbye(t *testing.T) {
	o := liveOutbox(func(loss) {})
	o.seal(1, func(dst []byte) []byte { return protocol.AppendUnsub(dst, 7, 0) })
	if p := o.pong(1, time.Now()); p.asked || p.last {
		t.Errorf("%+v", p)
	}
	o.end(o.begin(1))
	if p := o.pong(1, time.Now()); !p.last {
		t.Errorf("%+v", p)
	}
}

// TestRotateDuringAClose says that the connection is closed.
func TestRotateDuringAClose(t *testing.T) {
	on(t, nil, func(s *scene) {
		rotated := make(chan error, 1)
		go func() { rotated <- s.c.Rotate(context.Background()) }()
		pass(10 * time.Millisecond)
		s.c.Close(context.Background())
		if err := <-rotated; !errors.Is(err, ErrConnectionClosed) {
			t.Error(err)
		}
	})
}

// TestCloseWhileMoving leaves nothing, in whatever phase.
func TestCloseWhileMoving(t *testing.T) {
	for after := time.Duration(0); after < moveSpread+2*moveSettle; after += moveSettle / 5 {
		for name, end := range map[string]func(c *Conn){
			"close": func(c *Conn) { c.Close(context.Background()) },
			"drain": func(c *Conn) {
				if _, err := c.Drain(context.Background()); err != nil {
					t.Errorf("drain after %v: %v", after, err)
				}
			},
			"reconnect": func(c *Conn) { _ = c.ForceReconnect() },
		} {
			t.Run(fmt.Sprintf("%s after %v", name, after), func(t *testing.T) {
				on(t, nil, func(s *scene) {
					s.cast()
					rotated := make(chan error, 1)
					go func() { rotated <- s.c.Rotate(context.Background()) }()
					pass(after)
					end(s.c)
					pass(time.Minute)
					if len(rotated) == 0 {
						t.Error("Rotate waits on")
					}
				})
			})
		}
	}
}

// TestRotateAgainstRealServers moves under load, again and again: a queue group gets
// each message once, a plain subscription none twice and all in order, and every
// request is answered.
func TestRotateAgainstRealServers(t *testing.T) {
	server := natsserver.Run(t, natsserver.Options{})
	mover, other := connect(t, config(t, server.URL())), connect(t, config(t, server.URL()))
	var mu sync.Mutex
	counts := map[string]int{}
	order := map[string]int{}
	note := func(subject, payload string) {
		mu.Lock()
		defer mu.Unlock()
		counts[subject+" "+payload]++
		var n int
		fmt.Sscan(payload, &n)
		if subject == "plain" && n < order[subject] { // members of a group have no order
			t.Errorf("%s: %d came after %d", subject, n, order[subject])
		}
		order[subject] = n
	}
	plain := subscribe(t, mover, SubSpec{Subject: "plain", Consumer: handle(note)})
	group := subscribe(t, mover, SubSpec{Subject: "group", Queue: "q", Consumer: handle(note)})
	echo := subscribe(t, other, SubSpec{Subject: "echo"})
	ctx := must.Within(t, patience)
	go func() {
		for {
			var reply string
			if echo.Next(ctx, func(m *Raw) { reply = string(m.Reply) }) != nil {
				return
			}
			_ = other.Publish(reply, "", nil, nil)
		}
	}()
	if err := errors.Join(mover.Flush(ctx), other.Flush(ctx)); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	sent := 0
	load.Go(func() {
		for ; ; sent++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			mustPublish(t, other, "plain", fmt.Sprint(sent))
			mustPublish(t, other, "group", fmt.Sprint(sent))
		}
	})
	load.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := mover.Request(ctx, "echo", nil, []byte("x"), patience); err != nil {
				t.Error(err)
			}
		}
	})
	for range 5 {
		if err := mover.Rotate(ctx); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	load.Wait()
	if err := errors.Join(other.Flush(ctx), mover.Flush(ctx), plain.Drain(ctx), group.Drain(ctx)); err != nil {
		t.Fatal(err)
	}
	missed := 0
	for n := range sent {
		switch got := counts[fmt.Sprintf("plain %d", n)]; {
		case got > 1:
			t.Errorf("plain message %d came %d times", n, got)
		case got == 0:
			missed++
		}
		if got := counts[fmt.Sprintf("group %d", n)]; got != 1 {
			t.Errorf("group message %d came %d times", n, got)
		}
	}
	t.Logf("of %d messages a plain subscription missed %d in 5 moves", sent, missed)
	if s := mover.Stats(); s.Moves != 5 || s.Reconnects != 0 || s.Uncertain != 0 {
		t.Errorf("%+v", s)
	}
}

// TestRotateFails and says why; the connection goes on.
func TestRotateFails(t *testing.T) {
	refused := errors.New("refused by the test")
	on(t, func(s *scene, _ *Config) {
		s.refuse = func(nth int) error {
			if nth > 1 {
				return refused
			}
			return nil
		}
	}, func(s *scene) {
		err := s.c.Rotate(s.t.Context())
		var none *NoServersError
		if !errors.As(err, &none) || len(none.Attempts) != 3 || !errors.Is(err, refused) {
			t.Errorf("rotate: %v", err)
		}
		if s.c.Status() != Connected || s.c.Stats().Moves != 0 {
			t.Errorf("%v, %+v", s.c.Status(), s.c.Stats())
		}
		cancelled, cancel := context.WithCancel(s.t.Context())
		cancel()
		if err := s.c.Rotate(cancelled); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		pass(time.Minute)
		s.server(1).conn.Close()
		synctest.Wait()
		if err := s.c.Rotate(s.t.Context()); !errors.Is(err, ErrConnectionReconnecting) {
			t.Errorf("without a server: %v", err)
		}
		s.c.Close(context.Background())
		if err := s.c.Rotate(s.t.Context()); !errors.Is(err, ErrConnectionClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// TestRotationsShareMoves: those that come during a move share the next one.
func TestRotationsShareMoves(t *testing.T) {
	on(t, nil, func(s *scene) {
		results := make(chan error, 10)
		for range 10 {
			go func() { results <- s.c.Rotate(s.t.Context()) }()
			synctest.Wait()
		}
		for range 10 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if moves := s.c.Stats().Moves; moves != 2 {
			t.Errorf("%d moves", moves)
		}
	})
}

// TestEveryActorMayDieWhileMoving: whichever actor panics, and at whatever message, the
// connection works afterwards, and Close leaves nothing.
func TestEveryActorMayDieWhileMoving(t *testing.T) {
	server := natsserver.Run(t, natsserver.Options{})
	for _, kind := range []string{"connection", "link", "reader", "writer", "heartbeat", "requests"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel() // a move takes its time
			// An actor that is not killed gets no more messages than that.
			for n := uint64(1); n <= 12 && dieWhileMoving(t, server.URL(), &killer{kind: kind, nth: n}); n++ {
			}
		})
	}
}

// dieWhileMoving reports whether the actor was killed.
func dieWhileMoving(t *testing.T, url string, k *killer) bool {
	t.Helper()
	sys := NewSystem(nil)
	sys.Interpose(k.between)
	c, err := Connect(must.Within(t, patience), sys, config(t, url))
	if err != nil {
		if !k.killed() {
			t.Fatal(err)
		}
		return true
	}
	defer c.Close(context.Background())
	surviveMoves(t, c, k)
	return k.killed()
}

func surviveMoves(t *testing.T, c *Conn, k *killer) {
	t.Helper()
	ctx := must.Within(t, patience)
	echo := subscribe(t, c, SubSpec{Subject: c.reqs.prefix + "echo", Queue: "q"})
	moved := make(chan error, 2)
	for range 2 {
		go func() { moved <- c.Rotate(ctx) }()
	}
	for range 2 {
		if err := <-moved; err != nil && !k.killed() {
			t.Errorf("%s %d: %v", k.kind, k.nth, err)
		}
	}
	for ctx.Err() == nil { // a death may cost a message, or a flush
		_ = c.Publish(echo.Subject, "", nil, []byte("x"))
		if c.Flush(ctx) == nil && echo.TryNext(func(*Raw) {}) {
			return
		}
	}
	t.Errorf("%s %d: nothing arrives: %v", k.kind, k.nth, c.Events())
}

// TestMovesKeepTheDialLimit of the process: many connections that have to leave a server
// wait their turn, each once.
func TestMovesKeepTheDialLimit(t *testing.T) {
	on(t, nil, func(s *scene) {
		for range 2 * DialBurst { // others have used up a second
			s.c.sys.dialWait(time.Now())
		}
		began := time.Now()
		if err := s.c.Rotate(s.t.Context()); err != nil {
			t.Error(err)
		}
		if took, least := time.Since(began), time.Second; took < least || took > least+2*moveSettle {
			t.Errorf("took %v", took)
		}
	})
}
