package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/internal/must"
)

// unharmed checks that a connection and a subscription of it work.
func unharmed(t *testing.T, nc *api.Conn, sub *api.Subscription) {
	t.Helper()
	if !nc.IsConnected() || !sub.IsValid() {
		t.Fatalf("%v, the subscription is valid: %v", nc.Status(), sub.IsValid())
	}
	must.Do(t, nc.Publish(sub.Subject, []byte("after")))
	if m := must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t); string(m.Data) != "after" {
		t.Errorf("got %q", m.Data)
	}
}

// TestErrorOfApi: every error that a call returns answers all questions.
func TestErrorOfApi(t *testing.T) {
	_, nc := both(t)
	_, connect := api.Connect("nats://127.0.0.1:1", api.Timeout(patience))
	_, request := nc.Request("nobody", nil, patience)
	_, next := must.Get(nc.SubscribeSync("a"))(t).NextMsg(time.Millisecond)
	nc.Close()
	for want, err := range map[api.Category]error{
		api.CategoryConnection: connect, api.CategoryUnavailable: request, api.CategoryTimeout: next,
		api.CategoryInput: nc.Publish("", nil), api.CategoryClosed: nc.Flush(),
	} {
		if e := holds[api.Error](t, err); e.Category() != want || e.Retryable() != api.Retryable(err) || e.MaybeSent() != api.MaybeSent(err) {
			t.Errorf("%v is about %v, want %v", err, e.Category(), want)
		}
	}
}

// TestErrorConnectionClosed makes every call on a closed connection.
func TestErrorConnectionClosed(t *testing.T) {
	_, nc := both(t)
	async := must.Get(nc.Subscribe("a", func(*api.Msg) {}))(t)
	sync := must.Get(nc.SubscribeSync("b"))(t)
	nc.Close()
	nc.Close()
	for _, f := range []func() error{
		func() error { return nc.Publish("a", nil) },
		func() error { return nc.PublishMsg(api.NewMsg("a")) },
		func() error { _, err := nc.Subscribe("a", func(*api.Msg) {}); return err },
		func() error { _, err := nc.SubscribeSync("a"); return err },
		func() error { _, err := nc.Request("a", nil, time.Second); return err },
		func() error { _, err := nc.RequestWithContext(must.Within(t, patience), "a", nil); return err },
		nc.Flush, nc.Drain, nc.ForceReconnect,
		func() error { return nc.FlushWithContext(must.Within(t, patience)) },
		func() error { _, err := nc.RTT(); return err },
		func() error { _, err := nc.DrainContext(must.Within(t, patience)); return err },
		func() error { _, err := nc.GetClientID(); return err },
		func() error { _, err := nc.Buffered(); return err },
		async.Unsubscribe, sync.Unsubscribe, async.Drain,
		func() error { return async.AutoUnsubscribe(1) },
		func() error { _, err := sync.NextMsg(time.Second); return err },
		func() error { _, err := sync.NextMsgWithContext(must.Within(t, patience)); return err },
	} {
		err := f()
		errortest.Says(err, api.CategoryClosed, "", api.ErrConnectionClosed, net.ErrClosed).Check(t)
		if why := holds[*api.ConnectionClosedError](t, err); why.Cause != nil || why.Sent {
			t.Errorf("%+v", why)
		}
	}
	if async.IsValid() || sync.IsValid() || nc.ConnectedUrl() != "" || !nc.IsClosed() {
		t.Error("something is still alive")
	}
	if report, err := nc.CloseContext(must.Within(t, patience)); err != nil || len(report.Unfinished) != 0 {
		t.Errorf("a further close: %v, %v", report, err)
	}
}

