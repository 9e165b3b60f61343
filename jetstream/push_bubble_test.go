package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// pushing is a push consumer of a stream in a bubble.
type pushing struct {
	t        *testing.T
	b        *faults.Env
	nc       *api.Conn
	js       jetstream.JetStream
	consumer jetstream.PushConsumer
	cc       jetstream.ConsumeContext

	mu   sync.Mutex
	got  []string
	errs []error
}

// pushBubble consumes from stream S, whose subjects are those below s, in a bubble.
func pushBubble(t *testing.T, cfg jetstream.ConsumerConfig, f func(p *pushing), options ...api.Option) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), append([]api.Option{api.System(b.System), api.SetCustomDialer(b.Dialer("client"))}, options...)...))(b.T)
		defer nc.Close()
		js := must.Get(jetstream.New(nc))(b.T)
		must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}))(b.T)
		cfg.DeliverSubject = "deliver"
		consumer := must.Get(js.CreatePushConsumer(b.T.Context(), "S", cfg))(b.T)
		f(&pushing{t: b.T, b: b, nc: nc, js: js, consumer: consumer})
	})
}

// consume begins; each message goes to the handler once it is noted.
func (p *pushing) consume(handler jetstream.MessageHandler, opts ...jetstream.PushConsumeOpt) {
	p.t.Helper()
	p.cc = must.Get(p.consumer.Consume(func(m jetstream.Msg) {
		p.mu.Lock()
		p.got = append(p.got, string(m.Data()))
		p.mu.Unlock()
		if handler != nil {
			handler(m)
		}
	}, append(opts, jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.errs = append(p.errs, err)
	}))...))(p.t)
	must.Do(p.t, p.nc.Flush()) // other clients may send to it
}

// publish stores messages from, from+1, … to with that many bytes after the number.
func (p *pushing) publish(from, to, padding int) {
	p.t.Helper()
	for i := from; i <= to; i++ {
		must.Do(p.t, p.nc.Publish("s.a", fmt.Appendf(nil, "%d%s", i, strings.Repeat(".", padding))))
	}
	must.Do(p.t, p.nc.Flush())
}

// say sends a status to the deliver subject, as only a server can.
func (p *pushing) say(reply, line string, fields ...string) {
	p.t.Helper()
	block := "NATS/1.0 " + line + "\r\n" + strings.Join(fields, "\r\n")
	if len(fields) > 0 {
		block += "\r\n"
	}
	block += "\r\n"
	c := must.Get(p.b.Dialer("liar").Dial("tcp", strings.TrimPrefix(p.b.URL("s1"), "nats://")))(p.t)
	defer c.Close()
	if reply != "" {
		reply += " "
	}
	must.Get(fmt.Fprintf(c, "CONNECT {\"verbose\":false,\"headers\":true}\r\nHPUB deliver %s%d %d\r\n%s\r\nPING\r\n", reply, len(block), len(block), block))(p.t)
	awaitPong(p.t, c)
}

func awaitPong(t *testing.T, c net.Conn) {
	t.Helper()
	var said strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(said.String(), "PONG") {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		said.Write(buf[:n])
	}
}

func (p *pushing) received() []string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.got...)
}

// told returns the errors since the last call.
func (p *pushing) told() []error {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := p.errs
	p.errs = nil
	return errs
}

// expectErrors checks the errors since the last call, by kind.
func (p *pushing) expectErrors(what string, kinds ...error) {
	p.t.Helper()
	errs := p.told()
	if len(errs) != len(kinds) {
		p.t.Errorf("%s: reported %v, want %v", what, errs, kinds)
		return
	}
	for i, kind := range kinds {
		if !errors.Is(errs[i], kind) {
			p.t.Errorf("%s: reported %v, want %v", what, errs[i], kind)
		}
	}
}

func (p *pushing) node() api.Node {
	p.t.Helper()
	synctest.Wait()
	n, _ := p.nc.Tree().Find("consumers")
	if len(n.Children) != 1 {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.t.Fatalf("reported %v, consumers:\n%v\n%v", p.errs, n, p.nc.EventLog())
	}
	return n.Children[0]
}

