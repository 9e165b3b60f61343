package jetstream_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// TestFetchesShareASubscription: consecutive fetches share one, for a while; concurrent ones have
// one each. The first fetch leaves nothing behind.
func TestFetchesShareASubscription(t *testing.T) {
	consuming(t, 10, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		before := js.Conn().NumSubscriptions()
		more := func(what string, want int) {
			b.T.Helper()
			synctest.Wait()
			if n := js.Conn().NumSubscriptions() - before; n != want {
				b.T.Errorf("%s: %d subscriptions, want %d", what, n, want)
			}
		}
		must.Get(c.Next())(b.T)
		more("the first", 0)
		for range 3 {
			must.Get(c.Next())(b.T)
			more("later", 1)
		}
		one, two := must.Get(c.Fetch(8))(b.T), must.Get(c.Fetch(8))(b.T)
		more("at the same time", 2)
		n, _ := drained(one)
		m, _ := drained(two)
		if n+m != 6 {
			b.T.Errorf("%d and %d messages, want 6", n, m)
		}
		more("expired", 0)
		for range 2 { // no message of one is taken for the next one's
			batch := must.Get(c.FetchNoWait(1))(b.T)
			if n, _ := drained(batch); n != 0 || batch.Reason() != jetstream.FetchNoMessages {
				b.T.Errorf("%d messages, %v", n, batch.Reason())
			}
			more("without a message", 1)
		}
		time.Sleep(time.Minute)
		more("later", 0)
	})
}

// TestFetchAfterACut uses the kept subscription on the new link, and none that has ended.
func TestFetchAfterACut(t *testing.T) {
	consuming(t, 10, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy}, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		for range 3 {
			must.Get(c.Next())(b.T)
		}
		must.Do(b.T, js.Conn().ForceReconnect())
		time.Sleep(5 * time.Second)
		for range 7 {
			must.Get(c.Next(jetstream.FetchMaxWait(5 * time.Second)))(b.T)
		}
	})
}
