package api_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// TestErrorBadSubscription names the subscription that has ended, and the reason.
func TestErrorBadSubscription(t *testing.T) {
	_, nc := both(t)
	ended := func(err error, why ...error) {
		t.Helper()
		errortest.Says(err, api.CategoryClosed, "", append(why, api.ErrBadSubscription)...).Check(t)
	}
	sub := must.Get(nc.QueueSubscribeSync("a", "q"))(t)
	other := must.Get(nc.SubscribeSync("b"))(t)
	must.Do(t, sub.Unsubscribe())
	_, next := sub.NextMsg(time.Hour)
	_, _, pending := sub.Pending()
	for _, err := range []error{sub.Unsubscribe(), sub.AutoUnsubscribe(1), next, pending, sub.SetPendingLimits(1, 1)} {
		ended(err)
		if bad := holds[*api.BadSubscriptionError](t, err); bad.Subject != "a" || bad.Queue != "q" || bad.SID == 0 || bad.Cause != nil {
			t.Errorf("%+v", bad)
		}
	}
	full := must.Get(nc.SubscribeSync("c", api.PendingLimits(1, -1), api.OnOverflow(api.StopSubscription)))(t)
	over := full.StatusChanged(api.SubscriptionClosed)
	for range 2 {
		must.Do(t, nc.Publish("c", nil))
	}
	await(t, over, "the end")
	_, err := full.NextMsg(time.Hour)
	ended(err, api.ErrSlowConsumer)
	var none *api.Subscription
	ended(none.Unsubscribe())
	unharmed(t, nc, other)
}

// TestErrorBadSubject by the rules of this library, and by those of a server.
func TestErrorBadSubject(t *testing.T) {
	told := make(chan error, 10)
	_, nc := both(t, api.SkipSubjectValidation(), func(o *api.Options) error { o.Pedantic = true; return nil },
		api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { told <- err }))
	sub := must.Get(nc.SubscribeSync("a"))(t)
	_, queue := nc.QueueSubscribeSync("a", "q q")
	_, subscribe := nc.SubscribeSync("a..b")
	for _, c := range []struct {
		err  error
		want api.BadSubjectError
		kind error
	}{
		{nc.Publish("a b", nil), api.BadSubjectError{Subject: "a b", Reason: protocol.ReasonBlank, Pos: 1, Role: protocol.RolePublish}, api.ErrBadSubject},
		{nc.PublishRequest("a", "b.*", nil), api.BadSubjectError{Subject: "b.*", Reason: protocol.ReasonWildcard, Pos: 2, Role: protocol.RoleReply}, api.ErrBadSubject},
		{subscribe, api.BadSubjectError{Subject: "a..b", Reason: protocol.ReasonEmptyToken, Pos: 2, Role: protocol.RoleSubscribe}, api.ErrBadSubject},
		{queue, api.BadSubjectError{Subject: "q q", Reason: protocol.ReasonBlank, Pos: 1, Role: protocol.RoleQueue}, api.ErrBadQueueName},
	} {
		errortest.Says(c.err, api.CategoryInput, "", api.ErrBadSubject, c.kind).Check(t)
		if bad := holds[*api.BadSubjectError](t, c.err); *bad != c.want {
			t.Errorf("%+v, want %+v", bad, c.want)
		}
	}
	must.Do(t, nc.Publish("a..b", nil))
	err := await(t, told, "the server's opinion")
	errortest.Says(err, api.CategoryInput, "", api.ErrBadSubject).Check(t)
	if said := holds[*api.ServerError](t, err); said.Text != "Invalid Publish Subject" {
		t.Errorf("%+v", said)
	}
	unharmed(t, nc, sub)
}