func numbers(from, to int) (all []string) {
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func TestPushConsume(t *testing.T) {
	pushBubble(t, jetstream.ConsumerConfig{Durable: "c", IdleHeartbeat: time.Second}, func(p *pushing) {
		if _, err := p.consumer.Consume(nil); !errors.Is(err, jetstream.ErrHandlerRequired) {
			t.Errorf("no handler gave %v", err)
		}
		if _, err := p.consumer.Consume(func(jetstream.Msg) {}, nil, jetstream.PushSubscription(api.Concurrency(0))); !errors.Is(err, api.ErrInvalidArg) {
			t.Errorf("a bad option gave %v", err)
		}
		p.consume(func(m jetstream.Msg) { must.Do(p.t, m.Ack()) })
		if _, err := p.consumer.Consume(func(jetstream.Msg) {}); !errors.Is(err, jetstream.ErrConsumerAlreadyConsuming) {
			t.Errorf("a second one gave %v", err)
		}
		p.publish(1, 100, 0)
		time.Sleep(time.Hour)
		if diff := cmp.Diff(numbers(1, 100), p.received()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		n := p.node()
		acked, _ := n.Counter("acked")
		if n.State != "listening" || acked != 100 || p.nc.Health() != nil {
			t.Errorf("%+v, %v", n, p.nc.Health())
		}
		if info := must.Get(p.consumer.Info(p.t.Context()))(p.t); info.AckFloor.Stream != 100 || !info.PushBound {
			t.Errorf("%+v", info)
		}
		p.cc.Stop()
		p.cc.Drain()
		<-p.cc.Closed()
		p.publish(101, 110, 0)
		time.Sleep(time.Second)
		p.consume(func(m jetstream.Msg) { must.Do(p.t, m.Ack()) })
		time.Sleep(time.Second)
		p.cc.Drain()
		<-p.cc.Closed()
		if diff := cmp.Diff(numbers(1, 110), p.received()); diff != "" {
			t.Errorf("again (-want +got):\n%s", diff)
		}
		p.expectErrors("all went well")
	})
}

// TestPushHeartbeats: two missing heartbeats are reported each time, but not for a slow handler
// or a lost link; the end of a consumer is noticed.
func TestPushHeartbeats(t *testing.T) {
	pushBubble(t, jetstream.ConsumerConfig{Durable: "c", IdleHeartbeat: time.Second, AckPolicy: jetstream.AckNonePolicy}, func(p *pushing) {
		p.consume(func(jetstream.Msg) { time.Sleep(5 * time.Minute) })
		p.publish(1, 1, 0)
		time.Sleep(10 * time.Minute)
		p.expectErrors("a slow handler")
		run := p.b.Inject("at 0s for 10s server(s1) kill")
		time.Sleep(30 * time.Second)
		run.Stop()
		p.expectErrors("a server that was away")
		if n := p.node(); n.State != "listening" {
			t.Errorf("%+v", n)
		}
		other := must.Get(api.Connect(p.b.URL("s1"), api.System(p.b.System), api.SetCustomDialer(p.b.Dialer("other"))))(p.t)
		defer other.Close()
		js := must.Get(jetstream.New(other))(p.t)
		run = p.b.Inject("at 0s for 10s link(client,s1) refuse")
		time.Sleep(time.Second)
		must.Do(t, js.DeleteConsumer(p.t.Context(), "S", "c"))
		time.Sleep(9 * time.Second)
		run.Stop()
		time.Sleep(5 * time.Second)
		gone := 0
		for _, err := range p.told() {
			if errors.Is(err, jetstream.ErrConsumerNotFound) {
				gone++
			} else if !errors.Is(err, jetstream.ErrNoHeartbeat) {
				t.Errorf("after the end: %v", err)
			}
		}
		if gone != 1 {
			t.Errorf("its end was reported %d times", gone)
		}
		if n := p.node(); n.State != "failed" || p.nc.Health() == nil {
			t.Errorf("%+v", n)
		}
		must.Get(js.CreatePushConsumer(p.t.Context(), "S", p.consumer.CachedInfo().Config))(p.t)
		time.Sleep(5 * time.Second)
		p.told()
		if n := p.node(); n.State != "listening" || p.nc.Health() != nil {
			t.Errorf("made again: %+v, %v", n, p.nc.Health())
		}
	}, api.MaxReconnects(-1))
}

// TestPushFlowControl: a handler that does not return does not stop the flow until half of the
// limit is queued.
func TestPushFlowControl(t *testing.T) {
	const size, count = 200_000, 350
	cfg := jetstream.ConsumerConfig{Durable: "c", IdleHeartbeat: time.Second, FlowControl: true, AckPolicy: jetstream.AckNonePolicy}
	pushBubble(t, cfg, func(p *pushing) {
		gate := make(chan struct{})
		var handled atomic.Int32
		p.consume(func(jetstream.Msg) { <-gate; handled.Add(1) })
		p.publish(1, count, size)
		time.Sleep(time.Minute)
		received, _ := p.node().Counter("received")
		info := must.Get(p.consumer.Info(p.t.Context()))(p.t)
		if sent := info.Delivered.Consumer; sent*size < 32<<20 || sent*size > 64<<20 || received < sent {
			t.Errorf("%d of %d sent, %d received", sent, count, received)
		}
		close(gate)
		time.Sleep(time.Minute)
		if handled.Load() != count {
			t.Errorf("%d handled", handled.Load())
		}
		p.expectErrors("flow control")
	})
}

// TestPushStalled: the server gets the answer that it waits for, even if its request was lost.
func TestPushStalled(t *testing.T) {
	pushBubble(t, jetstream.ConsumerConfig{Durable: "c", IdleHeartbeat: time.Hour, FlowControl: true}, func(p *pushing) {
		answers := make(chan *api.Msg, 10)
		must.Get(p.nc.Subscribe("fc.*", func(m *api.Msg) { answers <- m }))(t)
		p.consume(nil)
		p.say("", "100 Idle Heartbeat", "Nats-Last-Consumer: 0", "Nats-Consumer-Stalled: fc.1")
		p.say("fc.2", "100 FlowControl Request")
		p.say("fc.3", "100 flowcontrol request")
		for _, want := range []string{"fc.1", "fc.2", "fc.3"} {
			synctest.Wait()
			select {
			case m := <-answers:
				if m.Subject != want || len(m.Data) != 0 {
					t.Errorf("answered %s, want %s", m.Subject, want)
				}
			default:
				t.Fatalf("%s is not answered", want)
			}
		}
	})
}

// TestPushMismatch: a gap is reported once, whether a heartbeat or a message shows it.
func TestPushMismatch(t *testing.T) {
	pushBubble(t, jetstream.ConsumerConfig{Durable: "c", IdleHeartbeat: time.Hour}, func(p *pushing) {
		p.consume(nil)
		p.publish(1, 3, 0)
		p.received()
		for range 3 {
			p.say("", "100 Idle Heartbeat", "Nats-Last-Consumer: 5")
		}
		errs := p.told()
		var gap *jetstream.ConsumerSequenceMismatchError
		if len(errs) != 1 || !errors.As(errs[0], &gap) || gap.Gap() != 2 || gap.StreamResumeSequence != 3 || gap.Stream != "S" || gap.Consumer != "c" {
			t.Errorf("reported %v", errs)
		}
		p.publish(4, 4, 0)
		p.expectErrors("set back", jetstream.ErrConsumerSequenceMismatch)
		p.publish(5, 6, 0)
		p.expectErrors("in order")
	})
}

// TestErrorConsumerSequenceMismatch: lost messages of a push consumer are reported, with the
// sequence to resume from.
func TestErrorConsumerSequenceMismatch(t *testing.T) {
	pushBubble(t, jetstream.ConsumerConfig{Durable: "c", IdleHeartbeat: time.Second}, func(p *pushing) {
		p.consume(nil)
		p.publish(1, 3, 0)
		p.received()
		run := p.b.Inject(`when op(MSG) subject("s.a") link(client,s1) drop`)
		p.publish(4, 5, 0)
		time.Sleep(5 * time.Second)
		run.Stop()
		errs := p.told()
		if len(errs) != 1 {
			t.Fatalf("reported %v", errs)
		}
		var gap *jetstream.ConsumerSequenceMismatchError
		if !errors.Is(errs[0], jetstream.ErrConsumerSequenceMismatch) || !errors.As(errs[0], &gap) || gap.Gap() != 2 || gap.StreamResumeSequence != 3 {
			t.Errorf("reported %v", errs[0])
		}
	})
}

// TestPushOnMissing: a deleted push consumer, which the client must detect itself, is waited for,
// created again, or ends consuming.
func TestPushOnMissing(t *testing.T) {
	cfg := jetstream.ConsumerConfig{Durable: "c", IdleHeartbeat: time.Second, AckPolicy: jetstream.AckExplicitPolicy}
	missing := func(p *pushing, answer jetstream.Missing) {
		p.consume(func(m jetstream.Msg) {
			if string(m.Data()) != "3" {
				must.Do(t, m.Ack())
			}
		}, jetstream.OnMissing(answer))
		p.publish(1, 5, 0)
		p.received()
		_ = p.js.DeleteConsumer(p.t.Context(), "S", "c")
		time.Sleep(10 * time.Second)
	}
	gone := func(p *pushing) {
		errs := p.told()
		for _, err := range errs {
			if !errors.Is(err, jetstream.ErrConsumerNotFound) && !errors.Is(err, jetstream.ErrNoHeartbeat) {
				t.Errorf("reported %v", err)
			}
		}
		if len(errs) == 0 || len(errs) > 6 {
			t.Errorf("reported %v", errs)
		}
	}
	pushBubble(t, cfg, func(p *pushing) {
		missing(p, jetstream.MissingStop)
		<-p.cc.Closed()
		gone(p)
	})
	pushBubble(t, cfg, func(p *pushing) {
		missing(p, jetstream.MissingWait)
		gone(p)
		if n := p.node(); n.State != "failed" || p.nc.Health() == nil {
			t.Errorf("%+v", n)
		}
		must.Get(p.js.CreatePushConsumer(p.t.Context(), "S", p.consumer.CachedInfo().Config))(p.t)
		time.Sleep(11 * time.Second)
		if n := p.node(); n.State != "listening" || p.nc.Health() != nil {
			t.Errorf("%+v", n)
		}
	})
	pushBubble(t, cfg, func(p *pushing) {
		missing(p, jetstream.MissingRecreate)
		gone(p)
		p.publish(6, 7, 0)
		if got := fmt.Sprint(p.received()); got != "[1 2 3 4 5 3 4 5 6 7]" {
			t.Errorf("got %v", got)
		}
		p.expectErrors("created again")
		if n := p.node(); n.State != "listening" || p.nc.Health() != nil {
			t.Errorf("%+v", n)
		}
	})
	pushBubble(t, cfg, func(p *pushing) {
		missing(p, jetstream.MissingEscalate)
		<-p.cc.Closed()
		if !p.nc.IsClosed() || !errors.Is(p.nc.LastError(), jetstream.ErrConsumerNotFound) {
			t.Errorf("closed %v, %v", p.nc.IsClosed(), p.nc.LastError())
		}
	})
}

// TestPushStatuses: they are matched regardless of case, and those that end consuming do so.
func TestPushStatuses(t *testing.T) {
	pushBubble(t, jetstream.ConsumerConfig{Durable: "c"}, func(p *pushing) {
		p.consume(nil)
		p.say("", "409 Leadership Change")
		p.say("", "409 lEADERSHIP cHANGE")
		p.expectErrors("goes on", jetstream.ErrConsumerLeadershipChanged, jetstream.ErrConsumerLeadershipChanged)
		p.say("", "409 consumer DELETED")
		p.expectErrors("ends", jetstream.ErrConsumerDeleted)
		<-p.cc.Closed()
		synctest.Wait()
		if n, _ := p.nc.Tree().Find("consumers"); len(n.Children) != 0 {
			t.Errorf("left:\n%v", n)
		}
	})
}

// TestPushEnds: with the connection, by failures of the handler, and from anywhere.
func TestPushEnds(t *testing.T) {
	cfg := jetstream.ConsumerConfig{Durable: "c", IdleHeartbeat: time.Second, FlowControl: true}
	pushBubble(t, cfg, func(p *pushing) {
		p.consume(nil)
		p.nc.Close()
		<-p.cc.Closed()
		p.expectErrors("a close", jetstream.ErrConnectionClosed)
	})
	pushBubble(t, cfg, func(p *pushing) {
		p.consume(func(jetstream.Msg) { panic("no") }, jetstream.PushSubscription(api.OnPanic(api.Stop)))
		p.publish(1, 1, 0)
		<-p.cc.Closed()
		p.expectErrors("a panic", api.ErrBadSubscription)
	})
	pushBubble(t, cfg, func(p *pushing) {
		p.consume(func(jetstream.Msg) { p.cc.Stop(); p.cc.Stop() })
		p.publish(1, 5, 0)
		<-p.cc.Closed()
		if got := p.received(); len(got) != 1 {
			t.Errorf("%v after a stop", got)
		}
		p.expectErrors("a stop")
		p.consume(func(jetstream.Msg) {})
		must.Get(p.nc.DrainContext(context.Background()))(t)
		<-p.cc.Closed()
		p.expectErrors("a drain")
	})
}

// TestPushAckFlowControl: answers acknowledge the messages that the handler has finished, and no
// others.
func TestPushAckFlowControl(t *testing.T) {
	cfg := jetstream.ConsumerConfig{Durable: "c", IdleHeartbeat: time.Second, FlowControl: true,
		AckPolicy: jetstream.AckFlowControlPolicy, MaxAckPending: 10}
	pushBubble(t, cfg, func(p *pushing) {
		gate := make(chan struct{}, 100)
		p.consume(func(jetstream.Msg) { <-gate })
		p.publish(1, 35, 0)
		floor := func() int {
			time.Sleep(10 * time.Second)
			return int(must.Get(p.consumer.Info(p.t.Context()))(p.t).AckFloor.Stream)
		}
		if n := floor(); n != 0 {
			t.Errorf("%d acknowledged before the first was handled", n)
		}
		answers, _ := p.node().Counter("flow control")
		if answers > 20 {
			t.Errorf("answered %d times without a change", answers)
		}
		for range 35 {
			gate <- struct{}{}
		}
		if n := floor(); n < 30 || len(p.received()) != 35 {
			t.Errorf("%d acknowledged of %d", n, len(p.received()))
		}
		p.expectErrors("acknowledging")
	})
}
