package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// consuming is a bubble with the stream S of messages numbered from 1, and its consumer C.
func consuming(t *testing.T, msgs int, cfg jetstream.ConsumerConfig, f func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer)) {
	t.Helper()
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s", "s.>"}, Storage: jetstream.MemoryStorage}))(b.T)
		more(b.T, js, 1, msgs)
		cfg.Durable = "C"
		f(b, js, must.Get(js.CreateConsumer(b.T.Context(), "S", cfg))(b.T))
	})
}

// more stores messages numbered from first to last.
func more(t testing.TB, js jetstream.JetStream, first, last int) {
	t.Helper()
	for i := first; i <= last; i++ {
		must.Get(js.Conn().Request("s", fmt.Append(nil, i), 5*time.Second))(t)
	}
}

// numbers returns the numbers of a range of messages.
func numbered(first, last int) []string {
	var all []string
	for i := first; i <= last; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// nodeOf returns the node of the only puller in the tree.
func nodeOf(t testing.TB, nc *api.Conn) api.Node {
	t.Helper()
	var found []api.Node
	nc.Tree().Walk(func(n api.Node, _ int) bool {
		if strings.Contains(n.Path, "/consumers/S.C-") && !strings.HasSuffix(n.Path, "/callbacks") {
			found = append(found, n)
		}
		return true
	})
	if len(found) != 1 {
		t.Fatalf("%d pullers in the tree:\n%v", len(found), nc.Tree())
	}
	return found[0]
}

func counted(n api.Node, name string) uint64 {
	for _, c := range n.Counters {
		if c.Name == name {
			return c.Value
		}
	}
	return 1 << 62
}

func TestConsumeDeliversAllInOrder(t *testing.T) {
	consuming(t, 1200, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		var got []string
		cc := must.Get(c.Consume(func(m jetstream.Msg) {
			got = append(got, string(m.Data()))
			must.Do(b.T, m.Ack())
		}))(b.T)
		time.Sleep(time.Second) // both sides hold back a part of many messages for a moment
		synctest.Wait()
		if !slices.Equal(got, numbered(1, 1200)) {
			b.T.Errorf("got %d messages", len(got))
		}
		n := nodeOf(b.T, js.Conn())
		if counted(n, "delivered") != 1200 || counted(n, "acked") != 1200 || counted(n, "last delivered") != 1200 || counted(n, "last acked") != 1200 {
			b.T.Errorf("%+v", n)
		}
		time.Sleep(time.Minute)
		more(b.T, js, 1201, 1203)
		synctest.Wait()
		if !slices.Equal(got, numbered(1, 1203)) {
			b.T.Errorf("got %d messages after a minute", len(got))
		}
		if n := nodeOf(b.T, js.Conn()); counted(n, "missed heartbeats") != 0 || counted(n, "resets") != 0 {
			b.T.Errorf("%+v", n)
		}
		cc.Stop()
		<-cc.Closed()
		synctest.Wait()
		if strings.Contains(js.Conn().Tree().String(), "S.C-") {
			b.T.Errorf("the tree has still\n%v", js.Conn().Tree())
		}
		info := must.Get(c.Info(b.T.Context()))(b.T)
		if info.NumAckPending != 0 || info.NumWaiting != 0 || info.AckFloor.Stream != 1203 {
			b.T.Errorf("%+v", info)
		}
	})
}

// TestStopAfter: exactly that many, and no pull is left at the server.
func TestStopAfter(t *testing.T) {
	for _, options := range [][]jetstream.PullConsumeOpt{
		{jetstream.StopAfter(50)},
		{jetstream.StopAfter(50), jetstream.PullMaxMessages(7)},
		{jetstream.StopAfter(50), jetstream.PullMaxBytes(500)},
		{jetstream.StopAfter(50), jetstream.Concurrency(4)},
	} {
		consuming(t, 100, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
			var got atomic.Int64
			cc := must.Get(c.Consume(func(m jetstream.Msg) {
				got.Add(1)
				must.Do(b.T, m.Ack())
			}, options...))(b.T)
			<-cc.Closed()
			must.Do(b.T, js.Conn().Flush())
			synctest.Wait()
			info := must.Get(c.Info(b.T.Context()))(b.T)
			if got.Load() != 50 || info.NumAckPending != 0 || info.NumPending != 50 || info.NumWaiting != 0 {
				b.T.Errorf("%v: %d messages, %d pending, %d to ack, %d waiting", options, got.Load(), info.NumPending, info.NumAckPending, info.NumWaiting)
			}
		})
	}
}

