//go:build unix

package proof_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// TestS01KillMinusNine kills a server's process in the middle of all work, three times.
//
// G2: each call ends once, in time. G3, G4, G6: nothing comes twice or out of order. G5:
// all subscriptions are back, and none is doubled. G8: work goes on as soon as the server
// is there. G11: errors are typed; what may be lost without having been flushed is told.
func TestS01KillMinusNine(t *testing.T) {
	p := natsserver.RunProcess(t, natsserver.Options{})
	tr := begin(t, p.URL())
	probes := newProbes(t, tr.reader)
	for n := range 3 {
		tr.flow(100)
		tr.history.Impaired()
		p.Kill()
		tr.each(func(_ *api.Conn, events *tape) {
			as[*api.LinkError](t, events.await(t, api.LinkLost, n+1).Cause)
		})
		must.Do(t, p.Restart())
		tr.history.Healed()
		tr.restored(n+2, nil)
		tr.flow(100)
		probes.check(tr.writer)
	}
	tr.judge()
}

// probes are subscriptions of each kind, to be counted one message at a time: what a
// server in another process knows of them cannot be asked.
type probes struct {
	t      *testing.T
	reader *api.Conn
	got    map[string]*counter
	rounds int
}

// limited is how many messages the subscription with a limit gets in all.
const limited = 2

func newProbes(t *testing.T, reader *api.Conn) *probes {
	p := &probes{t: t, reader: reader, got: map[string]*counter{}}
	for i := range 10 {
		p.add(fmt.Sprint("plain.", i), "")
		p.add(fmt.Sprint("group.", i), "members")
		p.add(fmt.Sprint("group.", i), "members")
	}
	must.Do(t, p.add("limited", "").AutoUnsubscribe(limited))
	must.Do(t, p.add("gone", "").Unsubscribe())
	must.Do(t, reader.FlushWithContext(must.Within(t, patience)))
	return p
}

func (p *probes) add(subject, queue string) *api.Subscription {
	if p.got[subject] == nil {
		p.got[subject] = newCounter()
	}
	got := p.got[subject]
	if queue == "" {
		return must.Get(p.reader.Subscribe(subject, func(*api.Msg) { got.add(1) }))(p.t)
	}
	return must.Get(p.reader.QueueSubscribe(subject, queue, func(*api.Msg) { got.add(1) }))(p.t)
}

// check sends one message to each, and looks that it came once.
func (p *probes) check(writer *api.Conn) {
	p.t.Helper()
	p.rounds++
	for subject := range p.got {
		must.Do(p.t, writer.Publish(subject, nil))
	}
	must.Do(p.t, writer.FlushWithContext(must.Within(p.t, patience)))
	// What the server had for the reader before this flush is with the handlers then.
	must.Do(p.t, p.reader.FlushWithContext(must.Within(p.t, patience)))
	handleAll(p.t, p.reader)
	for subject, got := range p.got {
		want := p.rounds
		switch subject {
		case "limited":
			want = min(want, limited)
		case "gone":
			want = 0
		}
		if n := got.now(); n != want {
			p.t.Errorf("after %d rounds %s got %d messages, want %d", p.rounds, subject, n, want)
		}
	}
}

// TestS02StopAndGoOn stops a server's process as SIGSTOP does: the system keeps its
// connections open, and nothing moves.
//
// A short stop costs time and nothing else. In a long one the loss is found by the budget
// of work that waits (G8), and the work goes on at another server. When the first one
// goes on the clients are not there any more: G5, none of them lives twice.
func TestS02StopAndGoOn(t *testing.T) {
	first := natsserver.RunProcess(t, natsserver.Options{})
	second := natsserver.Run(t, natsserver.Options{})
	tr := begin(t, first.URL()+","+second.URL(), api.DontRandomize())
	tr.flow(100)
	must.Do(t, first.Pause())
	short := tr.history.Begin(check.Sync, "short", patience)
	flushed := make(chan error, 1)
	go func() { flushed <- tr.writer.FlushTimeout(patience) }()
	select {
	case err := <-flushed:
		t.Errorf("a flush ended during the pause: %v", err)
	case <-time.After(time.Second):
	}
	must.Do(t, first.Resume())
	short.End(<-flushed)
	tr.flow(100)
	tr.each(func(_ *api.Conn, events *tape) { events.none(t, api.LinkLost) })

	tr.history.Impaired()
	must.Do(t, first.Pause())
	tr.each(func(_ *api.Conn, events *tape) { // long before a PING is due that finds it out without any work
		kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrStaleConnection)
	})
	tr.history.Healed()
	tr.restored(2, second.Server())
	tr.flow(100)
	must.Do(t, first.Resume())
	tr.flow(100)
	await(t, "the first server has no clients", func() bool { // once it has read their ends
		var unknown *natsserver.UnknownClientError
		_, err := first.Kick("nobody")
		return errors.As(err, &unknown) && len(unknown.Known) == 0
	})
	tr.judge()
	tr.each(func(nc *api.Conn, _ *tape) {
		if n := nc.Stats().Reconnects; n != 1 {
			t.Errorf("%s has reconnected %d times", nc.Opts.Name, n)
		}
	})
}

