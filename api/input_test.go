package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// kinds checks that err belongs to all kinds.
func kinds(t *testing.T, err error, want ...error) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %v", want)
		return
	}
	for _, kind := range want {
		if !errors.Is(err, kind) {
			t.Errorf("error %q (%T) is not %v", err, err, kind)
		}
	}
}

// badSubjects are subjects that are invalid in every role.
var badSubjects = map[string]string{
	"empty": "", "blank": " ", "blank inside": "a b", "tab": "a\tb", "line end": "a\r\nPUB x 0\r\n\r\n", "LF": "a\nb",
	"NUL": "a\x00b", "empty token": "a..b", "leading dot": ".a", "trailing dot": "a.", "only a dot": ".",
}

// TestBadInputIsRefusedAndNothingIsSent makes every call with invalid input. A subscriber to
// all subjects receives only what is sent afterwards.
func TestBadInputIsRefusedAndNothingIsSent(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{MaxPayload: 1000})
	nc, watcher := dial(t, s), dial(t, s)
	all := must.Get(watcher.SubscribeSync(">"))(t)
	flushed(t, watcher)
	before := nc.Stats()

	refuseSubjects(t, nc)
	refuseMessages(t, nc)
	refuseArguments(t, nc)

	if after := nc.Stats(); after.OutMsgs != before.OutMsgs {
		t.Errorf("%d messages were accepted", after.OutMsgs-before.OutMsgs)
	}
	if n := nc.NumSubscriptions(); n > 1 { // the inbox for replies may be there
		t.Errorf("%d subscriptions are left", n)
	}
	must.Do(t, nc.Publish("after", []byte("all that")))
	if m := must.Get(all.NextMsgWithContext(must.Within(t, patience)))(t); m.Subject != "after" {
		t.Errorf("the server saw %q", m.Subject)
	}
	if !nc.IsConnected() || nc.Stats().Reconnects != 0 {
		t.Errorf("the connection suffered: %v", nc.Status())
	}
}

func refuseSubjects(t *testing.T, nc *api.Conn) {
	t.Helper()
	literal := map[string]string{"wildcard": "a.*", "full wildcard": "a.>", "only a wildcard": "*"}
	for name, subject := range badSubjects {
		literal[name] = subject
	}
	for name, subject := range literal {
		t.Run("publish: "+name, func(t *testing.T) {
			kinds(t, nc.Publish(subject, nil), api.ErrBadSubject)
			kinds(t, nc.PublishMsg(&api.Msg{Subject: subject}), api.ErrBadSubject)
			kinds(t, nc.PublishRequest(subject, "ok", nil), api.ErrBadSubject)
			kinds(t, nc.PublishRequest("ok", subject, nil), api.ErrBadSubject)
			_, err := nc.Request(subject, nil, time.Second)
			kinds(t, err, api.ErrBadSubject)
			_, err = nc.RequestWithContext(context.Background(), subject, nil)
			kinds(t, err, api.ErrBadSubject)
			if subject != "" {
				kinds(t, nc.PublishMsg(&api.Msg{Subject: "ok", Reply: subject}), api.ErrBadSubject)
			}
			var bad *api.BadSubjectError
			if err := nc.Publish(subject, nil); !errors.As(err, &bad) || bad.Subject != subject || bad.Reason == "" {
				t.Errorf("error %#v does not say what is wrong", err)
			}
		})
	}
	wild := map[string]string{"'>' before the end": "a.>.b"}
	for name, subject := range badSubjects {
		wild[name] = subject
	}
	for name, subject := range wild {
		t.Run("subscribe: "+name, func(t *testing.T) {
			_, err := nc.Subscribe(subject, func(*api.Msg) {})
			kinds(t, err, api.ErrBadSubject)
			_, err = nc.SubscribeSync(subject)
			kinds(t, err, api.ErrBadSubject)
		})
	}
	for _, queue := range []string{" ", "a b", "a\r\n", "\t"} {
		_, err := nc.QueueSubscribe("ok", queue, func(*api.Msg) {})
		kinds(t, err, api.ErrBadQueueName, api.ErrBadSubject)
		_, err = nc.QueueSubscribeSync("ok", queue)
		kinds(t, err, api.ErrBadQueueName)
	}
}