func TestConsumeBoundsWhatWaits(t *testing.T) {
	for _, c := range []struct {
		options []jetstream.PullConsumeOpt
		most    int
	}{
		{[]jetstream.PullConsumeOpt{jetstream.PullMaxMessages(10)}, 10},
		{[]jetstream.PullConsumeOpt{jetstream.PullMaxBytes(1000)}, 1000 / 40},
		{[]jetstream.PullConsumeOpt{jetstream.PullMaxMessagesWithBytesLimit(10, 200)}, 10},
	} {
		consuming(t, 100, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, _ jetstream.JetStream, consumer jetstream.Consumer) {
			release, got := make(chan struct{}), 0
			cc := must.Get(consumer.Consume(func(m jetstream.Msg) {
				<-release
				got++
				must.Do(b.T, m.Ack())
			}, c.options...))(b.T)
			synctest.Wait()
			if info := must.Get(consumer.Info(b.T.Context()))(b.T); info.NumAckPending > c.most || info.NumAckPending == 0 {
				b.T.Errorf("%v: %d messages wait", c.options, info.NumAckPending)
			}
			close(release)
			synctest.Wait()
			if got != 100 {
				b.T.Errorf("%v: got %d", c.options, got)
			}
			cc.Stop()
		})
	}
}

// TestDrainHandlesWhatHasCome, and Stop does not.
func TestDrainHandlesWhatHasCome(t *testing.T) {
	for _, drain := range []bool{true, false} {
		consuming(t, 20, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, _ jetstream.JetStream, c jetstream.Consumer) {
			release, got := make(chan struct{}), 0
			cc := must.Get(c.Consume(func(m jetstream.Msg) {
				<-release
				got++
				must.Do(b.T, m.Ack())
			}))(b.T)
			synctest.Wait()
			want := 1
			if drain {
				want = 20
				cc.Drain()
			} else {
				cc.Stop()
			}
			select {
			case <-cc.Closed():
				b.T.Error("closed while a handler runs")
			default:
			}
			close(release)
			<-cc.Closed()
			if got != want {
				b.T.Errorf("drain %v: got %d, want %d", drain, got, want)
			}
			cc.Stop()
			cc.Drain()
		})
	}
}

func TestConsumeOptionsAreChecked(t *testing.T) {
	consuming(t, 0, jetstream.ConsumerConfig{}, func(b *faults.Env, _ jetstream.JetStream, c jetstream.Consumer) {
		handler := func(jetstream.Msg) {}
		for _, options := range [][]jetstream.PullConsumeOpt{
			{jetstream.PullMaxMessages(0)}, {jetstream.PullMaxBytes(0)}, {jetstream.PullExpiry(time.Millisecond)},
			{jetstream.PullHeartbeat(time.Millisecond)}, {jetstream.PullHeartbeat(time.Minute)},
			{jetstream.PullHeartbeat(10 * time.Second), jetstream.PullExpiry(15 * time.Second)},
			{jetstream.PullMaxMessages(1), jetstream.PullMaxBytes(1)}, {jetstream.PullMaxMessagesWithBytesLimit(0, 1)},
			{jetstream.PullMaxMessagesWithBytesLimit(1, 0)}, {jetstream.PullMaxMessages(1), jetstream.PullMaxMessagesWithBytesLimit(1, 1)},
			{jetstream.PullMinPending(0)}, {jetstream.PullMinAckPending(0)}, {jetstream.PullPrioritized(10)},
			{jetstream.PullPriorityGroup("A")}, {jetstream.StopAfter(0)}, {jetstream.Concurrency(0)},
			{jetstream.OrderedBy(nil)}, {jetstream.OrderedBy(func(jetstream.Msg) string { return "" })}, {jetstream.AutoExtend(0)},
			{jetstream.Attempts(0)}, {jetstream.DeadLetterTo("x")}, {jetstream.OnMissing(9)},
			{jetstream.OnHeartbeatLoss(api.Policy{Directive: 99})}, {jetstream.RetryBackoff(api.Backoff{Max: -1})},
		} {
			_, err := c.Consume(handler, options...)
			is(b.T, err, jetstream.ErrInvalidOption)
		}
		_, err := c.Consume(nil)
		is(b.T, err, jetstream.ErrHandlerRequired)
		_, err = c.ConsumeFunc(nil)
		is(b.T, err, jetstream.ErrHandlerRequired)
	})
}

// TestConsumerThatIsDeleted: the default is that of nats.go, and always reported.
func TestConsumerThatIsDeleted(t *testing.T) {
	consuming(t, 1, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		var told []error
		cc := must.Get(c.Consume(func(m jetstream.Msg) { must.Do(b.T, m.Ack()) },
			jetstream.ConsumeErrHandler(func(cc jetstream.ConsumeContext, err error) {
				told = append(told, err)
				cc.Closed()
			})))(b.T)
		synctest.Wait()
		must.Do(b.T, js.DeleteConsumer(b.T.Context(), "S", "C"))
		<-cc.Closed()
		synctest.Wait()
		if len(told) != 1 || !errors.Is(told[0], jetstream.ErrConsumerDeleted) {
			b.T.Errorf("told %v", told)
		}
		n := nodeOf(b.T, js.Conn())
		if n.State != "stopped" || !strings.Contains(n.Reason, "deleted") || js.Conn().Health() == nil {
			b.T.Errorf("%+v, health %v", n, js.Conn().Health())
		}
		cc.Stop()
		synctest.Wait()
		if err := js.Conn().Health(); err != nil {
			b.T.Errorf("after Stop: %v", err)
		}
	})
}