// TestS03RestartWithNothing restarts a server at the same address: it has another id and
// remembers nobody. G5: it is told all subscriptions, with what is left of their limits.
// G2 to G6 and G8 as for a kill.
func TestS03RestartWithNothing(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	tr := begin(t, s.URL())
	for n := range 3 {
		tr.flow(100)
		before := tr.reader.ConnectedServerId()
		limited := must.Get(tr.reader.SubscribeSync("limited"))(t)
		must.Do(t, limited.AutoUnsubscribe(5))
		must.Do(t, tr.reader.FlushWithContext(must.Within(t, patience)))
		must.Do(t, tr.writer.Publish("limited", nil))
		must.Do(t, tr.writer.FlushWithContext(must.Within(t, patience)))
		must.Get(limited.NextMsgWithContext(must.Within(t, patience)))(t)
		tr.history.Impaired()
		must.Do(t, s.Restart())
		tr.history.Healed()
		tr.each(func(_ *api.Conn, events *tape) { events.await(t, api.LinkRestored, n+2) })
		must.Do(t, tr.reader.FlushWithContext(must.Within(t, patience)))
		if after := tr.reader.ConnectedServerId(); after == before || after != s.Server().ID() {
			t.Errorf("the server was %s and is %s, the client takes it for %s", before, s.Server().ID(), after)
		}
		left := 0
		for _, i := range interest(t, s.Server(), "reader") {
			if i.Subject == "limited" {
				left = i.Max
			}
		}
		if left != 4 {
			t.Errorf("%d messages are left to the subscription that had one of five", left)
		}
		must.Do(t, limited.Unsubscribe())
		tr.restored(n+2, s.Server())
		tr.flow(100)
	}
	tr.judge()
}

// TestS04LameDuck sends one server of a cluster away. G8 and G2: the clients go before
// they are cut, no link is lost and no request fails; the event tells. G6: a queue group
// loses nothing and nothing comes twice.
func TestS04LameDuck(t *testing.T) {
	leaves(t, natsserver.RunCluster(t, 2, duckish(5*time.Second)), func(c *natsserver.Cluster, _ *traffic) {
		<-c.Members()[0].LameDuck()
	})
}

// TestS05RollingRestart exchanges the members of a cluster one after the other. What holds
// for one lame duck holds through all three.
func TestS05RollingRestart(t *testing.T) {
	leaves(t, natsserver.RunCluster(t, 3, duckish(5*time.Second)), func(c *natsserver.Cluster, tr *traffic) {
		for _, m := range c.Members() {
			<-m.LameDuck()
			must.Do(t, m.Restart())
			for _, subject := range []string{"work", "jobs", "ask"} { // of which it learns when it has joined
				await(t, "who subscribes to "+subject, func() bool { return m.Server().GlobalAccount().SubscriptionInterest(subject) })
			}
			tr.flow(100)
		}
	})
}

// duckish are the options of servers that stop within a second behind grace: the time that
// clients have to leave, and the server to pass on what is on its way.
func duckish(grace time.Duration) natsserver.Options {
	return natsserver.Options{LameDuckGrace: grace, LameDuck: 500 * time.Millisecond}
}

// leaves runs the traffic at the first member of a cluster, from which it has to go.
func leaves(t *testing.T, c *natsserver.Cluster, f func(c *natsserver.Cluster, tr *traffic)) {
	t.Helper()
	tr := beginAsking(t, c.Members()[0].URL(), patience)
	// Order is promised for a connection, and of a client that moves there are two for a
	// moment: what took the way through the old server may come behind.
	tr.work.Unordered()
	tr.jobs.Unordered()
	tr.flow(100)
	f(c, tr)
	tr.flow(100)
	tr.each(func(_ *api.Conn, events *tape) {
		events.await(t, api.LameDuck, 1)
		events.await(t, api.LinkMoved, 1)
		events.none(t, api.LinkLost, api.PublishUncertain)
	})
	for _, m := range c.Members() {
		if tr.reader.ConnectedUrl() == m.URL() {
			tr.restored(1, m.Server())
		}
	}
	tr.judge()
	r := tr.history.Report()
	for _, reader := range r.Readers {
		if reader.Name == "workers" && reader.Missed > 0 {
			t.Errorf("the group missed %d of %d", reader.Missed, reader.Meant)
		}
	}
	for _, call := range r.Calls {
		if call.Bad > 0 {
			t.Errorf("of the calls %v failed %d", call.Operation, call.Bad)
		}
	}
}

