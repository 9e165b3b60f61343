package jetstream_test

import (
	"context"
	"errors"
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

// explicit is a consumer whose messages are redelivered after a second.
var explicit = jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Second}

// TestStopAtOnce: consuming that is stopped before it has begun leaves nothing behind.
func TestStopAtOnce(t *testing.T) {
	consuming(t, 0, explicit, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		for range 50 {
			cc := must.Get(c.Consume(func(jetstream.Msg) {}))(b.T)
			cc.Stop()
			<-cc.Closed()
		}
		synctest.Wait()
		if tree := js.Conn().Tree().String(); strings.Contains(tree, "S.C-") {
			b.T.Errorf("the tree has still\n%v", tree)
		}
	})
}

// TestDrainExtends: handlers keep their messages while consuming is drained.
func TestDrainExtends(t *testing.T) {
	consuming(t, 1, explicit, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		cc := must.Get(c.Consume(func(m jetstream.Msg) {
			time.Sleep(5 * time.Second)
			must.Do(b.T, m.Ack())
		}, jetstream.AutoExtend(time.Minute)))(b.T)
		synctest.Wait()
		cc.Drain()
		if m, err := c.Next(jetstream.FetchMaxWait(4 * time.Second)); !errors.Is(err, jetstream.ErrFetchTimeout) {
			b.T.Errorf("another got %v, %v", m, err)
		}
		<-cc.Closed()
		synctest.Wait()
		if tree := js.Conn().Tree().String(); strings.Contains(tree, "S.C-") {
			b.T.Errorf("the tree has still\n%v", tree)
		}
	})
}

// TestStopAfterCountsWhatIsHandled: messages that are dropped for their age are not.
func TestStopAfterCountsWhatIsHandled(t *testing.T) {
	consuming(t, 20, explicit, func(b *faults.Env, _ jetstream.JetStream, c jetstream.Consumer) {
		var got []string
		cc := must.Get(c.Consume(func(m jetstream.Msg) {
			if len(got) == 0 {
				time.Sleep(10 * time.Second)
			}
			got = append(got, string(m.Data()))
			must.Do(b.T, m.Ack())
		}, jetstream.StopAfter(5)))(b.T)
		select {
		case <-cc.Closed():
		case <-time.After(time.Minute):
		}
		synctest.Wait()
		if len(got) != 5 {
			b.T.Errorf("%d messages: %v", len(got), got)
		}
	})
}

// TestMessagesBeforeTheEnd: messages that arrived before the consumer was deleted are returned
// first.
func TestMessagesBeforeTheEnd(t *testing.T) {
	consuming(t, 5, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		it := must.Get(c.Messages())(b.T)
		defer it.Stop()
		got := []string{string(must.Get(it.Next())(b.T).Data())}
		synctest.Wait()
		must.Do(b.T, js.DeleteConsumer(b.T.Context(), "S", "C"))
		synctest.Wait()
		var err error
		for m, failure := range it.All(b.T.Context()) {
			if err = failure; err != nil {
				break
			}
			got = append(got, string(m.Data()))
		}
		if !slices.Equal(got, numbered(1, 5)) {
			b.T.Errorf("got %v", got)
		}
		is(b.T, err, jetstream.ErrConsumerDeleted)
	})
}

// TestFetchGivesBackWhatCameLate: messages for which there was no room before the end are
// redelivered at once, not after their AckWait.
func TestFetchGivesBackWhatCameLate(t *testing.T) {
	cfg := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour, MaxAckPending: 10_000}
	consuming(t, 4500, cfg, func(b *faults.Env, _ jetstream.JetStream, c jetstream.Consumer) {
		ctx, cancel := context.WithCancel(b.T.Context())
		first := must.Get(c.Fetch(5000, jetstream.FetchContext(ctx)))(b.T)
		synctest.Wait()
		cancel()
		synctest.Wait()
		n, _ := drained(first)
		second := must.Get(c.Fetch(5000, jetstream.FetchMaxWait(5*time.Second)))(b.T)
		m, _ := drained(second)
		if n+m != 4500 {
			b.T.Errorf("%d and %d messages", n, m)
		}
	})
}