// TestConsumerIsMadeAnew: it continues with the first message that was not acknowledged, and
// nothing of the old consumer remains.
func TestConsumerIsMadeAnew(t *testing.T) {
	consuming(t, 10, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		var got []string
		var told []error
		cc := must.Get(c.Consume(func(m jetstream.Msg) {
			got = append(got, string(m.Data()))
			if string(m.Data()) != "8" {
				must.Do(b.T, m.Ack())
			}
		}, jetstream.OnMissing(jetstream.MissingRecreate),
			jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { told = append(told, err) })))(b.T)
		synctest.Wait()
		for round := range 3 {
			must.Do(b.T, js.DeleteConsumer(b.T.Context(), "S", "C"))
			time.Sleep(time.Second)
			synctest.Wait()
			if len(told) != round+1 || !errors.Is(told[round], jetstream.ErrConsumerNotFound) {
				b.T.Errorf("told %v", told)
			}
		}
		more(b.T, js, 11, 12)
		synctest.Wait()
		want := slices.Concat(numbered(1, 10), numbered(8, 10), numbered(8, 10), numbered(8, 12))
		if !slices.Equal(got, want) {
			b.T.Errorf("got %v", got)
		}
		if n := nodeOf(b.T, js.Conn()); n.Level != api.Well || counted(n, "recreated") != 3 {
			b.T.Errorf("%+v", n)
		}
		if names := slices.Collect(seqOf(js, b.T.Context())); !slices.Equal(names, []string{"C"}) {
			b.T.Errorf("consumers are %v", names)
		}
		cc.Stop()
	})
}

// seqOf yields the names of the consumers of S.
func seqOf(js jetstream.JetStream, ctx context.Context) func(func(string) bool) {
	return func(yield func(string) bool) {
		s, err := js.Stream(ctx, "S")
		if err != nil {
			return
		}
		for name, err := range s.AllConsumerNames(ctx) {
			if err != nil || !yield(name) {
				return
			}
		}
	}
}

// TestConsumerIsWaitedFor, for an hour, with growing pauses.
func TestConsumerIsWaitedFor(t *testing.T) {
	consuming(t, 1, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		got := 0
		cc := must.Get(c.Consume(func(m jetstream.Msg) { got++; must.Do(b.T, m.Ack()) }, jetstream.OnMissing(jetstream.MissingWait)))(b.T)
		synctest.Wait()
		must.Do(b.T, js.DeleteConsumer(b.T.Context(), "S", "C"))
		before := js.Conn().Stats().OutMsgs
		time.Sleep(time.Hour)
		if asked := js.Conn().Stats().OutMsgs - before; asked > 400 || asked < 300 {
			b.T.Errorf("asked %d times in an hour", asked)
		}
		if n := nodeOf(b.T, js.Conn()); n.State != "recovering" || n.Level != api.Down {
			b.T.Errorf("%+v", n)
		}
		must.Get(js.CreateConsumer(b.T.Context(), "S", jetstream.ConsumerConfig{Durable: "C", AckPolicy: jetstream.AckExplicitPolicy}))(b.T)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if n := nodeOf(b.T, js.Conn()); n.Level != api.Well || got != 2 {
			b.T.Errorf("got %d: %+v", got, n)
		}
		cc.Stop()
	})
}

// TestMissingConsumerEscalates: the connection is closed, with the error as the cause.
func TestMissingConsumerEscalates(t *testing.T) {
	consuming(t, 1, jetstream.ConsumerConfig{}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		cc := must.Get(c.Consume(func(jetstream.Msg) {}, jetstream.OnMissing(jetstream.MissingEscalate)))(b.T)
		synctest.Wait()
		_ = js.DeleteConsumer(b.T.Context(), "S", "C") // its answer may be lost
		<-cc.Closed()
		time.Sleep(time.Second)
		if nc := js.Conn(); !nc.IsClosed() || !errors.Is(nc.LastError(), jetstream.ErrConsumerDeleted) {
			b.T.Errorf("closed %v, %v", nc.IsClosed(), nc.LastError())
		}
	})
}