// patiently makes a server wait for the credentials of clients on a busy machine.
func patiently(so *server.Options) { so.AuthTimeout = patience.Seconds() }

// TestS06Revoked: an operator takes a user's credentials back. G11: the error says so.
// G5, G8: with the credentials that the provider has then, all is as before.
func TestS06Revoked(t *testing.T) {
	operator := must.Get(natsserver.NewOperator())(t)
	account := must.Get(operator.Account("A"))(t)
	first, second := must.Get(account.User("first"))(t), must.Get(account.User("second"))(t)
	s := natsserver.Run(t, natsserver.Options{Operator: operator, Edit: patiently})
	now := &holder{user: first}
	tr := begin(t, s.URL(), api.UserJWT(now.jwt, now.sign))
	tr.flow(100)
	tr.history.Impaired()
	now.set(second)
	must.Do(t, account.Revoke(first))
	tr.each(func(_ *api.Conn, events *tape) {
		kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrAuthRevoked)
	})
	tr.history.Healed()
	tr.restored(2, s.Server())
	tr.flow(100)
	tr.judge()
}

// TestS06Expired: credentials end by themselves, in a few seconds. As when they are
// revoked.
func TestS06Expired(t *testing.T) {
	operator := must.Get(natsserver.NewOperator())(t)
	account := must.Get(operator.Account("A"))(t)
	second := must.Get(account.User("second", func(c *jwt.UserClaims) { c.Expires = 0 }))(t)
	s := natsserver.Run(t, natsserver.Options{Operator: operator, Edit: patiently})
	// As late as can be, and for long enough for all to connect on a busy machine.
	first := must.Get(account.User("first", natsserver.Expires(8*time.Second)))(t)
	now := &holder{user: first}
	tr := begin(t, s.URL(), api.UserJWT(now.jwt, now.sign))
	now.set(second)
	tr.each(func(_ *api.Conn, events *tape) {
		kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrAuthExpired)
	})
	tr.restored(2, s.Server())
	tr.flow(100)
	tr.judge()
}

// TestS06Reload changes users, permissions and limits while the server runs. G11: each
// change shows as the error of what it forbids, where it forbids it. G5: what is forbidden
// stays wanted, and is there again with the permission.
func TestS06Reload(t *testing.T) {
	allowed := natsserver.User{Name: "ann", Password: "a"}
	s := natsserver.Run(t, natsserver.Options{Accounts: []natsserver.Account{{Name: "A", Users: []natsserver.User{allowed}}},
		Edit: patiently})
	tr := begin(t, s.URL(), api.UserInfo("ann", "a"), api.IgnoreAuthErrorAbort(), api.Timeout(patience))
	tr.flow(100)

	// A new limit is not announced. A client that exceeds it is disconnected, and learns of it
	// then.
	must.Do(t, s.Reload(func(o *natsserver.Options) { o.MaxPayload = 1000 }))
	must.Do(t, tr.writer.Publish("large", make([]byte, 1001)))
	kinds(t, tr.events[tr.writer].await(t, api.LinkLost, 1).Cause, api.ErrMaxPayload)
	tr.events[tr.writer].await(t, api.LinkRestored, 2)
	kinds(t, tr.writer.Publish("large", make([]byte, 1001)), api.ErrMaxPayload)
	must.Do(t, tr.reader.ForceReconnect())
	tr.restored(2, s.Server())

	// A subscription that is forbidden ends at the server at once; that of the reader stays
	// wanted. The other ones continue.
	must.Do(t, s.Reload(func(o *natsserver.Options) {
		o.Accounts[0].Users[0].Subscribe.Deny = []string{"private"}
		o.Accounts[0].Users[0].Publish.Deny = []string{"secret"}
	}))
	private := must.Get(tr.reader.SubscribeSync("private"))(t)
	denied := tr.events[tr.reader].await(t, api.PermissionDenied, 1)
	if e := as[*api.PermissionError](t, denied.Cause); e.Subject != "private" {
		t.Errorf("denied %+v", e)
	}
	must.Do(t, tr.writer.Publish("secret", nil))
	if e := as[*api.PermissionError](t, tr.events[tr.writer].await(t, api.PermissionDenied, 1).Cause); e.Subject != "secret" {
		t.Errorf("denied %+v", e)
	}
	tr.flow(100)

	// The user is taken away, and comes back with all permissions.
	tr.history.Impaired()
	must.Do(t, s.Reload(func(o *natsserver.Options) { o.Accounts[0].Users = []natsserver.User{{Name: "bob", Password: "b"}} }))
	tr.each(func(_ *api.Conn, events *tape) {
		events.await(t, api.LinkLost, 2) // the server closes without a word
		kinds(t, events.await(t, api.ConnectAttemptFailed, 3).Cause, api.ErrAuthorization)
	})
	must.Do(t, s.Reload(func(o *natsserver.Options) { o.Accounts[0].Users = []natsserver.User{allowed} }))
	tr.history.Healed()
	tr.each(func(_ *api.Conn, events *tape) { events.await(t, api.LinkRestored, 3) })
	must.Do(t, tr.reader.FlushWithContext(must.Within(t, patience)))
	must.Do(t, tr.writer.Publish("private", []byte("x")))
	if m := must.Get(private.NextMsgWithContext(must.Within(t, patience)))(t); string(m.Data) != "x" {
		t.Errorf("got %q", m.Data)
	}
	must.Do(t, private.Unsubscribe())
	tr.restored(3, s.Server())
	tr.flow(100)
	tr.judge()
}

