package proof_test

// Pull consumers: what they do about the words of servers, about their silence, and about
// messages that take too long.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// pullAsked is a pull as its server gets it.
type pullAsked struct {
	at    time.Duration // since the beginning
	reply string
	Batch int    `json:"batch"`
	ID    string `json:"id"`
}

// pullActor is the server's side of the consumer C of the stream S, played by the test,
// and a client that consumes from it.
type pullActor struct {
	*faults.Env
	js       jetstream.JetStream
	consumer jetstream.Consumer
	server   *api.Conn
	began    time.Time

	mu     sync.Mutex
	pulls  []pullAsked
	told   []error
	toldAt []time.Duration
	gone   bool // the consumer is
}

// playPull runs f with a server of the test's own.
func playPull(t *testing.T, f func(p *pullActor)) {
	t.Helper()
	coreBubble(t, func(t *testing.T, b *faults.Env) {
		p := &pullActor{Env: b, began: time.Now()}
		p.server, _ = joinAt(b, "player", []string{"s1"})
		must.Get(p.server.Subscribe("$JS.API.CONSUMER.INFO.S.C", p.onInfo))(t)
		must.Get(p.server.Subscribe("$JS.API.CONSUMER.MSG.NEXT.S.C", p.onPull))(t)
		must.Do(t, p.server.Flush())
		nc, _ := joinAt(b, "client", []string{"s1"}, api.MaxReconnects(-1))
		p.js = must.Get(jetstream.New(nc))(t)
		p.consumer = must.Get(p.js.Consumer(t.Context(), "S", "C"))(t)
		f(p)
	})
}

func (p *pullActor) onInfo(m *api.Msg) {
	p.mu.Lock()
	gone := p.gone
	p.mu.Unlock()
	answer := `{"stream_name":"S","name":"C","config":{"durable_name":"C","ack_policy":"explicit","ack_wait":30000000000}}`
	if gone {
		answer = `{"error":{"code":404,"err_code":10014,"description":"consumer not found"}}`
	}
	_ = m.Respond([]byte(answer))
}