// TestConsumerIsMadeAnewByAnother: the existing consumer is used.
func TestConsumerIsMadeAnewByAnother(t *testing.T) {
	consuming(t, 5, explicit, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		var got atomic.Int64
		cc := must.Get(c.Consume(func(m jetstream.Msg) {
			got.Add(1)
			must.Do(b.T, m.Ack())
		}, jetstream.OnMissing(jetstream.MissingRecreate)))(b.T)
		defer cc.Stop()
		synctest.Wait()
		config := must.Get(js.Stream(b.T.Context(), "S"))(b.T).CachedInfo().Config
		must.Do(b.T, js.DeleteStream(b.T.Context(), "S"))
		time.Sleep(time.Minute)
		must.Get(js.CreateStream(b.T.Context(), config))(b.T)
		must.Get(js.CreateConsumer(b.T.Context(), "S", c.CachedInfo().Config))(b.T)
		more(b.T, js, 1, 3)
		time.Sleep(time.Minute)
		if got.Load() != 8 {
			b.T.Errorf("%d messages; %v", got.Load(), nodeOf(b.T, js.Conn()))
		}
	})
}

// TestStreamIsMadeAnew: messages of the new stream are not taken for those of the old one.
func TestStreamIsMadeAnew(t *testing.T) {
	consuming(t, 5, explicit, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		var got atomic.Int64
		cc := must.Get(c.Consume(func(m jetstream.Msg) {
			got.Add(1)
			must.Do(b.T, m.Ack())
		}, jetstream.OnMissing(jetstream.MissingRecreate)))(b.T)
		defer cc.Stop()
		synctest.Wait()
		config := must.Get(js.Stream(b.T.Context(), "S"))(b.T).CachedInfo().Config
		for _, n := range []int{3, 7} {
			must.Do(b.T, js.DeleteStream(b.T.Context(), "S"))
			time.Sleep(time.Minute)
			must.Get(js.CreateStream(b.T.Context(), config))(b.T)
			more(b.T, js, 1, n)
			before := got.Load()
			time.Sleep(time.Minute)
			if got.Load()-before != int64(n) {
				b.T.Errorf("%d messages of %d; %v", got.Load()-before, n, nodeOf(b.T, js.Conn()))
			}
		}
	})
}

// TestRecreatedBehindADroppedMessage: a message dropped for its age is delivered by the consumer
// that is created again.
func TestRecreatedBehindADroppedMessage(t *testing.T) {
	cfg := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: 10 * time.Second}
	consuming(t, 3, cfg, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		got := make(chan string, 100)
		cc := must.Get(c.Consume(func(m jetstream.Msg) {
			number := string(m.Data())
			got <- number
			switch number {
			case "1":
				time.Sleep(9500 * time.Millisecond)
				more(b.T, js, 4, 4)
			case "4":
				must.Do(b.T, js.DeleteConsumer(b.T.Context(), "S", "C"))
			}
			must.Do(b.T, m.Ack())
		}, jetstream.OnMissing(jetstream.MissingRecreate)))(b.T)
		time.Sleep(time.Minute)
		n := nodeOf(b.T, js.Conn())
		cc.Stop()
		<-cc.Closed()
		close(got)
		var all []string
		for number := range got {
			all = append(all, number)
		}
		if !slices.Contains(all, "2") || !slices.Contains(all, "3") || counted(n, "overdue") == 0 {
			b.T.Errorf("got %v", all)
		}
	})
}

// TestConnectionThatClosesOverAFullIterator: nothing keeps waiting for room in it.
func TestConnectionThatClosesOverAFullIterator(t *testing.T) {
	consuming(t, 4500, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		it := must.Get(c.Messages(jetstream.PullMaxMessages(10_000)))(b.T)
		must.Get(it.Next())(b.T)
		synctest.Wait()
		js.Conn().Close()
		select {
		case <-it.Closed():
		case <-time.After(time.Minute):
			b.T.Fatal("the iterator is open yet")
		}
		for i := 0; ; i++ {
			if _, err := it.Next(); err != nil {
				is(b.T, err, jetstream.ErrMsgIteratorClosed)
				if i < 1000 {
					b.T.Errorf("%d messages only could be taken after the end", i)
				}
				break
			}
		}
	})
}