func refuseMessages(t *testing.T, nc *api.Conn) {
	t.Helper()
	kinds(t, nc.PublishMsg(nil), api.ErrInvalidMsg)
	_, err := nc.RequestMsg(nil, time.Second)
	kinds(t, err, api.ErrInvalidMsg)
	_, err = nc.RequestMsgWithContext(context.Background(), nil)
	kinds(t, err, api.ErrInvalidMsg)
	_, err = nc.RequestMsgWithin(context.Background(), nil, time.Second)
	kinds(t, err, api.ErrInvalidMsg)
	for name, header := range map[string]api.Header{
		"line end in value": {"Key": {"a\r\nInjected: yes"}}, "LF in value": {"Key": {"a\nb"}}, "empty name": {"": {"x"}},
		"blank in name": {"a b": {"x"}}, "colon in name": {"a:b": {"x"}}, "line end in name": {"a\r\nb": {"x"}},
	} {
		t.Run("header: "+name, func(t *testing.T) {
			m := &api.Msg{Subject: "ok", Header: header}
			kinds(t, nc.PublishMsg(m), api.ErrBadHeaderMsg)
			_, err := nc.RequestMsg(m, time.Second)
			kinds(t, err, api.ErrBadHeaderMsg)
		})
	}
	big := make([]byte, 1001)
	kinds(t, nc.Publish("ok", big), api.ErrMaxPayload)
	_, err = nc.Request("ok", big, time.Second)
	kinds(t, err, api.ErrMaxPayload)
	m := &api.Msg{Subject: "ok", Data: big[:900], Header: api.Header{"Key": {strings.Repeat("x", 100)}}}
	err = nc.PublishMsg(m)
	kinds(t, err, api.ErrMaxPayload)
	var tooLarge *api.MaxPayloadError
	if !errors.As(err, &tooLarge) || tooLarge.Limit != 1000 || tooLarge.Size <= 1000 || tooLarge.HeaderSize == 0 {
		t.Errorf("error %#v", tooLarge)
	}
}

func refuseArguments(t *testing.T, nc *api.Conn) {
	t.Helper()
	_, err := nc.Subscribe("ok", nil)
	kinds(t, err, api.ErrBadSubscription, api.ErrInvalidCallback)
	_, err = nc.QueueSubscribe("ok", "q", nil)
	kinds(t, err, api.ErrBadSubscription, api.ErrInvalidCallback)
	for _, d := range []time.Duration{0, -1} {
		kinds(t, nc.FlushTimeout(d), api.ErrBadTimeout)
		_, err = nc.Request("ok", nil, d)
		kinds(t, err, api.ErrBadTimeout)
		_, err = nc.RequestMsg(api.NewMsg("ok"), d)
		kinds(t, err, api.ErrBadTimeout)
		_, err = nc.RequestMsgWithin(context.Background(), api.NewMsg("ok"), d)
		kinds(t, err, api.ErrBadTimeout)
	}
	var noContext context.Context
	_, err = nc.RequestWithContext(noContext, "ok", nil)
	kinds(t, err, api.ErrInvalidContext)
	_, err = nc.RequestMsgWithContext(noContext, api.NewMsg("ok"))
	kinds(t, err, api.ErrInvalidContext)
	_, err = nc.RequestMsgWithin(noContext, api.NewMsg("ok"), time.Second)
	kinds(t, err, api.ErrInvalidContext)
	kinds(t, nc.FlushWithContext(noContext), api.ErrInvalidContext)
	kinds(t, nc.FlushWithContext(context.Background()), api.ErrNoDeadlineContext)
	_, err = nc.DrainContext(noContext)
	kinds(t, err, api.ErrInvalidContext)
	_, err = nc.CloseContext(noContext)
	kinds(t, err, api.ErrInvalidContext)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = nc.RequestWithContext(over, "ok", nil)
	kinds(t, err, context.Canceled)
	if errors.Is(err, api.ErrTimeout) {
		t.Error("a cancelled context counts as a timeout")
	}
}