// TestErrorConnectionClosedWhileWaiting distinguishes calls that had sent something from
// those that had not.
func TestErrorConnectionClosedWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc := must.Get(api.Connect("", api.InProcessServer(&mute{}), api.System(api.NewActorSystem(nil)), api.PingInterval(0)))(t)
		sub := must.Get(nc.SubscribeSync("a"))(t)
		ends := make(chan string)
		wait := func(traits string, call func() error) {
			go func() {
				errortest.Says(call(), api.CategoryClosed, traits, api.ErrConnectionClosed).Check(t)
				ends <- traits
			}()
		}
		wait("sent", func() error { _, err := nc.Request("a", nil, time.Hour); return err })
		wait("sent", func() error { return nc.FlushTimeout(time.Hour) })
		wait("", func() error { _, err := sub.NextMsg(time.Hour); return err })
		synctest.Wait()
		nc.Close()
		for range 3 {
			<-ends
		}
	})
}

// TestErrorTimeout of requests, by their own timeout and by a context.
func TestErrorTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
		silent := dial(t, s, inBubble(s)...)
		defer silent.Close()
		asked := make(chan *api.Msg, 10)
		must.Get(silent.Subscribe("silent", func(m *api.Msg) { asked <- m }))(t)
		flushed(t, silent)
		const brief = 20 * time.Millisecond
		_, err := nc.Request("silent", nil, brief)
		errortest.Says(err, api.CategoryTimeout, "retry sent", api.ErrTimeout, context.DeadlineExceeded).Check(t)
		if late := holds[*api.TimeoutError](t, err); late.Op != "request" || late.Subject != "silent" || late.After != brief || late.Elapsed < late.After {
			t.Errorf("%+v", late)
		}
		if late := holds[net.Error](t, err); !late.Timeout() || errors.Is(err, context.Canceled) {
			t.Errorf("%v is no timeout of net", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), brief)
		defer cancel()
		_, err = nc.RequestWithContext(ctx, "silent", nil)
		errortest.Says(err, api.CategoryTimeout, "retry sent", api.ErrTimeout, context.DeadlineExceeded).Check(t)
		must.Do(t, await(t, asked, "the first request").Respond([]byte("late")))
		cancelled, stop := context.WithCancel(context.Background())
		go func() {
			for range 2 {
				<-asked
			}
			stop()
		}()
		_, err = nc.RequestWithContext(cancelled, "silent", nil)
		errortest.Says(err, api.CategoryCanceled, "sent", context.Canceled).Check(t)
		if errors.Is(err, api.ErrTimeout) {
			t.Errorf("%v is a timeout", err)
		}
		_, err = nc.RequestWithContext(cancelled, "silent", nil)
		errortest.Says(err, api.CategoryCanceled, "", context.Canceled).Check(t)
		sub := must.Get(nc.SubscribeSync("a"))(t)
		_, err = sub.NextMsg(time.Millisecond)
		errortest.Says(err, api.CategoryTimeout, "retry", api.ErrTimeout).Check(t)
		flushed(t, silent, nc)
		if late := nc.Stats().LateReplies; late != 1 {
			t.Errorf("%d late replies", late)
		}
		unharmed(t, nc, sub)
	})
}

func TestErrorNoResponders(t *testing.T) {
	_, nc := both(t)
	_, err := nc.Request("nobody", nil, patience)
	errortest.Says(err, api.CategoryUnavailable, "retry", api.ErrNoResponders).Check(t)
	if nobody := holds[*api.NoRespondersError](t, err); nobody.Subject != "nobody" || errors.Is(err, api.ErrTimeout) {
		t.Errorf("error %#v", err)
	}
	_, err = nc.RequestWithContext(must.Within(t, patience), "nobody", nil)
	errortest.Says(err, api.CategoryUnavailable, "retry", api.ErrNoResponders).Check(t)
	for _, err := range nc.RequestMany(must.Within(t, patience), "nobody", nil) {
		errortest.Says(err, api.CategoryUnavailable, "retry", api.ErrNoResponders).Check(t)
	}
	unharmed(t, nc, must.Get(nc.SubscribeSync("a"))(t))
}