// TestS08Kick closes connections by name and by id under load, again and again. G5, G8:
// each comes back with all that it had, and G14: after a pause that grows.
func TestS08Kick(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	tr := begin(t, s.URL())
	for n := range 3 {
		tr.flow(100)
		tr.history.Impaired()
		if n := must.Get(s.Kick("reader"))(t); n != 1 {
			t.Errorf("%d connections of the reader", n)
		}
		must.Do(t, s.KickID(must.Get(tr.writer.GetClientID())(t)))
		tr.each(func(_ *api.Conn, events *tape) { events.await(t, api.LinkLost, n+1) })
		tr.history.Healed()
		tr.restored(n+2, s.Server())
	}
	tr.flow(100)
	tr.judge()
}

// TestS07Evicted: a subscription that holds up the connection, by its own choice, until the
// server has no patience left. G11: our own event says who is slow before the link is lost. G5,
// G8: it comes back, and everything continues.
func TestS07Evicted(t *testing.T) {
	const bound = 200 * time.Millisecond
	s := natsserver.Run(t, natsserver.Options{MaxPayload: 64 << 10, Edit: func(so *server.Options) { so.MaxPending = 256 << 10 }})
	events := newTape()
	nc := must.Get(api.Connect(s.URL(), system(), events.option(), api.Name("slow"), api.Timeout(late)))(t)
	defer nc.Close()
	release, got, quick := make(chan struct{}), newCounter(), newCounter()
	must.Get(nc.Subscribe("slow", func(*api.Msg) {
		<-release
		got.add(1)
	}, api.PendingLimits(10, 1<<20), api.OnOverflow(api.Block, bound)))(t)
	must.Get(nc.Subscribe("quick", func(*api.Msg) { quick.add(1) }))(t)
	must.Do(t, nc.FlushWithContext(must.Within(t, patience)))

	other := must.Get(api.Connect(s.URL(), system(), api.Timeout(late)))(t)
	defer other.Close()
	data := make([]byte, 32<<10)
	for range 20 {
		must.Do(t, other.Publish("slow", data))
	}
	began := events.await(t, api.SlowConsumerBegan, 1)
	if slow := as[*api.SlowConsumerError](t, began.Cause); slow.Subject != "slow" {
		t.Errorf("slow is %v", slow)
	}
	await(t, "the end of the server's patience", func() bool {
		must.Do(t, other.Publish("slow", data))
		must.Do(t, other.FlushWithContext(must.Within(t, patience)))
		return s.Server().NumSlowConsumers() > 0
	})
	close(release)
	as[*api.LinkError](t, events.await(t, api.LinkLost, 1).Cause)
	events.await(t, api.LinkRestored, 2)
	must.Do(t, nc.FlushWithContext(must.Within(t, patience)))
	before := got.now()
	must.Do(t, other.Publish("slow", data))
	must.Do(t, other.Publish("quick", nil))
	got.await(t, before+1)
	quick.await(t, 1)
}