func (p *pullActor) onPull(m *api.Msg) {
	asked := pullAsked{at: time.Since(p.began), reply: m.Reply}
	if json.Unmarshal(m.Data, &asked) != nil {
		asked.Batch = -1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pulls = append(p.pulls, asked)
}

// asked returns the pulls since the last time.
func (p *pullActor) asked() []pullAsked {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	pulls := p.pulls
	p.pulls = nil
	return pulls
}

func (p *pullActor) onError(_ jetstream.ConsumeContext, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told, p.toldAt = append(p.told, err), append(p.toldAt, time.Since(p.began))
}

// errors returns the errors that were reported since the last call.
func (p *pullActor) errors() []error {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	told := p.told
	p.told = nil
	return told
}

// say sends a status about a pull.
func (p *pullActor) say(reply, status string, pending ...string) {
	p.T.Helper()
	code, text, _ := strings.Cut(status, " ")
	m := api.NewMsg(reply)
	m.Header.Set("Status", code)
	m.Header.Set("Description", text)
	if len(pending) == 2 {
		m.Header.Set("Nats-Pending-Messages", pending[0])
		m.Header.Set("Nats-Pending-Bytes", pending[1])
	}
	must.Do(p.T, p.server.PublishMsg(m))
	synctest.Wait()
}

// deliver sends messages for a pull.
func (p *pullActor) deliver(reply string, first, last int) {
	p.T.Helper()
	for i := first; i <= last; i++ {
		// Servers take no message from a client whose reply is that of a consumer's.
		must.Do(p.T, p.server.PublishRequest(reply, "acks", fmt.Append(nil, i)))
	}
	synctest.Wait()
}

// state returns the puller's node.
func (p *pullActor) state() api.Node {
	p.T.Helper()
	synctest.Wait()
	group, _ := p.js.Conn().Tree().Find("consumers")
	if len(group.Children) != 1 {
		p.T.Fatalf("consumers:\n%v", group)
	}
	return group.Children[0]
}

// TestJ08LeadershipChange, and B09: a new pull at once, one for all that were forgotten, and
// the messages go on.
func TestJ08LeadershipChange(t *testing.T) {
	playPull(t, func(p *pullActor) {
		got := 0
		cc := must.Get(p.consumer.Consume(func(m jetstream.Msg) { got++; _ = m.Ack() },
			jetstream.PullMaxMessages(10), jetstream.ConsumeErrHandler(p.onError)))(p.T)
		defer cc.Stop()
		first := p.asked()
		p.deliver(first[0].reply, 1, 6)
		second := p.asked()
		if len(first) != 1 || first[0].Batch != 10 || len(second) != 1 || second[0].Batch != 6 {
			p.T.Fatalf("asked %+v and %+v", first, second)
		}
		now := time.Since(p.began)
		p.say(first[0].reply, "409 Leadership Change")
		p.say(second[0].reply, "409 Leadership Change")
		anew := p.asked()
		if len(anew) != 1 || !allButStatus(anew[0].Batch, 10) || anew[0].at != now {
			p.T.Fatalf("at %v asked anew %+v", now, anew)
		}
		if told := p.errors(); len(told) != 1 || !errors.Is(told[0], jetstream.ErrConsumerLeadershipChanged) {
			p.T.Errorf("told %v", told)
		}
		p.say(second[0].reply, "408 Request Timeout", "6", "0") // of the past
		if more := p.asked(); len(more) != 0 {
			p.T.Errorf("asked %+v about the past", more)
		}
		p.deliver(anew[0].reply, 7, 16)
		if got != 16 {
			p.T.Errorf("got %d", got)
		}
	})
}

// TestJ09MissedHeartbeats: at exact times a warning and a pull, however often, and never the
// end; nothing while there is no link.
func TestJ09MissedHeartbeats(t *testing.T) {
	playPull(t, func(p *pullActor) {
		cc := must.Get(p.consumer.Consume(func(m jetstream.Msg) { _ = m.Ack() }, jetstream.PullHeartbeat(5*time.Second),
			jetstream.ConsumeErrHandler(p.onError)))(p.T)
		defer cc.Stop()
		start, last := p.asked()[0].at, ""
		for range 3 {
			time.Sleep(10 * time.Second)
			now := time.Since(p.began)
			told, pulls := p.errors(), p.asked()
			if len(told) != 1 || !errors.Is(told[0], jetstream.ErrNoHeartbeat) || len(pulls) != 1 || pulls[0].at != now || pulls[0].Batch != 500 {
				p.T.Fatalf("at %v: told %v, asked %+v", now-start, told, pulls)
			}
			if n := p.state(); n.State != "suspect" || n.Level != api.Degraded {
				p.T.Errorf("%+v", n)
			}
			start, last = now, pulls[0].reply
		}
		p.say(last, "100 Idle Heartbeat")
		if n := p.state(); n.State != "pulling" || n.Level != api.Well {
			p.T.Errorf("after a heartbeat %+v", n)
		}
		time.Sleep(9*time.Second + 999*time.Millisecond)
		if told := p.errors(); len(told) != 0 {
			p.T.Errorf("told too early: %v", told)
		}
		p.heartbeatAcrossADisconnect()
	})
}

// heartbeatAcrossADisconnect: a lost link is not a lost heartbeat, and the next one has a pull
// at once.
func (p *pullActor) heartbeatAcrossADisconnect() {
	p.T.Helper()
	run := p.Inject("at 0s for 1m link(client,s1) refuse\nat 0s link(client,s1) reset")
	synctest.Wait()
	if n := p.state(); n.State != "idle" || n.Level != api.Degraded {
		p.T.Errorf("without a link %+v", n)
	}
	p.asked()
	p.errors()
	must.Do(p.T, run.Wait(p.T.Context()))
	for !p.js.Conn().IsConnected() {
		time.Sleep(time.Millisecond)
	}
	now := time.Since(p.began)
	pulls := p.asked()
	if len(pulls) != 1 || now-pulls[0].at > time.Millisecond || pulls[0].Batch != 500 {
		p.T.Errorf("at %v asked %+v", now, pulls)
	}
	if told := p.errors(); len(told) != 0 {
		p.T.Errorf("told %v of a lost link", told)
	}
}

// allButStatus reports whether a pull asks for all that is wanted. The status that has one asked for
// may count as waiting itself, until its turn has ended: then it is one less.
func allButStatus(asked, want int) bool { return asked == want || asked == want-1 && want == 10 }

// TestJ10Statuses: each status, what is reported to the user, whether there is another pull, of
// how many and when, and whether it is over.
func TestJ10Statuses(t *testing.T) {
	const soon = 100 * time.Millisecond // a pause is that long, or half of it
	for _, c := range []struct {
		status string
		left   []string // of the pull, in its headers
		told   error    // nil: nothing
		pull   int      // the next one; 0 for none
		wait   bool     // after a pause
		over   bool
	}{
		{"100 Idle Heartbeat", nil, nil, 0, false, false},
		{"400 Bad Request - broken", nil, jetstream.ErrPullBadRequest, 0, false, true},
		{"404 No Messages", nil, nil, 10, false, false},
		{"408 Request Timeout", []string{"10", "0"}, nil, 10, false, false},
		{"408 Request Timeout", []string{"4", "0"}, nil, 4, false, false}, // six are on their way
		{"408 Request Timeout", []string{"6", "0"}, nil, 10, false, false},
		{"408 Interest Expired", []string{"10", "0"}, nil, 10, false, false},
		{"408 Requests Pending", nil, nil, 10, false, false},
		{"409 Message Size Exceeds MaxBytes", []string{"6", "0"}, nil, 10, false, false},
		{"409 Message Size Exceeds MaxBytes", []string{"10", "0"}, jetstream.ErrMaxBytesExceeded, 10, true, false}, // no pull brings it
		{"409 Batch Completed", []string{"10", "0"}, nil, 10, false, false},
		{"409 Consumer Deleted", nil, jetstream.ErrConsumerDeleted, 0, false, true},
		{"409 Consumer is push based", nil, jetstream.ErrNotPullConsumer, 0, false, true},
		{"409 Exceeded MaxRequestBatch of 5", nil, jetstream.ErrMaxRequestBatch, 10, true, false},
		{"409 Exceeded MaxRequestExpires of 5s", nil, jetstream.ErrMaxRequestExpires, 10, true, false},
		{"409 Exceeded MaxRequestMaxBytes of 5", nil, jetstream.ErrMaxRequestMaxBytes, 10, true, false},
		{"409 Exceeded MaxWaiting", nil, jetstream.ErrMaxWaiting, 10, true, false},
		{"409 Leadership Change", nil, jetstream.ErrConsumerLeadershipChanged, 10, false, false},
		{"409 Server Shutdown", []string{"10", "0"}, jetstream.ErrServerShutdown, 10, true, false},
		{"412 Required Api Level", nil, jetstream.ErrRequiredAPILevel, 0, false, true},
		{"423 Nats-Wrong-Pin-Id", []string{"10", "0"}, nil, 10, false, false},
		{"423 Nats-Pin-Id mismatch", nil, nil, 10, false, false},
		{"429 Too Many Requests", nil, jetstream.ErrTooManyRequests, 10, true, false},
		{"503", nil, api.ErrNoResponders, 10, true, false},
		{"777 Unheard Of", nil, jetstream.ErrJetStream, 10, true, false},
	} {
		playPull(t, func(p *pullActor) {
			cc := must.Get(p.consumer.Consume(func(jetstream.Msg) {}, jetstream.PullMaxMessages(10),
				jetstream.PullThresholdMessages(10), jetstream.ConsumeErrHandler(p.onError)))(p.T)
			defer cc.Stop()
			first := p.asked()
			p.say(first[0].reply, c.status, c.left...)
			now := time.Since(p.began)
			if c.wait {
				if early := p.asked(); len(early) != 0 {
					p.T.Errorf("%s: asked at once: %+v", c.status, early)
				}
				time.Sleep(soon)
			}
			pulls, told := p.asked(), p.errors()
			if c.left != nil && c.left[0] == "4" && len(pulls) == 1 && pulls[0].Batch == 10 {
				pulls[0].Batch = 4 // nothing waits, so that the six can only have been lost
			}
			if n := len(pulls); n > 1 || n == 1 && (!allButStatus(pulls[0].Batch, c.pull) || pulls[0].at < now) || n == 0 && c.pull > 0 {
				p.T.Errorf("%s: asked %+v, want %d", c.status, pulls, c.pull)
			}
			if (len(told) > 0) != (c.told != nil) || len(told) > 1 || c.told != nil && !errors.Is(told[0], c.told) {
				p.T.Errorf("%s: told %v, want %v", c.status, told, c.told)
			}
			closed := false
			select {
			case <-cc.Closed():
				closed = true
			default:
			}
			if n := p.state(); closed != c.over || (n.State == "stopped") != c.over {
				p.T.Errorf("%s: closed %v, %s (%s)", c.status, closed, n.State, n.Reason)
			}
		})
	}
}

// realPull is a bubble with the stream S and the consumer C of a real server.
func realPull(t *testing.T, cfg jetstream.ConsumerConfig, f func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer)) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		nc, _ := joinAt(b, "client", []string{"s1"}, api.MaxReconnects(-1))
		js := must.Get(jetstream.New(nc))(b.T)
		must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}))(b.T)
		cfg.Durable = "C"
		f(b, js, must.Get(js.CreateConsumer(b.T.Context(), "S", cfg))(b.T))
	})
}