// TestErrorRequestLost: the request and the flush may have arrived before the link was
// lost.
func TestErrorRequestLost(t *testing.T) {
	s, nc := both(t, quickly...)
	asked := make(chan struct{}, 1)
	sub := must.Get(nc.Subscribe("silent", func(*api.Msg) { asked <- struct{}{} }))(t)
	got := make(chan error, 1)
	go func() {
		_, err := nc.Request("silent", nil, time.Hour)
		got <- err
	}()
	await(t, asked, "the request")
	up := nc.StatusChanged(api.CONNECTED)
	s.Kill()
	err := await(t, got, "the end of the request")
	errortest.Says(err, api.CategoryConnection, "retry sent", api.ErrDisconnected, api.ErrUnexpectedEOF).Check(t)
	if lost := holds[*api.RequestLostError](t, err); lost.Op != "request" || errors.Is(err, api.ErrConnectionClosed) {
		t.Errorf("%+v", lost)
	}
	must.Do(t, s.Restart())
	await(t, up, "the reconnect")
	if !sub.IsValid() {
		t.Error("the subscription is gone")
	}
}

// TestErrorStaleConnection when the allowed PINGs are unanswered, and not earlier.
func TestErrorStaleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := make(chan error, 1)
		begin := time.Now()
		nc := must.Get(api.Connect("", api.InProcessServer(&mute{}), api.System(api.NewActorSystem(nil)), api.NoReconnect(),
			api.PingInterval(10*time.Second), api.MaxPingsOutstanding(3),
			api.DisconnectErrHandler(func(_ *api.Conn, err error) { lost <- err })))(t)
		err := <-lost
		errortest.Says(err, api.CategoryConnection, "retry sent", api.ErrStaleConnection).Check(t)
		stale := holds[*api.StaleConnectionError](t, err)
		if stale.PingsOut != 3 || stale.Interval != 10*time.Second || !stale.LastPong.Equal(begin) || stale.ByServer || stale.URL == "" {
			t.Errorf("error %+v", stale)
		}
		if d := time.Since(begin); d != 40*time.Second {
			t.Errorf("left after %v", d)
		}
		synctest.Wait() // it is closed behind the callback
		kinds(t, nc.Publish("a", nil), api.ErrConnectionClosed, api.ErrStaleConnection)
		nc.Close()
	})
}

// mumbling is a server that never receives its clients' PONGs.
type mumbling struct{ *natsserver.Server }

func (m mumbling) InProcessConn() (net.Conn, error) {
	conn, err := m.Server.InProcessConn()
	return mumbled{conn}, err
}

type mumbled struct{ net.Conn }

func (c mumbled) Write(p []byte) (int, error) {
	_, err := c.Conn.Write(bytes.ReplaceAll(p, []byte("PONG\r\n"), nil))
	return len(p), err
}

// TestErrorStaleConnectionByServer: the cause is the server's text, not the end of the
// connection that follows.
func TestErrorStaleConnectionByServer(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true, PingInterval: 10 * time.Second})
		lost := make(chan error, 100)
		nc := must.Get(api.Connect("", append(inBubble(s), api.InProcessServer(mumbling{s}), api.PingInterval(0),
			api.DisconnectErrHandler(func(_ *api.Conn, err error) { lost <- err }))...))(t)
		defer nc.Close()
		sub := must.Get(nc.SubscribeSync("a"))(t)
		err := <-lost
		errortest.Says(err, api.CategoryConnection, "retry sent", api.ErrStaleConnection).Check(t)
		if stale := holds[*api.StaleConnectionError](t, err); !stale.ByServer || errors.Is(err, io.EOF) {
			t.Errorf("%+v", stale)
		}
		if said := holds[*api.ServerError](t, err); said.Text != "Stale Connection" {
			t.Errorf("%+v", said)
		}
		time.Sleep(time.Second)
		unharmed(t, nc, sub)
	})
}