func TestBadSubscriptionOptionsAreRefused(t *testing.T) {
	_, nc := both(t)
	handler := func(*api.Msg) {}
	for name, c := range map[string]struct {
		option api.SubOption
		kind   error
	}{
		"no messages allowed":    {api.PendingLimits(0, 1), api.ErrInvalidArg},
		"no bytes allowed":       {api.PendingLimits(1, 0), api.ErrInvalidArg},
		"unknown overflow":       {api.OnOverflow(99), api.ErrInvalidArg},
		"bound without Block":    {api.OnOverflow(api.DropOldest, time.Second), api.ErrInvalidArg},
		"two bounds":             {api.OnOverflow(api.Block, 1, 2), api.ErrInvalidArg},
		"bound that is negative": {api.OnOverflow(api.Block, -1), api.ErrBadTimeout},
		"unknown directive":      {api.OnPanic(api.Directive(99)), api.ErrBadPolicy},
		"policy without sense":   {api.OnPanic(api.Policy{Exceeded: api.Restart}), api.ErrBadPolicy},
		"no workers":             {api.Concurrency(0), api.ErrInvalidArg},
		"negative workers":       {api.Concurrency(-1), api.ErrInvalidArg},
		"order by nothing":       {api.OrderedBy(nil), api.ErrInvalidCallback},
		"order of one":           {api.OrderedBy(func(*api.Msg) string { return "" }), api.ErrInvalidArg},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := nc.Subscribe("a", handler, c.option)
			kinds(t, err, c.kind)
		})
	}
	_, err := nc.Subscribe("a", handler, api.OnPanic(api.Directive(99)))
	refusedOption(t, err, "OnPanic")
	_, err = nc.Spawn(api.Spec{New: func() api.Actor { return nil }, Policy: api.Policy{Exceeded: api.Restart}})
	kinds(t, err, api.ErrBadPolicy)
	refusedOption(t, err, "Spec.Policy")
	for name, option := range map[string]api.SubOption{
		"Borrow": api.Borrow(), "OnPanic": api.OnPanic(api.Stop), "Concurrency": api.Concurrency(2),
		"OrderedBy": api.OrderedBy(func(*api.Msg) string { return "" }),
	} {
		_, err := nc.SubscribeSync("a", option)
		kinds(t, err, api.ErrTypeSubscription)
		var bad *api.InvalidArgError
		if !errors.As(err, &bad) || !strings.Contains(bad.What, name) {
			t.Errorf("%s: error %v does not name the option", name, err)
		}
	}
	if n := nc.NumSubscriptions(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
	sub := must.Get(nc.Subscribe("a", handler, nil, api.PendingLimits(-1, 7)))(t)
	if msgs, bytes, err := sub.PendingLimits(); msgs != -1 || bytes != 7 || err != nil {
		t.Errorf("limits %d, %d, %v", msgs, bytes, err)
	}
}

func TestNilReceiversReturnErrors(t *testing.T) {
	for _, nc := range []*api.Conn{nil, new(api.Conn)} {
		nilConn(t, nc)
	}
	for _, sub := range []*api.Subscription{nil, new(api.Subscription)} {
		nilSubscription(t, sub)
	}
	var m *api.Msg
	kinds(t, m.Respond(nil), api.ErrMsgNotBound)
	kinds(t, m.RespondMsg(nil), api.ErrMsgNotBound)
	if m.Size() != 0 || m.Clone() != nil || !m.Equal(nil) || m.Equal(api.NewMsg("a")) {
		t.Error("a nil message is not nothing")
	}
	kinds(t, (&api.Msg{Subject: "a", Reply: "b"}).Respond(nil), api.ErrMsgNotBound)
}

func nilConn(t *testing.T, nc *api.Conn) {
	t.Helper()
	errs := []error{
		nc.Publish("a", nil), nc.PublishMsg(api.NewMsg("a")), nc.PublishRequest("a", "b", nil),
		nc.Flush(), nc.FlushTimeout(time.Second), nc.FlushWithContext(must.Within(t, patience)), nc.Drain(), nc.ForceReconnect(),
		nc.LastError(), nc.Health(),
	}
	add := func(err error) { errs = append(errs, err) }
	for _, f := range []func() error{
		func() error { _, err := nc.Subscribe("a", func(*api.Msg) {}); return err },
		func() error { _, err := nc.QueueSubscribe("a", "q", func(*api.Msg) {}); return err },
		func() error { _, err := nc.SubscribeSync("a"); return err },
		func() error { _, err := nc.QueueSubscribeSync("a", "q"); return err },
		func() error { _, err := nc.Request("a", nil, time.Second); return err },
		func() error { _, err := nc.RequestMsg(api.NewMsg("a"), time.Second); return err },
		func() error { _, err := nc.RequestWithContext(context.Background(), "a", nil); return err },
		func() error { _, err := nc.RequestMsgWithContext(context.Background(), api.NewMsg("a")); return err },
		func() error {
			_, err := nc.RequestMsgWithin(context.Background(), api.NewMsg("a"), time.Second)
			return err
		},
		func() error { _, err := nc.RTT(); return err },
		func() error { _, err := nc.DrainContext(context.Background()); return err },
		func() error { _, err := nc.CloseContext(context.Background()); return err },
		func() error { _, err := nc.GetClientID(); return err },
		func() error { _, err := nc.GetClientIP(); return err },
		func() error { _, err := nc.Buffered(); return err },
	} {
		add(f())
	}
	for i, err := range errs {
		if !errors.Is(err, api.ErrInvalidConnection) {
			t.Errorf("call %d: error %v", i, err)
		}
	}
	kinds(t, nc.PublishMsg(nil), api.ErrInvalidMsg)
	nilConnWithoutErrors(t, nc)
}