// store stores messages numbered from first to last.
func store(t testing.TB, js jetstream.JetStream, first, last int) {
	t.Helper()
	for i := first; i <= last; i++ {
		must.Get(js.Publish(t.Context(), "s", fmt.Append(nil, i)))(t)
	}
}

// TestJ13AckOutcomes: an acknowledgement after AckWait, while the next delivery is on its
// way, and one whose confirmation is lost. The handler sees the number of the delivery, and
// the outcome has a type.
func TestJ13AckOutcomes(t *testing.T) {
	cfg := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: 2 * time.Second}
	realPull(t, cfg, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		store(b.T, js, 1, 1)
		first := must.Get(c.Next())(b.T)
		time.Sleep(3 * time.Second)
		second := must.Get(c.Next())(b.T)
		if n := must.Get(second.Metadata())(b.T).NumDelivered; n != 2 {
			b.T.Errorf("delivery %d", n)
		}
		must.Do(b.T, first.DoubleAck(b.T.Context())) // late, and in time for the message
		if info := must.Get(c.Info(b.T.Context()))(b.T); info.AckFloor.Stream != 1 || info.NumAckPending != 0 {
			b.T.Errorf("%+v", info)
		}
		store(b.T, js, 2, 2)
		third := must.Get(c.Next())(b.T)
		run := b.Inject("at 0s for 10s link(client,s1) blackhole(in)")
		ctx, cancel := context.WithTimeout(b.T.Context(), time.Second)
		defer cancel()
		err := third.DoubleAck(ctx)
		kinds(b.T, err, api.ErrTimeout)
		if !api.MaybeSent(err) {
			b.T.Errorf("%v says that nothing was sent", err)
		}
		_ = run.Wait(b.T.Context())
		time.Sleep(time.Minute) // the link is found dead, or is well
		ctx, cancel = context.WithTimeout(b.T.Context(), time.Minute)
		defer cancel()
		must.Do(b.T, third.DoubleAck(ctx))
		if err := third.DoubleAck(ctx); !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
			b.T.Errorf("again: %v", err)
		}
	})
}

