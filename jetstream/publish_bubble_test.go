package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// publishBubble runs f with a client of a stream in a bubble.
func publishBubble(t *testing.T, f func(b *faults.Env, nc *api.Conn, js jetstream.JetStream), options ...jetstream.JetStreamOpt) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("client")), api.NeverGiveUp()))(b.T)
		b.T.Cleanup(nc.Close)
		addStream(b.T, nc, "ORDERS", ordersConfig)
		f(b, nc, must.Get(jetstream.New(nc, options...))(b.T))
	})
}

// down cuts the link, and keeps it cut until the returned function is called.
func down(b *faults.Env, nc *api.Conn) (up func()) {
	b.T.Helper()
	refuse := must.Get(b.Link("client", "s1").Inject("refuse"))(b.T)
	must.Do(b.T, nc.ForceReconnect())
	for nc.IsConnected() {
		time.Sleep(time.Millisecond)
	}
	return refuse.Lift
}

// TestPublishWhileDown: messages wait for a link in their order; those that time out are not
// sent, and their error says so.
func TestPublishWhileDown(t *testing.T) {
	publishBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		t := b.T
		sub := must.Get(nc.SubscribeSync("orders.>"))(t)
		up := down(b, nc)
		old := must.Get(js.PublishAsync("orders.old", nil))(t)
		_, err := js.PublishAsync("orders.\r\nPUB x 0", nil)
		if !errors.Is(err, api.ErrBadSubject) {
			t.Error(err)
		}
		time.Sleep(9 * time.Second)
		var all []jetstream.PubAckFuture
		buffer := make([]byte, 1)
		for i := range 20 {
			buffer[0] = byte('a' + i)
			all = append(all, must.Get(js.PublishAsync("orders.new", buffer))(t))
		}
		_, err = old.Wait(must.Within(t, patience))
		var lost *jetstream.PublishError
		if !errors.As(err, &lost) || lost.Unknown || lost.MaybeSent() || lost.Attempts != 0 || !errors.Is(err, jetstream.ErrAsyncPublishTimeout) {
			t.Errorf("%#v", err)
		}
		up()
		for i, f := range all {
			if ack := must.Get(f.Wait(must.Within(t, patience)))(t); ack.Sequence != uint64(i+1) {
				t.Errorf("%d: %+v", i, ack)
			}
			if m := must.Get(sub.NextMsg(time.Second))(t); m.Data[0] != byte('a'+i) || m.Subject != "orders.new" {
				t.Errorf("%d: %+v", i, m)
			}
		}
	}, jetstream.WithPublishAsyncTimeout(10*time.Second))
}

// TestPublishBufferLimits: the messages that wait for a link are limited, or none may wait.
func TestPublishBufferLimits(t *testing.T) {
	for limit, fit := range map[int]int{-1: 0, 1000: 10} {
		faults.Bubble(t, func(b *faults.Env) {
			nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("client")), api.ReconnectBufSize(limit)))(b.T)
			defer nc.Close()
			js := must.Get(jetstream.New(nc))(b.T)
			down(b, nc)
			n := 0
			var err error
			for ; err == nil && n < 100; n++ {
				_, err = js.PublishAsync("orders.new", make([]byte, 100))
			}
			if n-1 != fit || !errors.Is(err, api.ErrReconnectBufExceeded) {
				b.T.Errorf("limit %d: %d were taken, then %v", limit, n-1, err)
			}
			if p := js.PublishAsyncPending(); p != fit {
				b.T.Errorf("limit %d: %d pending", limit, p)
			}
		})
	}
}

// TestPublishEndsWithTheConnection: no future is left open, and the handler is called.
func TestPublishEndsWithTheConnection(t *testing.T) {
	told := make(chan error, 10)
	publishBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		t := b.T
		must.Get(b.Link("client", "s1").Inject(`when op(MSG) subject("_INBOX.*.*") drop`))(t)
		left := must.Get(js.PublishAsync("orders.new", nil))(t)
		synctest.Wait()
		up := down(b, nc)
		defer up()
		kept := must.Get(js.PublishAsync("orders.new", nil, jetstream.WithMsgID("a")))(t)
		nc.Close()
		_, err := left.Wait(t.Context())
		if !errors.Is(err, jetstream.ErrPublishUnknown) || !errors.Is(err, api.ErrDisconnected) {
			t.Error(err)
		}
		_, err = kept.Wait(t.Context())
		if !errors.Is(err, api.ErrConnectionClosed) || api.MaybeSent(err) {
			t.Error(err)
		}
		<-js.PublishAsyncComplete()
		if len(told) != 2 {
			t.Error(len(told), "were told")
		}
		if _, err := js.PublishAsync("orders.new", nil); !errors.Is(err, api.ErrConnectionClosed) {
			t.Error(err)
		}
		js.CleanupPublisher()
	}, jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *api.Msg, err error) { told <- err }))
}