// TestErrorSlowConsumer is reported once in each episode, to NextMsg and to the ErrorHandler.
func TestErrorSlowConsumer(t *testing.T) {
	told := make(chan error, 10)
	_, nc := both(t)
	sub := must.Get(nc.QueueSubscribeSync("a", "q", api.PendingLimits(3, -1)))(t)
	nc.SetErrorHandler(func(_ *api.Conn, about *api.Subscription, err error) {
		if about != sub {
			t.Errorf("told about %v", about)
		}
		told <- err
	})
	for i := range 10 {
		must.Do(t, nc.Publish("a", number(i)))
	}
	flushed(t, nc)
	slow := errortest.Says(await(t, told, "the report"), api.CategoryLimit, "retry", api.ErrSlowConsumer)
	slow.Check(t)
	_, slow.Err = sub.NextMsg(time.Second)
	slow.Check(t)
	e := holds[*api.SlowConsumerError](t, slow.Err)
	if e.Subject != "a" || e.Queue != "q" || e.SID == 0 || e.Dropped != 7 || e.DroppedBytes != 7 || e.PendingMsgs != 3 || e.LimitMsgs != 3 || e.LimitBytes != -1 {
		t.Errorf("error %+v", e)
	}
	for i := range 3 {
		if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != string(number(i)) {
			t.Errorf("message %d is %q", i, m.Data)
		}
	}
	if dropped, _ := sub.Dropped(); dropped != 7 {
		t.Errorf("dropped %d", dropped)
	}
	unharmed(t, nc, sub)
	if len(told) > 0 {
		t.Errorf("told again: %v", <-told)
	}
}

// TestErrorInvalidCallbackType: there is no handler.
func TestErrorInvalidCallbackType(t *testing.T) {
	_, nc := both(t)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	_, handler := nc.Subscribe("a", nil)
	_, queue := nc.QueueSubscribe("a", "q", nil)
	_, channel := nc.ChanSubscribe("a", nil)
	for where, err := range map[string]error{"Subscribe": handler, "QueueSubscribe": queue, "ChanSubscribe": channel} {
		errortest.Says(err, api.CategoryInput, "", api.ErrInvalidCallback, api.ErrInvalidCallbackType, api.ErrInvalidArg, api.ErrBadSubscription).Check(t)
		if bad := holds[*api.InvalidCallbackError](t, err); bad.Where == "" {
			t.Errorf("%s: %+v", where, bad)
		}
	}
	unharmed(t, nc, sub)
}

// TestErrorBadTimeout from everything that takes a duration.
func TestErrorBadTimeout(t *testing.T) {
	_, nc := both(t)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	for _, d := range []time.Duration{0, -time.Second} {
		_, request := nc.Request("a", nil, d)
		_, requestMsg := nc.RequestMsg(api.NewMsg("a"), d)
		_, next := sub.NextMsg(min(d, -1)) // zero does not wait
		_, block := nc.SubscribeSync("a", api.OnOverflow(api.Block, min(d, -1)))
		errs := map[string]error{
			"flush": nc.FlushTimeout(d), "request": request, "requestMsg": requestMsg, "next": next, "block": block,
			"stall": firstOf(nc, api.RequestManyStall(d)), "total": firstOf(nc, api.RequestManyTotal(d)),
		}
		for name, option := range map[string]api.Option{
			"Timeout": api.Timeout(min(d, -1)), "ReconnectWait": api.ReconnectWait(min(d, -1)), "DrainTimeout": api.DrainTimeout(min(d, -1)),
			"ReconnectJitter": api.ReconnectJitter(min(d, -1), 0),
		} {
			_, errs[name] = api.Connect("", option)
		}
		for name, err := range errs {
			errortest.Says(err, api.CategoryInput, "", api.ErrBadTimeout, api.ErrInvalidArg).Check(t)
			if bad := holds[*api.BadTimeoutError](t, err); bad.Op == "" || bad.Value > 0 {
				t.Errorf("%s: %+v", name, bad)
			}
		}
	}
	unharmed(t, nc, sub)
}

// firstOf returns the error that a RequestMany begins with.
func firstOf(nc *api.Conn, option api.RequestManyOption) (err error) {
	for _, err = range nc.RequestMany(context.Background(), "a", nil, option) {
		break
	}
	return err
}