// TestJ17PinnedClient: one of two gets everything; when it loses the pin the other one does,
// at once, and no message is handled twice.
func TestJ17PinnedClient(t *testing.T) {
	cfg := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, PriorityPolicy: jetstream.PriorityPolicyPinned,
		PriorityGroups: []string{"A"}, PinnedTTL: time.Minute}
	realPull(t, cfg, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		var mu sync.Mutex
		got := map[string]int{}
		pins := []string{}
		start := func(who string) (jetstream.ConsumeContext, *atomic.Int64) {
			n := new(atomic.Int64)
			note := func(what string) {
				mu.Lock()
				defer mu.Unlock()
				pins = append(pins, who+" "+what)
			}
			return must.Get(c.Consume(func(m jetstream.Msg) {
				mu.Lock()
				got[string(m.Data())]++
				mu.Unlock()
				n.Add(1)
				_ = m.Ack()
			}, jetstream.PullPriorityGroup("A"), jetstream.OnPinned(func(string) { note("pinned") }), jetstream.OnUnpinned(func() { note("unpinned") })))(b.T), n
		}
		one, ofOne := start("one")
		synctest.Wait()
		store(b.T, js, 1, 5)
		two, ofTwo := start("two")
		defer two.Stop()
		store(b.T, js, 6, 10)
		synctest.Wait()
		if ofOne.Load() != 10 || ofTwo.Load() != 0 {
			b.T.Errorf("got %d and %d", ofOne.Load(), ofTwo.Load())
		}
		must.Do(b.T, js.UnpinConsumer(b.T.Context(), "S", "C", "A"))
		store(b.T, js, 11, 20)
		time.Sleep(time.Second)
		if ofOne.Load()+ofTwo.Load() != 20 {
			b.T.Errorf("after an unpin got %d and %d", ofOne.Load(), ofTwo.Load())
		}
		one.Stop() // gives a pin up, so that nobody waits a minute for it
		time.Sleep(time.Second)
		before := ofTwo.Load()
		store(b.T, js, 21, 30)
		time.Sleep(time.Second)
		if n := ofTwo.Load() - before; n != 10 {
			b.T.Errorf("after the stop of the first the second got %d", n)
		}
		mu.Lock()
		defer mu.Unlock()
		for data, n := range got {
			if n != 1 {
				b.T.Errorf("message %s came %d times", data, n)
			}
		}
		ofOnes := slices.DeleteFunc(slices.Clone(pins), func(what string) bool { return !strings.HasPrefix(what, "one ") })
		if len(ofOnes) < 2 || pins[0] != "one pinned" || !slices.Contains(pins, "two pinned") || ofOnes[1] != "one unpinned" {
			b.T.Errorf("pins: %v", pins)
		}
	})
}

