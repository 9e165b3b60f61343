package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

func tokenOf(s *slot, r *requests) (token [tokenLen]byte) {
	r.giveBackForTest(s)
	got, err := r.take("", nil, &token)
	if err != nil || got != s {
		panic("another slot")
	}
	return token
}

// giveBackForTest frees a slot without looking at its reply.
func (r *requests) giveBackForTest(s *slot) {
	r.mu.Lock()
	s.busy = false
	r.free = append(r.free, s)
	r.mu.Unlock()
}

// TestTokensNameSlotAndUse, and no two uses share one.
func TestTokensNameSlotAndUse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &requests{inbox: &Sub{}}
		s := &slot{index: rapid.Uint32Range(0, slotsMax-1).Draw(t, "slot"), use: rapid.Uint64Range(0, 1<<49).Draw(t, "use"), reply: make(chan Reply, 1)}
		r.free = []*slot{s}
		var token, next [tokenLen]byte
		if _, err := r.take("", nil, &token); err != nil {
			t.Fatal(err)
		}
		index, use, ok := parseToken([]byte("_INBOX.abc." + string(token[:])))
		if !ok || index != uint64(s.index) || use != s.use&(1<<48-1) {
			t.Fatalf("token %s is slot %d, use %d; want %d and %d", token, index, use, s.index, s.use)
		}
		if next = tokenOf(s, r); next == token {
			t.Fatalf("two uses share token %s", token)
		}
	})
}

// TestTokensThatAreNone are not accepted as tokens.
func TestTokensThatAreNone(t *testing.T) {
	for _, subject := range []string{"", "short", "_INBOX.x.AAAAAAAAAA*A", "_INBOX.x.AAAAAAAAAA.A", "_INBOX.x.AAAAAAAAAA\x00A", "_INBOX.x.AAAAAAAAAA\xffA"} {
		if _, _, ok := parseToken([]byte(subject)); ok {
			t.Errorf("%q passed", subject)
		}
	}
}

// answering is a peer's script that passes each PUB to answer, which returns the frames
// to send.
func answering(answer func(subject, reply string) string) script {
	return func(p *peer) {
		if !p.greet(protocol.Info{}) {
			return
		}
		go func() {
			for frame := range p.frames {
				f := strings.Fields(frame)
				if f[0] == "PUB" {
					p.send(answer(f[1], f[2]))
				}
			}
		}()
		p.serve()
		close(p.frames)
	}
}

// TestRepliesFindTheirRequests: late, duplicate, foreign and malformed ones match no
// request.
func TestRepliesFindTheirRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		var stale []string
		peers(t, &cfg, answering(func(subject, reply string) string {
			msg := func(to, text string) string { return fmt.Sprintf("MSG %s 1 %d\r\n%s\r\n", to, len(text), text) }
			prefix := reply[:len(reply)-tokenLen]
			switch subject {
			case "silent":
				stale = append(stale, reply)
				return ""
			case "twice":
				return msg(reply, "first") + msg(reply, "second")
			case "foreign":
				return msg(prefix+"zzzzzzzzzzzz", "foreign") + msg(prefix+"x", "short") + msg(prefix+"....", "odd") + msg(reply, "own")
			default:
				late := ""
				for _, s := range stale {
					late += msg(s, "late")
				}
				return late + msg(reply, "fresh")
			}
		}))
		c := connect(t, cfg)
		ask := func(subject, want string, wantErr error) {
			t.Helper()
			r, err := c.Request(context.Background(), subject, nil, nil, time.Second)
			if !errors.Is(err, wantErr) {
				t.Errorf("%s: %v, want %v", subject, err, wantErr)
			}
			if got := string(r.Data[r.SubjectLen+r.ReplyLen+r.HeaderLen:]); got != want {
				t.Errorf("%s: got %q, want %q", subject, got, want)
			}
		}
		start := time.Now()
		ask("silent", "", protocol.ErrTimeout)
		if took := time.Since(start); took != time.Second {
			t.Errorf("a timeout of a second took %v", took)
		}
		ask("silent", "", context.DeadlineExceeded)
		ask("twice", "first", nil)
		ask("foreign", "own", nil)
		ask("fresh", "fresh", nil)
		synctest.Wait()
		if n := c.Stats().LateReplies; n != 1+3+2 {
			t.Errorf("%d late replies counted, want 6", n)
		}
		if n := len(c.reqs.slots); n != 1 {
			t.Errorf("%d slots for requests one after the other", n)
		}
		if n := c.reqs.ready; n != 0 {
			t.Errorf("%d replies wait for nobody", n)
		}
	})
}

