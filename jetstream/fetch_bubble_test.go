package jetstream_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// drained returns how many messages a batch brings, and how long that takes.
func drained(b jetstream.MessageBatch) (n int, took time.Duration) {
	began := time.Now()
	for range b.Messages() {
		n++
	}
	return n, time.Since(began)
}

// TestFetchEnds: how many messages, after how long, why, and with what error.
func TestFetchEnds(t *testing.T) {
	explicit := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}
	for _, c := range []struct {
		name  string
		fetch func(jetstream.Consumer) (jetstream.MessageBatch, error)
		n     int
		took  time.Duration
		why   jetstream.FetchEnd
	}{
		{"all", func(c jetstream.Consumer) (jetstream.MessageBatch, error) { return c.Fetch(10) }, 10, 0, jetstream.FetchComplete},
		{"some", func(c jetstream.Consumer) (jetstream.MessageBatch, error) { return c.Fetch(20) }, 10, 30 * time.Second, jetstream.FetchExpired},
		{"some, soon", func(c jetstream.Consumer) (jetstream.MessageBatch, error) {
			return c.Fetch(20, jetstream.FetchMaxWait(2*time.Second))
		}, 10, 2 * time.Second, jetstream.FetchExpired},
		{"what there is", func(c jetstream.Consumer) (jetstream.MessageBatch, error) { return c.FetchNoWait(20) }, 10, 0, jetstream.FetchNoMessages},
		{"bytes", func(c jetstream.Consumer) (jetstream.MessageBatch, error) { return c.FetchBytes(230) }, 5, 0, jetstream.FetchFull},
		{"fewer bytes", func(c jetstream.Consumer) (jetstream.MessageBatch, error) { return c.FetchBytes(20) }, 0, 0, jetstream.FetchFull},
		{"messages and bytes", func(c jetstream.Consumer) (jetstream.MessageBatch, error) {
			return c.Fetch(3, jetstream.FetchMaxBytes(1000))
		}, 3, 0, jetstream.FetchComplete},
	} {
		consuming(t, 10, explicit, func(b *faults.Env, _ jetstream.JetStream, consumer jetstream.Consumer) {
			batch := must.Get(c.fetch(consumer))(b.T)
			n, took := drained(batch)
			if n != c.n || took < c.took || took > c.took+5*time.Millisecond || batch.Error() != nil || batch.Reason() != c.why {
				b.T.Errorf("%s: %d messages in %v, %v, %v; want %d in %v, %v", c.name, n, took, batch.Reason(), batch.Error(), c.n, c.took, c.why)
			}
		})
	}
}

func TestNext(t *testing.T) {
	consuming(t, 1, jetstream.ConsumerConfig{}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		if m := must.Get(c.Next())(b.T); string(m.Data()) != "1" {
			b.T.Errorf("got %s", m.Data())
		}
		began := time.Now()
		_, err := c.Next(jetstream.FetchMaxWait(3 * time.Second))
		is(b.T, err, api.ErrTimeout, jetstream.ErrFetchTimeout)
		if took := time.Since(began); took < 3*time.Second || took > 3*time.Second+5*time.Millisecond {
			b.T.Errorf("took %v", took)
		}
		time.AfterFunc(20*time.Second, func() { _ = js.Conn().Publish("s", nil) })
		must.Get(c.Next())(b.T)
	})
}

// TestFetchWithContextSaysWhyThereIsNothing, and returns available messages without an error.
func TestFetchWithContextSaysWhyThereIsNothing(t *testing.T) {
	consuming(t, 2, jetstream.ConsumerConfig{}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		ctx, cancel := context.WithTimeout(b.T.Context(), 2*time.Second)
		defer cancel()
		if msgs := must.Get(c.FetchWithContext(ctx, 5))(b.T); len(msgs) != 2 {
			b.T.Errorf("got %d", len(msgs))
		}
		ctx, cancel = context.WithTimeout(b.T.Context(), 2*time.Second)
		defer cancel()
		_, err := c.FetchWithContext(ctx, 5)
		is(b.T, err, jetstream.ErrFetchTimeout, api.ErrTimeout, context.DeadlineExceeded)
		var e *jetstream.FetchError
		if !errors.As(err, &e) || e.Stream != "S" || e.Consumer != "C" || e.Requested != 5 || e.Received != 0 {
			b.T.Errorf("%#v", err)
		}
		canceled, stop := context.WithCancel(b.T.Context())
		time.AfterFunc(time.Second, stop)
		_, err = c.NextWithContext(canceled)
		is(b.T, err, context.Canceled)
		if errors.Is(err, api.ErrTimeout) {
			b.T.Errorf("%v is a timeout", err)
		}
		_, err = c.NextWithContext(canceled)
		is(b.T, err, context.Canceled)
		var none context.Context
		_, err = c.NextWithContext(none)
		is(b.T, err, api.ErrInvalidContext)
		must.Do(b.T, js.DeleteConsumer(b.T.Context(), "S", "C"))
		_, err = c.NextWithContext(b.T.Context())
		is(b.T, err, api.ErrNoResponders)
	})
}