func TestMessagesAreAskedForWhileNextIsCalled(t *testing.T) {
	consuming(t, 100, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		it := must.Get(c.Messages(jetstream.PullMaxMessages(10)))(b.T)
		synctest.Wait()
		if info := must.Get(c.Info(b.T.Context()))(b.T); info.NumWaiting != 0 || info.NumAckPending != 0 {
			b.T.Errorf("asked before anybody wanted: %+v", info)
		}
		var got []string
		for range 100 {
			m := must.Get(it.Next())(b.T)
			got = append(got, string(m.Data()))
			must.Do(b.T, m.Ack())
		}
		if !slices.Equal(got, numbered(1, 100)) {
			b.T.Errorf("got %v", got)
		}
		_, err := it.Next(jetstream.NextMaxWait(time.Second))
		is(b.T, err, api.ErrTimeout)
		ctx, cancel := context.WithTimeout(b.T.Context(), time.Second)
		_, err = it.Next(jetstream.NextContext(ctx))
		is(b.T, err, context.DeadlineExceeded)
		cancel()
		_, err = it.Next(jetstream.NextContext(ctx), jetstream.NextMaxWait(time.Second))
		is(b.T, err, jetstream.ErrInvalidOption)
		var none context.Context
		_, err = it.NextWithContext(none)
		is(b.T, err, api.ErrInvalidContext)
		time.Sleep(time.Hour) // idle: no pull, no heartbeat, and no complaint
		more(b.T, js, 101, 101)
		if m := must.Get(it.Next(jetstream.NextMaxWait(5 * time.Second)))(b.T); string(m.Data()) != "101" {
			b.T.Errorf("got %s", m.Data())
		}
		if n := nodeOf(b.T, js.Conn()); counted(n, "missed heartbeats") != 0 {
			b.T.Errorf("%+v", n)
		}
		it.Stop()
		_, err = it.Next()
		is(b.T, err, jetstream.ErrMsgIteratorClosed)
		<-it.Closed()
	})
}

// TestMessagesNextWaits: a message that arrives while Next waits wakes it, even after hours.
func TestMessagesNextWaits(t *testing.T) {
	consuming(t, 0, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		it := must.Get(c.Messages())(b.T)
		defer it.Stop()
		time.AfterFunc(5*time.Hour, func() { _ = js.Conn().Publish("s", []byte("late")) })
		if m := must.Get(it.Next())(b.T); string(m.Data()) != "late" {
			b.T.Errorf("got %s", m.Data())
		}
	})
}

func TestMessagesDrain(t *testing.T) {
	consuming(t, 20, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		it := must.Get(c.Messages(jetstream.PullMaxMessages(10), jetstream.PullThresholdMessages(1)))(b.T)
		must.Get(it.Next())(b.T)
		synctest.Wait()
		it.Drain()
		got := 1
		for m, err := range it.All(b.T.Context()) {
			must.Do(b.T, err)
			must.Do(b.T, m.Ack())
			got++
		}
		if got != 10 {
			b.T.Errorf("got %d", got)
		}
		_, err := it.Next()
		is(b.T, err, jetstream.ErrMsgIteratorClosed)
	})
}

func TestMessagesStopAfter(t *testing.T) {
	consuming(t, 20, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		it := must.Get(c.Messages(jetstream.StopAfter(5)))(b.T)
		got := 0
		for m, err := range it.All(b.T.Context()) {
			must.Do(b.T, err)
			must.Do(b.T, m.Ack())
			got++
		}
		synctest.Wait()
		if info := must.Get(c.Info(b.T.Context()))(b.T); got != 5 || info.NumPending != 15 || info.NumAckPending != 0 || info.NumWaiting != 0 {
			b.T.Errorf("got %d: %+v", got, info)
		}
	})
}

func TestMessagesOfAConsumerThatIsDeleted(t *testing.T) {
	consuming(t, 0, jetstream.ConsumerConfig{}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		it := must.Get(c.Messages())(b.T)
		time.AfterFunc(time.Minute, func() { _ = js.DeleteConsumer(context.Background(), "S", "C") })
		_, err := it.Next()
		is(b.T, err, jetstream.ErrConsumerDeleted)
		_, err = it.Next()
		is(b.T, err, jetstream.ErrMsgIteratorClosed)
		it.Stop()
	})
}

func TestMessagesOfAConnectionThatCloses(t *testing.T) {
	consuming(t, 0, jetstream.ConsumerConfig{}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		it := must.Get(c.Messages())(b.T)
		var told []error
		cc := must.Get(c.Consume(func(jetstream.Msg) {}, jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { told = append(told, err) })))(b.T)
		time.AfterFunc(time.Minute, js.Conn().Close)
		_, err := it.Next()
		is(b.T, err, jetstream.ErrMsgIteratorClosed, jetstream.ErrConnectionClosed)
		<-cc.Closed()
		if len(told) != 1 || !errors.Is(told[0], jetstream.ErrConnectionClosed) {
			b.T.Errorf("told %v", told)
		}
	})
}
