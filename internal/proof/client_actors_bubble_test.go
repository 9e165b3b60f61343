package proof_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
)

// full asks for every value that a row enumerates. Without it the larger ones are
// sampled, so that the package stays within a minute.
// upTo returns 1 to most: all up to dense, then one of each stride.
func upTo(most, dense, stride int) (all []int) {
	for n := 1; n <= most; n++ {
		if n <= dense || n%stride == 0 {
			all = append(all, n)
		}
	}
	return all
}

// cuts are the kinds whose death costs the socket, and with it what core NATS had on the
// way; requests and callbacks are among them because they are given work by reconnects.
var cuts = map[string]bool{"connection": true, "link": true, "reader": true, "writer": true, "requests": true, "callbacks": true}

// needs gives a kind of actor one message more at least: what a round of ordinary life
// does not.
var needs = map[string]func(l *life){
	"connection":    (*life).reconnect,
	"link":          (*life).reconnect,
	"requests":      (*life).reconnect,
	"callbacks":     (*life).reconnect,
	"subscriptions": (*life).resubscribe,
	"heartbeat":     func(*life) { time.Sleep(pingEvery) },
	"actors":        (*life).respawn,
}

const pingEvery = 10 * time.Second

// TestC06AnActorPanicsAtMessageN: each kind of actor of a connection at each of its first
// thousand messages, while the connection is used. The connection works again (G8), what the
// server knows of subscriptions is what is wanted, once each (G5), nothing came twice or out of
// order (G6), faults that do not cut the link lose nothing, and Close leaves nothing (G10).
func TestC06AnActorPanicsAtMessageN(t *testing.T) {
	dense, stride := sized(1000, 24, 8), sized(1, 250, 1000)
	for _, kind := range faults.ActorKinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			kit(t, func(b *faults.Env) {
				for _, n := range upTo(1000, dense, stride) {
					liveAndDie(b, kind, n)
				}
			})
		})
	}
}

// life is one connection in use, until one of its actors has died.
type life struct {
	b    *faults.Env
	nc   *api.Conn
	kind string
	sent int

	plain, keyed, mine notes[string] // what a handler, a worker and an actor got
	ref                *api.ActorRef
}

func liveAndDie(b *faults.Env, kind string, n int) {
	b.T.Helper()
	death := b.Actors.Panic(kind, n)
	l := &life{b: b, kind: kind}
	l.begin()
	defer l.nc.Close()
	for rounds := 0; death.Hits() == 0; rounds++ {
		if rounds > 2*n+50 { // what comes close together may be one message
			b.T.Fatalf("%s got fewer than %d messages in %d rounds", kind, n, rounds)
		}
		l.round(rounds)
		if rounds > n {
			synctest.Wait() // the actor may be behind, and take all rounds as one message
		}
	}
	l.check(n)
}

func (l *life) begin() {
	t := l.b.T
	// The death may come in the middle of it: a connection that does not come about is
	// no failure of the client, and says so.
	nc, err := api.Connect(l.b.URL("s1"), entry(l.b, "client", api.RetryOnFailedConnect(true), api.ReconnectWait(time.Millisecond),
		api.PingInterval(pingEvery))...)
	must.Do(t, err)
	l.nc = nc
	must.Get(nc.Subscribe("plain", texts(&l.plain)))(t)
	must.Get(nc.Subscribe("keyed", texts(&l.keyed), api.Concurrency(2), api.OrderedBy(func(*api.Msg) string { return "" })))(t)
	must.Get(nc.Subscribe("echo", func(m *api.Msg) { _ = m.Respond(nil) }))(t)
	l.ref = must.Get(nc.Spawn(doing(func(_ *api.ActorContext, m any) {
		if m, ok := m.(*api.Msg); ok {
			l.mine.add(string(m.Data))
		}
	})))(t)
	must.Get(nc.SubscribeActor("mine", l.ref))(t)
}

// round is what a connection is used for, once. Later on it is what the kind needs, and
// little else.
func (l *life) round(nth int) {
	more := needs[l.kind]
	if more != nil {
		more(l)
		if nth > 20 && nth%20 != 0 {
			return
		}
	}
	l.sent++
	for _, subject := range []string{"plain", "keyed", "mine"} {
		_ = l.nc.Publish(subject, []byte(numeral(l.sent)))
	}
	_, _ = l.nc.Request("echo", nil, time.Second)
	_ = l.ref.Send(nil)
}

func (l *life) reconnect() {
	_ = l.nc.ForceReconnect()
	time.Sleep(20 * time.Millisecond) // until it is there again
}

func (l *life) resubscribe() {
	sub, err := l.nc.Subscribe("passing", func(*api.Msg) {})
	if err != nil {
		return
	}
	_ = l.nc.Publish("passing", nil) // which wakes it
	_ = l.nc.FlushTimeout(time.Minute)
	_ = sub.Unsubscribe()
}

func (l *life) respawn() {
	if ref, err := l.nc.Spawn(doing(func(*api.ActorContext, any) {})); err == nil {
		_ = ref.Stop(context.Background())
	}
}

// check demands everything back.
func (l *life) check(n int) {
	t := l.b.T
	time.Sleep(time.Minute)
	l.sent++
	for _, subject := range []string{"plain", "keyed", "mine"} {
		must.Do(t, l.nc.Publish(subject, []byte(numeral(l.sent))))
	}
	if err := l.nc.FlushTimeout(time.Second); err != nil {
		t.Fatalf("%s at %d: does not work again: %v", l.kind, n, err)
	}
	if _, err := l.nc.Request("echo", nil, time.Second); err != nil {
		t.Fatalf("%s at %d: no answers: %v", l.kind, n, err)
	}
	synctest.Wait()
	for who, got := range map[string][]string{"handler": l.plain.read(), "worker": l.keyed.read(), "actor": l.mine.read()} {
		l.checkNumbers(n, who, got)
	}
	inbox := strings.TrimSuffix(l.nc.NewRespInbox(), ".")
	inbox = inbox[:strings.LastIndex(inbox, ".")] + ".*"
	if diff := cmp.Diff([]string{inbox, "echo", "keyed", "mine", "plain"}, subjectsAt(t, l.b.Server)); diff != "" {
		t.Errorf("%s at %d: what the server knows of: want -, got +:\n%s", l.kind, n, diff)
	}
	if report, err := l.nc.CloseContext(must.Within(t, patience)); err != nil {
		t.Fatalf("%s at %d: close: %+v, %v", l.kind, n, report, err)
	}
	l.b.Actors.Clear()
}

// checkNumbers: once each, in order, the last one there, and all of them if nothing was
// cut.
func (l *life) checkNumbers(n int, who string, got []string) {
	t := l.b.T
	t.Helper()
	before := 0
	for _, text := range got {
		i, err := strconv.Atoi(text)
		if err != nil || i <= before {
			t.Errorf("%s at %d: the %s got %q after %d", l.kind, n, who, text, before)
		}
		before = i
	}
	if before != l.sent || !cuts[l.kind] && len(got) != l.sent {
		t.Errorf("%s at %d: the %s got %d of %d, the last was %d", l.kind, n, who, len(got), l.sent, before)
	}
}