func TestFetchOptionsAreChecked(t *testing.T) {
	consuming(t, 0, jetstream.ConsumerConfig{}, func(b *faults.Env, _ jetstream.JetStream, c jetstream.Consumer) {
		ended, cancel := context.WithDeadline(b.T.Context(), time.Now())
		defer cancel()
		var none context.Context
		for _, options := range [][]jetstream.FetchOpt{
			{jetstream.FetchMaxWait(0)}, {jetstream.FetchHeartbeat(0)}, {jetstream.FetchHeartbeat(20 * time.Second)},
			{jetstream.FetchMaxBytes(0)}, {jetstream.FetchMinPending(0)}, {jetstream.FetchMinAckPending(0)},
			{jetstream.FetchPrioritized(10)}, {jetstream.FetchPriorityGroup("A")}, {jetstream.FetchContext(ended)},
			{jetstream.FetchContext(none)}, {jetstream.FetchContext(b.T.Context()), jetstream.FetchMaxWait(time.Second)},
		} {
			_, err := c.Fetch(1, options...)
			is(b.T, err, jetstream.ErrInvalidOption)
		}
		_, err := c.Fetch(0)
		is(b.T, err, jetstream.ErrInvalidOption)
		_, err = c.FetchBytes(0)
		is(b.T, err, jetstream.ErrInvalidOption)
		_, err = c.FetchNoWait(-1)
		is(b.T, err, jetstream.ErrInvalidOption)
		_, err = c.Next(jetstream.FetchMaxBytes(10))
		is(b.T, err, jetstream.ErrInvalidOption)
	})
}

// TestFetchEndsWithItsConnection: the link is lost, or the connection closes, or is drained.
func TestFetchEndsWithItsConnection(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(b *faults.Env, js jetstream.JetStream)
		want error
	}{
		{"lost", func(b *faults.Env, _ jetstream.JetStream) { b.Inject("at 0s link(c,s1) reset") }, api.ErrDisconnected},
		{"closed", func(_ *faults.Env, js jetstream.JetStream) { js.Conn().Close() }, api.ErrConnectionClosed},
		{"drained", func(b *faults.Env, js jetstream.JetStream) { _ = js.Conn().Drain() }, api.ErrConnectionDraining},
	} {
		consuming(t, 1, jetstream.ConsumerConfig{}, func(b *faults.Env, js jetstream.JetStream, consumer jetstream.Consumer) {
			batch := must.Get(consumer.Fetch(5))(b.T)
			time.Sleep(time.Second)
			c.end(b, js)
			n, took := drained(batch)
			if n != 1 || took > time.Second || batch.Reason() != jetstream.FetchDisconnected || !errors.Is(batch.Error(), c.want) {
				b.T.Errorf("%s: %d in %v: %v, %v", c.name, n, took, batch.Reason(), batch.Error())
			}
		})
	}
}

// TestFetchThatNobodyReads delays nothing else, and ends.
func TestFetchThatNobodyReads(t *testing.T) {
	consuming(t, 6000, jetstream.ConsumerConfig{MaxAckPending: -1}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		batch := must.Get(c.Fetch(5000))(b.T)
		synctest.Wait()
		if n := len(must.Get(c.FetchWithContext(must.Within(b.T, time.Second), 1))(b.T)); n != 1 {
			b.T.Errorf("another fetch got %d", n)
		}
		time.Sleep(time.Minute)
		if n, _ := drained(batch); n < 4000 || batch.Reason() != jetstream.FetchExpired {
			b.T.Errorf("%d, %v", n, batch.Reason())
		}
	})
}