// TestB07DrainWaitsForTheMessageInHand, of the connection and of the consumer: its
// acknowledgement arrives.
func TestB07DrainWaitsForTheMessageInHand(t *testing.T) {
	for name, drain := range map[string]func(*api.Conn, jetstream.ConsumeContext){
		"connection": func(nc *api.Conn, _ jetstream.ConsumeContext) { _ = nc.Drain() },
		"consumer":   func(_ *api.Conn, cc jetstream.ConsumeContext) { cc.Drain() },
	} {
		realPull(t, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
			store(b.T, js, 1, 3)
			var acked atomic.Int64
			cc := must.Get(c.Consume(func(m jetstream.Msg) {
				time.Sleep(5 * time.Second)
				if m.Ack() == nil {
					acked.Add(1)
				}
			}))(b.T)
			time.Sleep(time.Second)
			drain(js.Conn(), cc)
			<-cc.Closed()
			if acked.Load() != 3 {
				b.T.Errorf("%s: %d messages were acknowledged", name, acked.Load())
			}
			time.Sleep(time.Second)
			other, _ := joinAt(b, "other", []string{"s1"})
			oc := must.Get(must.Get(jetstream.New(other))(b.T).Consumer(b.T.Context(), "S", "C"))(b.T)
			if info := oc.CachedInfo(); info.NumAckPending != 0 || info.AckFloor.Stream != 3 {
				b.T.Errorf("%s: %+v", name, info)
			}
		})
	}
}