// TestPublishHandlers: they get every outcome, and may block, panic and publish, even with room
// for only one message; PublishAsyncComplete waits for them.
func TestPublishHandlers(t *testing.T) {
	var mu sync.Mutex
	var log []string
	note := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, text)
	}
	onErr := func(js jetstream.JetStream, m *api.Msg, err error) {
		note("err " + m.Subject)
		if m.Subject == "none.again" {
			return
		}
		if _, err := js.PublishAsync("none.again", nil, jetstream.WithRetryAttempts(0)); err != nil {
			note(err.Error())
		}
		time.Sleep(time.Second)
		panic("in the handler")
	}
	onAck := func(_ jetstream.JetStream, m *api.Msg, ack *jetstream.PubAck) {
		note(fmt.Sprint("ack ", m.Subject, " ", ack.Sequence))
	}
	publishBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		t := b.T
		must.Get(js.PublishAsync("orders.new", nil))(t)
		must.Get(js.PublishAsync("none.first", nil, jetstream.WithRetryAttempts(0)))(t)
		<-js.PublishAsyncComplete()
		must.Get(js.PublishAsync("orders.new", nil))(t)
		<-js.PublishAsyncComplete()
		mu.Lock()
		defer mu.Unlock()
		if got := strings.Join(log, ", "); got != "ack orders.new 1, err none.first, err none.again, ack orders.new 2" {
			t.Error(got)
		}
	}, jetstream.WithPublishAsyncErrHandler(onErr), jetstream.WithPublishAsyncAckHandler(onAck), jetstream.WithPublishAsyncMaxPending(1))
}

// TestCleanupPublisher: pending messages get an outcome, and the next message starts afresh.
func TestCleanupPublisher(t *testing.T) {
	publishBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		t := b.T
		js.CleanupPublisher()
		subs := nc.NumSubscriptions()
		for range 3 {
			fault := must.Get(b.Link("client", "s1").Inject(`when op(MSG) subject("_INBOX.*.*") drop`))(t)
			f := must.Get(js.PublishAsync("orders.new", nil))(t)
			complete := js.PublishAsyncComplete()
			js.CleanupPublisher()
			if _, err := f.Wait(t.Context()); !errors.Is(err, jetstream.ErrJetStreamPublisherClosed) || !api.MaybeSent(err) {
				t.Error(err)
			}
			<-complete
			fault.Lift()
			synctest.Wait()
			if n := nc.NumSubscriptions(); n != subs {
				t.Errorf("%d subscriptions, %d before", n, subs)
			}
			must.Get(must.Get(js.PublishAsync("orders.new", nil))(t).Wait(t.Context()))(t)
			js.CleanupPublisher()
		}
	})
}

// TestPublishAsyncContextWaitsForRoom: calls wait until their context ends, in the order of
// arrival.
func TestPublishAsyncContextWaitsForRoom(t *testing.T) {
	publishBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		t := b.T
		hold := must.Get(nc.SubscribeSync("slow.new"))(t)
		must.Get(js.PublishAsync("slow.new", nil))(t)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := js.PublishAsyncContext(ctx, "slow.new", nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Error(err, time.Since(began))
		}
		var stored [5]uint64
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				f, err := js.PublishAsyncContext(t.Context(), "orders.new", nil)
				if err != nil {
					t.Error(err)
					return
				}
				stored[i] = must.Get(f.Wait(t.Context()))(t).Sequence
			})
			synctest.Wait()
		}
		must.Do(t, must.Get(hold.NextMsg(time.Second))(t).Respond([]byte(`{"stream":"S","seq":1}`)))
		wg.Wait()
		if fmt.Sprint(stored) != "[1 2 3 4 5]" {
			t.Error(stored)
		}
		_, err := js.PublishAsyncContext(t.Context(), "orders.new", nil, jetstream.WithStallWait(1))
		if !errors.Is(err, jetstream.ErrInvalidOption) {
			t.Error(err)
		}
	}, jetstream.WithPublishAsyncMaxPending(1), jetstream.WithPublishAsyncTimeout(time.Minute))
}