// TestErrorDrainTimeout names the actor that did not finish, to the caller and to the
// ErrorHandler; the connection is closed nevertheless.
func TestErrorDrainTimeout(t *testing.T) {
	_, nc := both(t, api.DrainTimeout(20*time.Millisecond))
	failures, gate := make(chan error, 10), make(chan struct{})
	nc.SetErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) {
		failures <- err
		close(gate)
	})
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) { <-gate }))(t)
	must.Do(t, nc.Publish("a", nil))
	flushed(t, nc)
	report, err := nc.DrainContext(context.Background())
	late := errortest.Says(err, api.CategoryTimeout, "sent", api.ErrDrainTimeout, api.ErrTimeout, context.DeadlineExceeded)
	late.Check(t)
	if e := holds[*api.DrainTimeoutError](t, err); len(e.Report.Unfinished) != 1 {
		t.Errorf("error %+v, report %+v", e, report)
	}
	late.Err = await(t, failures, "the report")
	late.Check(t)
	if sub.IsValid() || !nc.IsClosed() {
		t.Error("still there")
	}
}

// TestErrorConnectionDraining: new work is refused, and work in progress continues.
func TestErrorConnectionDraining(t *testing.T) {
	_, nc := both(t)
	begun, gate := make(chan struct{}), make(chan struct{})
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) { close(begun); <-gate }))(t)
	must.Do(t, nc.Publish("a", nil))
	closed(t, begun, "the handler")
	must.Do(t, nc.Drain())
	must.Do(t, nc.Drain())
	if !nc.IsDraining() || !nc.IsConnected() || nc.Status() != api.DRAINING_SUBS {
		t.Errorf("status %v", nc.Status())
	}
	draining := func(err error) {
		t.Helper()
		errortest.Says(err, api.CategoryClosed, "", api.ErrConnectionDraining).Check(t)
		if errors.Is(err, api.ErrConnectionClosed) {
			t.Errorf("%v says closed", err)
		}
	}
	_, err := nc.Subscribe("b", func(*api.Msg) {})
	draining(err)
	_, err = nc.SubscribeSync("b")
	draining(err)
	draining(sub.Unsubscribe())
	_, err = nc.DrainContext(must.Within(t, patience))
	draining(err)
	must.Do(t, nc.Publish("b", nil))
	over := nc.StatusChanged(api.CLOSED)
	close(gate)
	await(t, over, "the end of the drain")
}

// TestADrainWithoutAServerSaysSo while a handler holds it up.
func TestADrainWithoutAServerSaysSo(t *testing.T) {
	lost := make(chan struct{})
	s, nc := both(t, append(quickly, api.DisconnectErrHandler(func(_ *api.Conn, err error) {
		if err != nil {
			close(lost)
		}
	}))...)
	begun, gate, up := make(chan struct{}), make(chan struct{}), make(chan struct{})
	nc.SetReconnectHandler(func(*api.Conn) { close(up) })
	must.Get(nc.Subscribe("a", func(*api.Msg) { close(begun); <-gate }))(t)
	must.Do(t, nc.Publish("a", nil))
	closed(t, begun, "the handler")
	must.Do(t, nc.Drain())
	s.Kill()
	closed(t, lost, "the loss of the server")
	if nc.IsConnected() || !nc.IsDraining() {
		t.Errorf("connected: %v, %v", nc.IsConnected(), nc.Status())
	}
	kinds(t, nc.Health(), api.ErrUnhealthy)
	_, err := nc.RTT()
	if e := holds[*api.ConnectionStateError](t, err); e.State != api.DRAINING_SUBS || e.Cause == nil {
		t.Errorf("%+v", e)
	}
	must.Do(t, s.Restart())
	closed(t, up, "the reconnect")
	if err := nc.Health(); err != nil || !nc.IsConnected() {
		t.Errorf("connected: %v, %v", nc.IsConnected(), err)
	}
	over := nc.StatusChanged(api.CLOSED)
	close(gate)
	await(t, over, "the end of the drain")
}