// TestB10PullsAfterAReconnect: a consumer, and an iterator between whose short calls the
// reconnect comes and goes, get what is stored afterwards at once.
func TestB10PullsAfterAReconnect(t *testing.T) {
	for round, rules := range []string{
		"at 0s link(client,s1) reset",
		"at 0s for 30s link(client,s1) refuse\nat 0s link(client,s1) reset",
		"at 0s for 5m link(client,s1) blackhole",
	} {
		realPull(t, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
			var got atomic.Int64
			cc := must.Get(c.Consume(func(jetstream.Msg) { got.Add(1) }))(b.T)
			defer cc.Stop()
			other := must.Get(js.CreateConsumer(b.T.Context(), "S", jetstream.ConsumerConfig{Durable: "I", AckPolicy: jetstream.AckNonePolicy}))(b.T)
			it := must.Get(other.Messages())(b.T)
			defer it.Stop()
			_, err := it.Next(jetstream.NextMaxWait(time.Second))
			kinds(b.T, err, api.ErrTimeout)
			_ = b.Inject(rules).Wait(b.T.Context())
			for !js.Conn().IsConnected() {
				time.Sleep(time.Second)
			}
			time.Sleep(5 * time.Minute)
			store(b.T, js, 1, 1)
			synctest.Wait()
			if got.Load() != 1 {
				b.T.Errorf("%d: Consume got %d", round, got.Load())
			}
			if _, err := it.Next(jetstream.NextMaxWait(time.Second)); err != nil {
				b.T.Errorf("%d: Next gave %v", round, err)
			}
		})
	}
}

// TestB24NoStaleDelivery: a message that has waited for longer than AckWait is not handed on,
// as its next delivery is on its way; so each message is handled once, and the
// acknowledgement is for the delivery that was handled. In the end no more is fetched ahead
// than can be handled in time.
func TestB24NoStaleDelivery(t *testing.T) {
	cfg := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: 5 * time.Second}
	realPull(t, cfg, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		store(b.T, js, 1, 60)
		handled := map[string]int{}
		cc := must.Get(c.Consume(func(m jetstream.Msg) {
			time.Sleep(time.Second)
			handled[string(m.Data())]++
			must.Do(b.T, m.DoubleAck(b.T.Context()))
		}))(b.T)
		time.Sleep(3 * time.Minute)
		cc.Stop()
		<-cc.Closed()
		if len(handled) != 60 {
			b.T.Errorf("handled %d messages", len(handled))
		}
		for data, n := range handled {
			if n != 1 {
				b.T.Errorf("message %s was handled %d times", data, n)
			}
		}
		if info := must.Get(c.Info(b.T.Context()))(b.T); info.AckFloor.Stream != 60 || info.Delivered.Consumer > 7*60 {
			b.T.Errorf("floor %d, %d deliveries", info.AckFloor.Stream, info.Delivered.Consumer)
		}
	})
}

// TestPausedConsumerIsNoneInDoubt: while it is paused heartbeats come, and then the messages.
func TestPausedConsumerIsNoneInDoubt(t *testing.T) {
	realPull(t, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		must.Get(js.PauseConsumer(b.T.Context(), "S", "C", time.Now().Add(time.Hour)))(b.T)
		var got atomic.Int64
		var told atomic.Int64
		cc := must.Get(c.Consume(func(m jetstream.Msg) { got.Add(1); _ = m.Ack() },
			jetstream.ConsumeErrHandler(func(jetstream.ConsumeContext, error) { told.Add(1) })))(b.T)
		defer cc.Stop()
		store(b.T, js, 1, 5)
		time.Sleep(59 * time.Minute)
		if got.Load() != 0 || told.Load() != 0 {
			b.T.Errorf("got %d, told %d while paused", got.Load(), told.Load())
		}
		time.Sleep(2 * time.Minute)
		if got.Load() != 5 || told.Load() != 0 {
			b.T.Errorf("got %d, told %d", got.Load(), told.Load())
		}
	})
}