// TestPublishNotPermitted: a server's refusal ends the message at once.
func TestPublishNotPermitted(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("client")), api.UserInfo("u", "p")))(b.T)
		defer nc.Close()
		js := must.Get(jetstream.New(nc))(b.T)
		began := time.Now()
		_, err := must.Get(js.PublishAsync("denied.new", nil))(b.T).Wait(must.Within(b.T, patience))
		if !errors.Is(err, api.ErrPermissionViolation) || api.MaybeSent(err) || time.Since(began) > time.Second {
			b.T.Errorf("%v after %v", err, time.Since(began))
		}
	}, faults.ServerOptions(natsserver.Options{JetStream: true,
		Config: `authorization { users = [ {user: u, password: p, permissions: {publish: {deny: "denied.>"}}} ] }`}))
}

// TestPublishInterleavings: whatever happens to the link and in whatever order, each message has
// one outcome, acknowledged messages are stored, and those with an id are stored once.
func TestPublishInterleavings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 7), 1, 40).Draw(rt, "steps")
		window := rapid.IntRange(1, 8).Draw(rt, "window")
		publishBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
			interleave(b, nc, js, steps)
		}, jetstream.WithPublishAsyncMaxPending(window), jetstream.WithPublishAsyncTimeout(20*time.Second))
	})
}

// TestHandlersAreCalledOneAtATime: also when the publisher is cleaned up and used again
// while one of them blocks.
func TestHandlersAreCalledOneAtATime(t *testing.T) {
	release, calls, busy := make(chan struct{}), 0, 0
	handler := func(jetstream.JetStream, *api.Msg, *jetstream.PubAck) {
		calls++
		if busy++; busy > 1 {
			t.Error("two at a time")
		}
		if calls == 1 {
			<-release
		}
		busy--
		if calls == 2 {
			panic("handler")
		}
	}
	publishBubble(t, func(b *faults.Env, _ *api.Conn, js jetstream.JetStream) {
		release = make(chan struct{})
		for range 3 {
			must.Get(js.PublishAsync("orders.a", nil))(b.T)
			time.Sleep(time.Second)
			js.CleanupPublisher()
		}
		must.Get(js.PublishAsync("orders.a", nil))(b.T)
		time.Sleep(time.Second)
		synctest.Wait()
		if calls != 1 {
			b.T.Errorf("%d calls while the first blocks", calls)
		}
		close(release)
		<-js.PublishAsyncComplete()
		synctest.Wait()
		if calls != 4 {
			b.T.Errorf("%d calls", calls)
		}
	}, jetstream.WithPublishAsyncAckHandler(handler))
}

// TestPublishMindsTheWindow: a message that may be stored is not sent again if the link comes
// back after the stream's window for duplicates.
func TestPublishMindsTheWindow(t *testing.T) {
	publishBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		deaf := must.Get(b.Link("client", "s1").Inject("blackhole(in)"))(b.T)
		f := must.Get(js.PublishAsync("orders.a", nil, jetstream.WithMsgID("x")))(b.T)
		time.Sleep(time.Second)
		up := down(b, nc)
		deaf.Lift()
		time.Sleep(10 * time.Minute)
		up()
		time.Sleep(time.Minute)
		if _, err := f.Wait(must.Within(b.T, patience)); !errors.Is(err, jetstream.ErrPublishUnknown) || !api.MaybeSent(err) {
			b.T.Error(err)
		}
		if n := must.Get(js.Stream(b.T.Context(), "ORDERS"))(b.T).CachedInfo().State.Msgs; n != 1 {
			b.T.Errorf("the stream has it %d times", n)
		}
	}, jetstream.WithPublishAsyncTimeout(time.Hour))
}

// TestNothingIsSentWhenTheTimeIsUp: a message sent at the end of a context would be stored after
// the caller had learned that there was no answer.
func TestNothingIsSentWhenTheTimeIsUp(t *testing.T) {
	publishBubble(t, func(b *faults.Env, _ *api.Conn, js jetstream.JetStream) {
		cut := must.Get(b.Link("client", "s1").Inject(`when op(HPUB) subject("orders.>") drop`))(b.T)
		for range 50 { // the timers of a context and of its last attempt end in either order
			_, err := js.Publish(must.Within(b.T, time.Second), "orders.a", nil, jetstream.WithMsgID("x"))
			if lost, ok := errors.AsType[*jetstream.PublishError](err); !ok || lost.Attempts != 4 {
				b.T.Fatalf("%+v", err)
			}
		}
		cut.Lift()
	})
}