// TestMessageThatIsTooLarge: a message that no pull can bring is reported, and not asked for in a
// tight loop.
func TestMessageThatIsTooLarge(t *testing.T) {
	for _, bound := range []jetstream.PullConsumeOpt{jetstream.PullMaxBytes(200), jetstream.PullMaxMessagesWithBytesLimit(10, 200)} {
		consuming(t, 1, explicit, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
			must.Get(js.Conn().Request("s", make([]byte, 1000), 5*time.Second))(b.T)
			var got, told atomic.Int64
			cc := must.Get(c.Consume(func(m jetstream.Msg) {
				got.Add(1)
				must.Do(b.T, m.Ack())
			}, bound, jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
				is(b.T, err, jetstream.ErrMaxBytesExceeded)
				told.Add(1)
			})))(b.T)
			defer cc.Stop()
			time.Sleep(time.Minute)
			if pulls := counted(nodeOf(b.T, js.Conn()), "pulls"); pulls > 50 || got.Load() != 1 || told.Load() == 0 {
				b.T.Errorf("%d pulls, %d messages, told %d times", pulls, got.Load(), told.Load())
			}
			must.Do(b.T, must.Get(js.Stream(b.T.Context(), "S"))(b.T).Purge(b.T.Context()))
			more(b.T, js, 3, 4)
			time.Sleep(time.Minute)
			if n := nodeOf(b.T, js.Conn()); got.Load() != 3 || n.Level != api.Well {
				b.T.Errorf("%d messages; %v", got.Load(), n)
			}
		})
	}
}

// TestConnectionThatDrainsAcknowledges: no acknowledgement of a handler is lost.
func TestConnectionThatDrainsAcknowledges(t *testing.T) {
	cfg := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour}
	consuming(t, 100, cfg, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		var got atomic.Int64
		cc := must.Get(c.Consume(func(m jetstream.Msg) {
			time.Sleep(10 * time.Millisecond)
			got.Add(1)
			must.Do(b.T, m.Ack())
		}))(b.T)
		time.Sleep(100 * time.Millisecond)
		must.Do(b.T, js.Conn().Drain())
		<-cc.Closed()
		synctest.Wait() // a server may answer other requests before it has read the acknowledgements
		other, end := peerOf(b)
		defer end()
		info := must.Get(must.Get(other.Consumer(b.T.Context(), "S", "C"))(b.T).Info(b.T.Context()))(b.T)
		if got.Load() != 100 || info.NumAckPending != 0 {
			b.T.Errorf("%d messages, %d to acknowledge", got.Load(), info.NumAckPending)
		}
	})
}

// TestLongestWaits: the longest possible times do not overflow.
func TestLongestWaits(t *testing.T) {
	const longest, tooLong = time.Duration(1 << 62), time.Duration(1<<63 - 1)
	consuming(t, 0, explicit, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		cc := must.Get(c.Consume(func(jetstream.Msg) {}, jetstream.PullExpiry(longest)))(b.T)
		time.Sleep(time.Minute)
		if n := nodeOf(b.T, js.Conn()); counted(n, "pulls") != 1 {
			b.T.Errorf("%v %v", n, n.Counters)
		}
		cc.Stop()
		began := time.Now()
		go func() {
			time.Sleep(time.Minute)
			more(b.T, js, 1, 1)
		}()
		if _, err := c.Next(jetstream.FetchMaxWait(longest)); err != nil || time.Since(began) != time.Minute {
			b.T.Errorf("%v after %v", err, time.Since(began))
		}
		for _, o := range []jetstream.FetchOpt{jetstream.FetchHeartbeat(longest), jetstream.FetchMaxWait(tooLong)} {
			_, err := c.Next(o)
			is(b.T, err, jetstream.ErrInvalidOption)
		}
		for _, o := range []jetstream.PullConsumeOpt{jetstream.PullExpiry(tooLong), jetstream.PullThresholdMessages(-1), jetstream.PullThresholdBytes(-1)} {
			_, err := c.Consume(func(jetstream.Msg) {}, o)
			is(b.T, err, jetstream.ErrInvalidOption)
		}
	})
}