func TestErrorOutboundBufferLimit(t *testing.T) {
	s, nc := both(t, append(quickly, api.ReconnectBufSize(100))...)
	none := dial(t, s, append(quickly, api.ReconnectBufSize(-1))...)
	sub := must.Get(nc.SubscribeSync("b"))(t)
	flushed(t, nc, none)
	downToo := none.StatusChanged(api.RECONNECTING)
	refused := errortest.Says(nil, api.CategoryLimit, "retry", api.ErrOutboundBufferLimit, api.ErrReconnectBufExceeded)
	outage(t, s, nc, func() {
		await(t, downToo, "the other connection's loss")
		refused.Err = none.Publish("a", nil)
		refused.Check(t)
		_, refused.Err = none.Request("a", nil, time.Hour)
		refused.Check(t)
		for refused.Err = nil; refused.Err == nil; {
			refused.Err = nc.Publish("a", make([]byte, 10))
		}
		refused.Check(t)
		full := holds[*api.OutboundBufferLimitError](t, refused.Err)
		if full.Limit != 100 || full.Buffered < 100 || full.Need < 11 {
			t.Errorf("error %+v", full)
		}
	})
	flushed(t, nc)
	unharmed(t, nc, sub)
}

// TestErrorUnexpectedEOF: the server says nothing before it closes the connection.
func TestErrorUnexpectedEOF(t *testing.T) {
	for name, c := range map[string]struct {
		cut     func(*natsserver.Server, uint64)
		restart bool
	}{
		"killed":    {func(s *natsserver.Server, _ uint64) { s.Kill() }, true},
		"kicked":    {func(s *natsserver.Server, id uint64) { _ = s.Server().DisconnectClientByID(id) }, false},
		"lame duck": {func(s *natsserver.Server, _ uint64) { <-s.LameDuck() }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := natsserver.Run(t, natsserver.Options{LameDuck: time.Millisecond})
			lost := make(chan error, 1)
			nc := dial(t, s, append(quickly, api.DisconnectErrHandler(func(_ *api.Conn, err error) {
				select {
				case lost <- err:
				default: // the end of the test
				}
			}))...)
			sub := must.Get(nc.SubscribeSync("a"))(t)
			flushed(t, nc)
			up := nc.StatusChanged(api.CONNECTED)
			c.cut(s, must.Get(nc.GetClientID())(t))
			err := await(t, lost, "the loss")
			errortest.Says(err, api.CategoryConnection, "retry sent", api.ErrUnexpectedEOF, api.ErrStaleConnection, io.ErrUnexpectedEOF, io.EOF).Check(t)
			if link := holds[*api.LinkError](t, err); link.URL != s.URL() || link.Phase != "read" {
				t.Errorf("%+v", link)
			}
			if c.restart {
				must.Do(t, s.Restart())
			}
			await(t, up, "the reconnect")
			flushed(t, nc)
			unharmed(t, nc, sub)
		})
	}
}

// TestErrorFlushTimeout from a server that reads but does not answer.
func TestErrorFlushTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc := must.Get(api.Connect("", api.InProcessServer(&mute{}), api.System(api.NewActorSystem(nil)), api.PingInterval(0)))(t)
		defer nc.Close()
		sub := must.Get(nc.SubscribeSync("a"))(t)
		for op, flush := range map[string]func() error{
			"flush": func() error { return nc.FlushTimeout(10 * time.Second) },
			"rtt":   func() error { _, err := nc.RTT(); return err },
		} {
			err := flush()
			errortest.Says(err, api.CategoryTimeout, "retry sent", api.ErrFlushTimeout, api.ErrTimeout, context.DeadlineExceeded).Check(t)
			late := holds[*api.FlushTimeoutError](t, err)
			if late.Op != op || late.After != 10*time.Second || late.Elapsed != 10*time.Second || late.Buffered != 0 || late.Cause != nil {
				t.Errorf("%+v", late)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		errortest.Says(nc.FlushContext(ctx), api.CategoryCanceled, "sent", context.Canceled).Check(t)
		if !nc.IsConnected() || !sub.IsValid() {
			t.Errorf("%v", nc.Status())
		}
	})
}
