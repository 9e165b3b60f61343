package proof_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
)

const mailboxMax = 8

// TestC07MailboxesAtTheirLimit: an actor's mailbox with one message less than its limit,
// with as many, and with one more. G9: what is accepted is at most the limit; G11: the
// first that finds no room is refused with a MailboxFullError, and counted; G2: what was
// accepted is handled, in order, and what was refused is not.
func TestC07MailboxesAtTheirLimit(t *testing.T) {
	for _, count := range []int{mailboxMax - 1, mailboxMax, mailboxMax + 1} {
		t.Run(numeral(count), func(t *testing.T) {
			kit(t, func(b *faults.Env) {
				nc := enter(b, "client")
				gate := make(chan struct{})
				var got notes[int]
				spec := doing(func(_ *api.ActorContext, m any) {
					<-gate
					got.add(m.(int))
				})
				spec.MailboxMax = mailboxMax
				ref := must.Get(nc.Spawn(spec))(b.T)
				must.Do(b.T, ref.Send(0)) // the one in its hands does not count
				synctest.Wait()
				var want []int
				refused := 0
				for i := 1; i <= count; i++ {
					if err := ref.Send(i); i > mailboxMax {
						refused++
						kinds(b.T, err, api.ErrMailboxFull)
						as[*api.MailboxFullError](b.T, err)
						continue
					} else if err != nil {
						b.T.Errorf("message %d of %d: %v", i, mailboxMax, err)
					}
					want = append(want, i)
				}
				if n, ok := node(nc.Tree(), "actor"); !ok || counter1(n, "refused") != uint64(refused) || n.MailboxMsgs != int64(len(want)) {
					b.T.Errorf("the tree shows %+v, want %d refused and %d waiting", n, refused, len(want))
				}
				close(gate)
				settled(b.T, nc, time.Second)
				if diff := gocmp.Diff(append([]int{0}, want...), got.read()); diff != "" {
					b.T.Errorf("handled: want -, got +:\n%s", diff)
				}
			})
		})
	}
}

// counter1 returns a counter of a node.
func counter1(n api.Node, name string) uint64 {
	for _, c := range n.Counters {
		if c.Name == name {
			return c.Value
		}
	}
	return 0
}

// overflowMax is the limit of a subscription, in messages. The one that its handler holds
// counts.
const overflowMax = 4

// overflow is what a policy makes of one message more than the limit.
type overflow struct {
	policy api.Overflow
	got    []string // what is delivered of 1 to overflowMax + 1
	valid  bool     // the subscription afterwards
	alive  bool     // the connection
}

var overflows = map[string]overflow{
	"drop newest": {api.DropNewest, []string{"1", "2", "3", "4"}, true, true},
	"drop oldest": {api.DropOldest, []string{"1", "3", "4", "5"}, true, true},
	"block":       {api.Block, []string{"1", "2", "3", "4", "5"}, true, true},
	"restart":     {api.RestartEmpty, []string{"1"}, true, true},
	"stop":        {api.StopSubscription, []string{"1"}, false, true},
	"escalate":    {api.EscalateOverflow, []string{"1"}, false, false},
}

// TestC07SubscriptionsAtTheirLimit: the same of a subscription, for each policy. Up to the limit
// nothing happens; the message after it meets the policy, once, and is reported.
func TestC07SubscriptionsAtTheirLimit(t *testing.T) {
	for name, c := range overflows {
		for _, count := range []int{overflowMax - 1, overflowMax, overflowMax + 1} {
			t.Run(name+"/"+numeral(count), func(t *testing.T) { c.play(t, count) })
		}
	}
}

func (c overflow) play(t *testing.T, count int) {
	kit(t, func(b *faults.Env) {
		reports, option := troubles()
		nc, other := enter(b, "client", option), enter(b, "other")
		gate := make(chan struct{})
		var got notes[string]
		sub := must.Get(nc.Subscribe("a", func(m *api.Msg) {
			got.add(string(m.Data))
			<-gate
		}, api.PendingLimits(overflowMax, -1), api.OnOverflow(c.policy)))(b.T)
		must.Do(b.T, nc.Flush())
		for _, n := range numbers(count) {
			must.Do(b.T, other.Publish("a", []byte(n)))
			must.Do(b.T, other.Flush())
			synctest.Wait()
		}
		dropped, _ := sub.Dropped()
		close(gate)
		time.Sleep(time.Minute)
		synctest.Wait()
		over := count > overflowMax
		want := overflow{got: numbers(count), valid: true, alive: true}
		if over {
			want = c
		}
		if diff := gocmp.Diff(want.got, got.read()); diff != "" {
			b.T.Errorf("delivered: want -, got +:\n%s", diff)
		}
		if sub.IsValid() != want.valid || nc.IsConnected() != want.alive {
			b.T.Errorf("valid %v, connected %v", sub.IsValid(), nc.IsConnected())
		}
		told := slices.ContainsFunc(reports.read(), func(err error) bool { return errors.Is(err, api.ErrSlowConsumer) })
		if told != (over && c.policy != api.Block) || !over && dropped > 0 {
			b.T.Errorf("told %v, %d dropped: %v", told, dropped, reports.read())
		}
		must.Do(b.T, other.Publish("a", []byte("later")))
		settled(b.T, other, time.Second)
		if now := got.read(); (now[len(now)-1] == "later") != want.valid {
			b.T.Errorf("a later message: %v", now)
		}
	})
}