// TestAReplyToWhoGaveUp is dropped when the slot is freed.
func TestAReplyToWhoGaveUp(t *testing.T) {
	r := &requests{inbox: &Sub{}}
	var token [tokenLen]byte
	s := must.Get(r.take("a", nil, &token))(t)
	r.fail(token[:], context.Canceled)
	if r.ready != 1 {
		t.Errorf("%d replies are about to be taken, not one", r.ready)
	}
	r.giveBack(s, nil)
	if len(s.reply) != 0 || r.ready != 0 || len(r.free) != 1 {
		t.Errorf("left: %d replies in the slot, %d to be taken, %d slots free", len(s.reply), r.ready, len(r.free))
	}
}

// TestAReplyThatHasComeCounts, even if the context, the link or the connection has ended
// meanwhile.
func TestAReplyThatHasComeCounts(t *testing.T) {
	r := &requests{inbox: &Sub{}}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 200 {
		for _, ctx := range []context.Context{over, t.Context()} {
			var token [tokenLen]byte
			s := must.Get(r.take("a", nil, &token))(t)
			r.fail(token[:], ErrDisconnected)
			if _, err := r.await(ctx, s, 0); !errors.Is(err, ErrDisconnected) {
				t.Fatalf("it ended with %v", err)
			}
			if r.ready != 0 || len(r.free) != 1 {
				t.Fatalf("%d replies are to be taken, %d slots free", r.ready, len(r.free))
			}
		}
	}
}

// TestUseCounterWraps: the token's digits overflow, and the reply is still matched.
func TestUseCounterWraps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		peers(t, &cfg, answering(func(_, reply string) string { return "MSG " + reply + " 1 0\r\n\r\n" }))
		c := connect(t, cfg)
		if _, err := c.Request(context.Background(), "a", nil, nil, time.Second); err != nil {
			t.Fatal(err)
		}
		c.reqs.slots[0].use = 1<<48 - 3
		for i := range 6 {
			if _, err := c.Request(context.Background(), "a", nil, nil, time.Second); err != nil {
				t.Errorf("request %d: %v", i, err)
			}
		}
	})
}

// TestRequestsEndWithWhatHappens: the context, the link, the connection.
func TestRequestsEndWithWhatHappens(t *testing.T) {
	ends := map[string]struct {
		do   func(c *Conn, p *peer, cancel func())
		want error
	}{
		"context cancelled": {func(_ *Conn, _ *peer, cancel func()) { cancel() }, context.Canceled},
		"link lost":         {func(_ *Conn, p *peer, _ func()) { p.conn.Close() }, ErrDisconnected},
		"connection closed": {func(c *Conn, _ *peer, _ func()) { c.Close(context.Background()) }, ErrConnectionClosed},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config(t)
				ready := make(chan *peer, 10)
				peers(t, &cfg, playing(ready))
				c := connect(t, cfg)
				p := <-ready
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				result := make(chan error, 1)
				go func() {
					_, err := c.Request(ctx, "a", nil, nil, NoTimeout)
					result <- err
				}()
				synctest.Wait()
				start := time.Now()
				end.do(c, p, cancel)
				if err := <-result; !errors.Is(err, end.want) {
					t.Errorf("got %v, want %v", err, end.want)
				}
				if took := time.Since(start); took > time.Second {
					t.Errorf("took %v", took)
				}
				c.reqs.mu.Lock()
				defer c.reqs.mu.Unlock()
				if len(c.reqs.free) != len(c.reqs.slots) {
					t.Errorf("%d of %d slots are free", len(c.reqs.free), len(c.reqs.slots))
				}
				if c.reqs.ready != 0 {
					t.Errorf("%d replies wait for nobody", c.reqs.ready)
				}
			})
		})
	}
}

// TestARequestThatWaitsForALink is not lost with the one before it.
func TestARequestThatWaitsForALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		answer := answering(func(_, reply string) string { return "MSG " + reply + " 1 2\r\nhi\r\n" })
		peers(t, &cfg, func(p *peer) {
			if p.nth == 1 {
				p.greet(protocol.Info{})
				time.Sleep(time.Second)
				return
			}
			time.Sleep(3 * time.Second)
			answer(p)
		})
		cfg.Timeout = 10 * time.Second
		c := connect(t, cfg)
		time.Sleep(2 * time.Second)
		if c.Status() != Reconnecting {
			t.Fatalf("status %v", c.Status())
		}
		r, err := c.Request(context.Background(), "a", nil, nil, time.Minute)
		if err != nil || string(r.Data[r.SubjectLen:]) != "hi" {
			t.Errorf("got %q, %v", r.Data, err)
		}
	})
}