// TestErrorConnectionReconnecting: there is no server, and the call does not affect the
// connection.
func TestErrorConnectionReconnecting(t *testing.T) {
	s, nc := both(t, quickly...)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	flushed(t, nc)
	outage(t, s, nc, func() {
		_, drain := nc.DrainContext(must.Within(t, patience))
		_, rtt := nc.RTT()
		for op, err := range map[string]error{"drain": drain, "rtt": rtt} {
			errortest.Says(err, api.CategoryConnection, "retry", api.ErrConnectionReconnecting, api.ErrDisconnected).Check(t)
			if e := holds[*api.ConnectionStateError](t, err); e.Op != op || e.State != api.RECONNECTING || e.Cause == nil || errors.Is(err, api.ErrConnectionClosed) {
				t.Errorf("%s: %+v", op, e)
			}
		}
		kinds(t, nc.Drain(), api.ErrConnectionReconnecting)
		var err error
		for err = api.ErrDisconnected; errors.Is(err, api.ErrDisconnected); { // once more if it still met the old link
			err = nc.FlushTimeout(20 * time.Millisecond)
		}
		kinds(t, err, api.ErrFlushTimeout, api.ErrTimeout, context.DeadlineExceeded)
		if nc.IsClosed() || nc.ConnectedUrl() != "" || nc.ConnectedServerId() != "" || nc.Health() == nil {
			t.Error("it looks connected, or closed")
		}
	})
	flushed(t, nc)
	unharmed(t, nc, sub)
}

// TestErrorPermissionViolation of publishing, of subscribing and of a reply subject.
func TestErrorPermissionViolation(t *testing.T) {
	told := make(chan error, 10)
	_, nc, _ := guarded(t, &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"secret"}},
		Subscribe: &server.SubjectPermission{Deny: []string{"secret"}}},
		api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { told <- err }))
	sub := must.Get(nc.SubscribeSync("a"))(t)
	denied := errortest.Says(nil, api.CategoryPermission, "", api.ErrPermissionViolation)
	must.Do(t, nc.Publish("secret", nil))
	denied.Err = await(t, told, "the refusal")
	denied.Check(t)
	if p := refusal(t, denied.Err); p.Op != protocol.RolePublish || p.Subject != "secret" {
		t.Errorf("%+v", p)
	}
	_, denied.Err = nc.Request("secret", nil, time.Hour)
	denied.Check(t)
	secret := must.Get(nc.QueueSubscribeSync("secret", "q"))(t)
	_, denied.Err = secret.NextMsg(time.Hour)
	denied.Check(t)
	if p := refusal(t, denied.Err); p.Op != protocol.RoleSubscribe || p.Subject != "secret" || p.Queue != "q" || p.SID == 0 || p.Raw == "" {
		t.Errorf("%+v", p)
	}
	if !secret.IsValid() {
		t.Error("what was refused is not tried again")
	}
	unharmed(t, nc, sub)
}

// TestErrorMaxSubscriptions: the newest subscription is refused, the others work.
func TestErrorMaxSubscriptions(t *testing.T) {
	nc := dial(t, natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) { o.MaxSubs = 1 }}))
	sub := must.Get(nc.SubscribeSync("a"))(t)
	flushed(t, nc)
	surplus := must.Get(nc.SubscribeSync("b"))(t)
	_, err := surplus.NextMsg(time.Hour)
	errortest.Says(err, api.CategoryLimit, "retry", api.ErrMaxSubscriptionsExceeded, api.ErrMaxSubscriptions).Check(t)
	if p := holds[*api.PermissionError](t, err); p.Subject != "b" || p.Raw != "maximum subscriptions exceeded" {
		t.Errorf("%+v", p)
	}
	unharmed(t, nc, sub)
}