// TestC08RestartStorms: what fails at every message is not restarted for ever. G9 and G14: no
// more restarts than the policy allows; G11: the end says why; G8: nothing else notices.
func TestC08RestartStorms(t *testing.T) {
	policy := api.Policy{Directive: api.Restart, Intensity: api.Intensity{Max: 5, Within: 10 * time.Second}, Exceeded: api.Stop,
		Backoff: api.Backoff{Initial: api.NoDelay}}
	t.Run("handler", func(t *testing.T) {
		kit(t, func(b *faults.Env) {
			nc := enter(b, "client")
			var calls notes[string]
			sub := must.Get(nc.Subscribe("a", func(m *api.Msg) { calls.add(""); panic("always") }, api.OnPanic(policy)))(b.T)
			must.Get(nc.Subscribe("echo", func(m *api.Msg) { _ = m.Respond(nil) }))(b.T)
			for range 1000 {
				must.Do(b.T, nc.Publish("a", nil))
			}
			settled(b.T, nc, time.Second)
			if n := len(calls.read()); n != policy.Intensity.Max+1 || sub.IsValid() {
				b.T.Errorf("%d calls, valid %v", n, sub.IsValid())
			}
			_, _, err := sub.Pending()
			kinds(b.T, err, api.ErrBadSubscription, api.ErrRestartLimit, api.ErrHandlerPanic)
			must.Get(nc.Request("echo", nil, time.Second))(b.T)
		})
	})
	t.Run("actor", func(t *testing.T) {
		kit(t, func(b *faults.Env) {
			nc := enter(b, "client")
			var calls notes[string]
			spec := doing(func(*api.ActorContext, any) { calls.add(""); panic("always") })
			spec.Policy = policy
			ref := must.Get(nc.Spawn(spec))(b.T)
			for range 1000 {
				_ = ref.Send(nil)
			}
			settled(b.T, nc, time.Second)
			if n := len(calls.read()); n != policy.Intensity.Max+1 {
				b.T.Errorf("%d calls", n)
			}
			err := ref.Send(nil)
			kinds(b.T, err, api.ErrActorStopped, api.ErrRestartLimit)
		})
	})
}

// TestC08DefectsOfOurOwn: an actor of the client that fails at every message. Each kind ends
// with a typed close or continues at a bounded pace (G9, G14): never a hot loop. When the defect
// is gone, what still lives works (G8).
func TestC08DefectsOfOurOwn(t *testing.T) {
	seconds := sized(60, 60, 15)
	// An actor of ours restarts 20 times in ten seconds at most, and the root 10 times: what
	// comes again and again beyond that has the pace of reconnects: one a second that is
	// forced, and about as many more. Each of the user's may fail 101 times, and there are
	// two, and two more each second.
	links := 3 * seconds
	own, users := 21*(11+links), 101*2*(seconds+1)
	most := map[string]int{"dispatcher": users, "worker": users, "actor": users}
	for _, kind := range faults.ActorKinds() {
		t.Run(kind, func(t *testing.T) {
			kit(t, func(b *faults.Env) {
				nc := enter(b, "client", api.ReconnectWait(2*time.Second))
				ref := must.Get(nc.Spawn(doing(func(*api.ActorContext, any) {})))(b.T)
				must.Get(nc.Subscribe("echo", func(m *api.Msg) { _ = m.Respond(nil) }, api.Concurrency(2)))(b.T)
				must.Get(nc.Request("echo", nil, time.Second))(b.T)
				storm := b.Inject("when every(1) actor(" + kind + ") panic")
				for range seconds {
					_, _ = nc.Request("echo", nil, 10*time.Millisecond)
					_ = ref.Send(nil)
					_, _ = nc.Spawn(doing(func(*api.ActorContext, any) {}))
					_, _ = nc.Subscribe("echo", func(*api.Msg) {})
					_ = nc.ForceReconnect()
					time.Sleep(time.Second)
				}
				if n, most := storm.Hits()[0], cmp.Or(most[kind], own); n < 10 || n > most {
					b.T.Errorf("%d panics, want 10 to %d", n, most)
				}
				if n := b.Link("client", "s1").Stats().Connections; n > links {
					b.T.Errorf("%d connections", n)
				}
				storm.Stop()
				time.Sleep(time.Minute)
				if nc.IsClosed() {
					kinds(b.T, nc.LastError(), api.ErrInternal)
					return
				}
				must.Do(b.T, nc.FlushTimeout(time.Second))
			})
		})
	}
}