// TestPinnedClientThatDrains: the next client is served when the last message is handled.
func TestPinnedClientThatDrains(t *testing.T) {
	cfg := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, PriorityPolicy: jetstream.PriorityPolicyPinned,
		PriorityGroups: []string{"g"}, PinnedTTL: time.Hour}
	consuming(t, 3, cfg, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		var busy, both atomic.Bool
		var got atomic.Int64
		first := must.Get(c.Consume(func(m jetstream.Msg) {
			busy.Store(true)
			time.Sleep(3 * time.Second)
			must.Do(b.T, m.Ack())
			busy.Store(false)
		}, jetstream.PullPriorityGroup("g")))(b.T)
		time.Sleep(time.Second)
		second := must.Get(c.Consume(func(m jetstream.Msg) {
			both.Store(both.Load() || busy.Load())
			got.Add(1)
			must.Do(b.T, m.Ack())
		}, jetstream.PullPriorityGroup("g")))(b.T)
		defer second.Stop()
		synctest.Wait()
		first.Drain()
		more(b.T, js, 4, 6)
		time.Sleep(time.Minute)
		if both.Load() || got.Load() != 3 {
			b.T.Errorf("at the same time: %v; the second got %d", both.Load(), got.Load())
		}
	})
}

// TestContextWithACause: the error shows that the context ended, and its cause.
func TestContextWithACause(t *testing.T) {
	consuming(t, 0, explicit, func(b *faults.Env, _ jetstream.JetStream, c jetstream.Consumer) {
		ctx, cancel := context.WithCancelCause(b.T.Context())
		time.AfterFunc(time.Second, func() { cancel(api.ErrStaleConnection) })
		it := must.Get(c.Messages())(b.T)
		defer it.Stop()
		_, err := it.NextWithContext(ctx)
		is(b.T, err, context.Canceled, api.ErrStaleConnection)
		_, err = c.NextWithContext(ctx)
		is(b.T, err, context.Canceled, api.ErrStaleConnection)
	})
}

// TestOnEnded: it is called once, with what ended consuming, when no more messages are delivered.
func TestOnEnded(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(js jetstream.JetStream, cc jetstream.ConsumeContext)
		want error
	}{
		"a stop":  {func(_ jetstream.JetStream, cc jetstream.ConsumeContext) { cc.Stop() }, nil},
		"a drain": {func(_ jetstream.JetStream, cc jetstream.ConsumeContext) { cc.Drain() }, nil},
		"the consumer": {func(js jetstream.JetStream, _ jetstream.ConsumeContext) {
			_ = js.DeleteConsumer(context.Background(), "S", "C")
		}, jetstream.ErrConsumerDeleted},
		"the connection": {func(js jetstream.JetStream, _ jetstream.ConsumeContext) { js.Conn().Close() }, api.ErrConnectionClosed},
	} {
		t.Run(name, func(t *testing.T) {
			consuming(t, 10, jetstream.ConsumerConfig{}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
				var told []error
				ended := make(chan error, 2)
				cc := must.Get(c.Consume(func(m jetstream.Msg) { _ = m.Ack() }, jetstream.OnEnded(func(err error) { ended <- err }),
					jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { told = append(told, err) })))(b.T)
				time.Sleep(time.Second)
				test.end(js, cc)
				<-cc.Closed()
				time.Sleep(time.Minute)
				if len(ended) != 1 {
					t.Fatalf("it came %d times", len(ended))
				}
				err := <-ended
				if !errors.Is(err, test.want) {
					t.Errorf("ended with %v", err)
				}
				if len(told) > 0 && !errors.Is(told[len(told)-1], err) {
					t.Errorf("ended with %v, and reported %v", err, told)
				}
			})
		})
	}
}