func nilConnWithoutErrors(t *testing.T, nc *api.Conn) {
	t.Helper()
	nc.Close()
	nc.SetClosedHandler(nil)
	nc.SetErrorHandler(nil)
	nc.SetReconnectHandler(nil)
	nc.SetDisconnectErrHandler(nil)
	nc.SetDiscoveredServersHandler(nil)
	nc.RemoveStatusListener(nc.StatusChanged())
	if nc.ClosedHandler() != nil || nc.ErrorHandler() != nil || nc.ReconnectHandler() != nil ||
		nc.DisconnectErrHandler() != nil || nc.DiscoveredServersHandler() != nil {
		t.Error("handlers out of nothing")
	}
	for range nc.Events(context.Background()) {
		t.Error("an event out of nothing")
	}
	text := nc.ConnectedUrl() + nc.ConnectedUrlRedacted() + nc.ConnectedAddr() + nc.LocalAddr() + nc.ConnectedServerId() +
		nc.ConnectedServerName() + nc.ConnectedServerVersion() + nc.ConnectedClusterName()
	if text != "" || nc.Status() != api.DISCONNECTED || nc.IsConnected() || nc.IsClosed() || nc.IsReconnecting() || nc.IsDraining() {
		t.Errorf("nothing is in state %v (%q)", nc.Status(), text)
	}
	if nc.Stats() != (api.Statistics{}) || nc.NumSubscriptions() != 0 || nc.MaxPayload() != 0 || nc.HeadersSupported() ||
		nc.AuthRequired() || nc.TLSRequired() || len(nc.Servers())+len(nc.DiscoveredServers())+len(nc.EventLog()) != 0 {
		t.Error("nothing has something")
	}
	if !strings.HasPrefix(nc.NewInbox(), "_INBOX.") || nc.Tree().State != "closed" {
		t.Error("inbox or tree")
	}
}

func nilSubscription(t *testing.T, sub *api.Subscription) {
	t.Helper()
	errs := []error{sub.Unsubscribe(), sub.AutoUnsubscribe(1), sub.Drain(), sub.DrainContext(context.Background()),
		sub.ClearMaxPending(), sub.SetPendingLimits(1, 1)}
	for _, f := range []func() error{
		func() error { _, err := sub.NextMsg(time.Second); return err },
		func() error { _, err := sub.NextMsgWithContext(context.Background()); return err },
		func() error { _, _, err := sub.Pending(); return err },
		func() error { _, _, err := sub.MaxPending(); return err },
		func() error { _, _, err := sub.PendingLimits(); return err },
		func() error { _, err := sub.Delivered(); return err },
		func() error { _, err := sub.Dropped(); return err },
		func() error { _, err := sub.DroppedBytes(); return err },
	} {
		errs = append(errs, f())
	}
	for i, err := range errs {
		if !errors.Is(err, api.ErrBadSubscription) {
			t.Errorf("call %d: error %v", i, err)
		}
	}
	for _, err := range sub.Msgs() {
		kinds(t, err, api.ErrBadSubscription)
	}
	for _, err := range sub.MsgsTimeout(time.Second) {
		kinds(t, err, api.ErrBadSubscription)
	}
	sub.SetClosedHandler(func(string) { t.Error("closed out of nothing") })
	if sub.IsValid() || sub.IsDraining() || sub == nil && sub.Type() != api.NilSubscription {
		t.Error("nothing is something")
	}
}