// interleave publishes, and injects faults in between.
func interleave(b *faults.Env, nc *api.Conn, js jetstream.JetStream, steps []int) {
	t, link := b.T, b.Link("client", "s1")
	futures := map[string]jetstream.PubAckFuture{}
	send := func(kind string, options ...jetstream.PublishOpt) {
		value := fmt.Sprint(kind, len(futures))
		f, err := js.PublishAsync("orders."+value, []byte(value), append(options, jetstream.WithStallWait(time.Millisecond))...)
		if err == nil {
			futures[value] = f
		} else if !errors.Is(err, jetstream.ErrTooManyStalledMsgs) {
			t.Error(err)
		}
	}
	for _, step := range steps {
		switch step {
		case 0, 1:
			send("plain")
		case 2, 3:
			send("id", jetstream.WithMsgID(fmt.Sprint("id", len(futures))))
		case 4:
			must.Do(t, nc.ForceReconnect())
		case 5:
			must.Get(link.Inject(`when op(MSG) subject("_INBOX.*.*") index(1) drop`))(t)
		case 6:
			must.Get(link.Inject("for 700ms refuse"))(t)
			must.Do(t, nc.ForceReconnect())
		case 7:
			time.Sleep(300 * time.Millisecond)
		}
	}
	link.Clear()
	outcomes := map[string]error{}
	for value, f := range futures {
		_, outcomes[value] = f.Wait(must.Within(t, 21*time.Second))
	}
	if n := js.PublishAsyncPending(); n != 0 {
		t.Error("pending", n)
	}
	for time.Sleep(time.Second); !nc.IsConnected(); { // the last request is done, too
		time.Sleep(time.Millisecond)
	}
	stored := map[string]int{}
	s := must.Get(js.Stream(must.Within(t, patience), "ORDERS"))(t)
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		stored[string(must.Get(s.GetMsg(must.Within(t, patience), seq))(t).Data)]++
	}
	for value, err := range outcomes {
		n, unknown := stored[value], errors.Is(err, jetstream.ErrPublishUnknown)
		if n > 1 || err == nil && n != 1 || err != nil && !unknown && n != 0 || strings.HasPrefix(value, "id") && err != nil {
			t.Errorf("steps %v: %s is stored %d times: %v", steps, value, n, err)
		}
	}
}

// TestNothingIsPublishedWhenTheTimeIsOver: a publish that finds no stream ends in time with that
// error, and is not stored when the stream is created later; whatever limits it, with an id and
// without.
func TestNothingIsPublishedWhenTheTimeIsOver(t *testing.T) {
	cancellable := func(t testing.TB) context.Context {
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		return ctx
	}
	for name, c := range map[string]struct {
		ctx  func(t testing.TB) context.Context
		opts []jetstream.PublishOpt
	}{
		"for ever":        {func(testing.TB) context.Context { return context.Background() }, nil},
		"cancellable":     {cancellable, nil},
		"deadline":        {func(t testing.TB) context.Context { return must.Within(t, 5*time.Second) }, nil},
		"id":              {func(testing.TB) context.Context { return context.Background() }, []jetstream.PublishOpt{jetstream.WithMsgID("x")}},
		"cancellable, id": {cancellable, []jetstream.PublishOpt{jetstream.WithMsgID("x")}},
		"deadline, id":    {func(t testing.TB) context.Context { return must.Within(t, 5*time.Second) }, []jetstream.PublishOpt{jetstream.WithMsgID("x")}},
	} {
		inBubble(t, func(b *faults.Env, nc *api.Conn, _ jetstream.JetStream) {
			js := must.Get(jetstream.New(nc, jetstream.WithIdempotentRetry()))(b.T)
			opts := append(slices.Clone(c.opts), jetstream.WithRetryAttempts(1000), jetstream.WithRetryWait(300*time.Millisecond))
			began := time.Now()
			_, err := js.Publish(c.ctx(b.T), "late", nil, opts...)
			if took := time.Since(began); took != 5*time.Second {
				b.T.Errorf("%s: it took %v", name, took)
			}
			is(b.T, err, jetstream.ErrNoStreamResponse)
			if e, ok := errors.AsType[*jetstream.PublishError](err); !ok || e.Unknown {
				b.T.Errorf("%s: %v", name, err)
			}
			makeStream(b.T, nc, "LATE late", "")
			time.Sleep(time.Minute)
			if info := must.Get(must.Get(js.Stream(b.T.Context(), "LATE"))(b.T).Info(b.T.Context()))(b.T); info.State.Msgs != 0 {
				b.T.Errorf("%s: %d messages are stored", name, info.State.Msgs)
			}
		})
	}
}
