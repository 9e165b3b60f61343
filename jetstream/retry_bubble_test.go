package jetstream_test

import (
	"context"
	"fmt"
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

var withAcks = jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute}

type failure string

func (f failure) Error() string { return string(f) }

// TestFailuresBecomeDeadLetters: a message whose handler always fails, by an error or by a panic,
// is delivered Attempts times, and then goes to the stream of dead letters; the others are not
// delayed.
func TestFailuresBecomeDeadLetters(t *testing.T) {
	for _, panics := range []bool{false, true} {
		consuming(t, 5, withAcks, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
			must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "DEAD", Subjects: []string{"dead"}}))(b.T)
			tries := map[string]int{}
			cc := must.Get(c.ConsumeFunc(func(_ context.Context, m jetstream.Msg) error {
				tries[string(m.Data())]++
				if string(m.Data()) != "3" {
					return nil
				}
				if panics {
					panic("of no use")
				}
				return failure("of no use")
			}, jetstream.Attempts(4), jetstream.DeadLetterTo("dead")))(b.T)
			defer cc.Stop()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if fmt.Sprint(tries) != "map[1:1 2:1 3:4 4:1 5:1]" {
				b.T.Errorf("panics %v: tries %v", panics, tries)
			}
			s := must.Get(js.Stream(b.T.Context(), "DEAD"))(b.T)
			m := must.Get(s.GetMsg(b.T.Context(), 1))(b.T)
			h := m.Header
			if string(m.Data) != "3" || h.Get(jetstream.DeadLetterSubjectHeader) != "s" || h.Get(jetstream.DeadLetterStreamHeader) != "S" ||
				h.Get(jetstream.DeadLetterConsumerHeader) != "C" || h.Get(jetstream.DeadLetterSequenceHeader) != "3" ||
				h.Get(jetstream.DeadLetterDeliveriesHeader) != "4" || h.Get(jetstream.DeadLetterCauseHeader) == "" {
				b.T.Errorf("dead letter %q with %v", m.Data, h)
			}
			if info := must.Get(c.Info(b.T.Context()))(b.T); info.NumAckPending != 0 || info.AckFloor.Stream != 5 {
				b.T.Errorf("%+v", info)
			}
		})
	}
}

// TestDeadLetterThatNobodyTakes: the message is delivered again instead, and this is reported.
func TestDeadLetterThatNobodyTakes(t *testing.T) {
	consuming(t, 1, withAcks, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		tries, told := 0, atomic.Int64{}
		cc := must.Get(c.ConsumeFunc(func(context.Context, jetstream.Msg) error {
			tries++
			return failure("of no use")
		}, jetstream.Attempts(1), jetstream.DeadLetterTo("nowhere"), jetstream.RetryBackoff(api.Backoff{Initial: time.Second, Factor: 1}),
			jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
				told.Add(1)
				is(b.T, err, jetstream.ErrNoStreamResponse)
			})))(b.T)
		time.Sleep(time.Minute)
		synctest.Wait()
		cc.Stop()
		<-cc.Closed()
		if info := must.Get(c.Info(b.T.Context()))(b.T); info.NumAckPending != 1 || tries < 30 || told.Load() < 30 {
			b.T.Errorf("%d tries, told %d: %+v", tries, told.Load(), info)
		}
	})
}

// TestTermAfterAttempts: without DeadLetterTo the last failure ends the message.
func TestTermAfterAttempts(t *testing.T) {
	consuming(t, 1, withAcks, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		tries := 0
		cc := must.Get(c.Consume(func(jetstream.Msg) { tries++; panic("broken") }, jetstream.Attempts(3)))(b.T)
		defer cc.Stop()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if info := must.Get(c.Info(b.T.Context()))(b.T); tries != 3 || info.NumAckPending != 0 {
			b.T.Errorf("%d tries: %+v", tries, info)
		}
	})
}

// TestAutoExtend: a handler that takes longer than AckWait gets its message once; one that
// takes longer than the bound does not.
func TestAutoExtend(t *testing.T) {
	cfg := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: 5 * time.Second}
	for _, c := range []struct{ takes, bound time.Duration }{{time.Minute, time.Hour}, {time.Minute, 10 * time.Second}} {
		consuming(t, 1, cfg, func(b *faults.Env, js jetstream.JetStream, consumer jetstream.Consumer) {
			var calls atomic.Int64
			cc := must.Get(consumer.Consume(func(m jetstream.Msg) {
				calls.Add(1)
				time.Sleep(c.takes)
				_ = m.Ack()
			}, jetstream.AutoExtend(c.bound), jetstream.Concurrency(2)))(b.T)
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			cc.Stop()
			if again := calls.Load() > 1; again != (c.takes > c.bound) {
				b.T.Errorf("bound %v: %d calls", c.bound, calls.Load())
			}
		})
	}
}

// TestConcurrencyKeepsTheOrderOfKeys, and runs as many handlers as it may.
func TestConcurrencyKeepsTheOrderOfKeys(t *testing.T) {
	consuming(t, 0, withAcks, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		const keys = 40 // which worker handles a key is random
		for i := range 10 * keys {
			must.Get(js.Publish(b.T.Context(), fmt.Sprintf("s.%d", i%keys), fmt.Append(nil, i)))(b.T)
		}
		var mu sync.Mutex
		last, running, most := map[string]int{}, 0, 0
		cc := must.Get(c.Consume(func(m jetstream.Msg) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			var i int
			_, _ = fmt.Sscan(string(m.Data()), &i)
			mu.Lock()
			running--
			if before, ok := last[m.Subject()]; ok && i < before {
				b.T.Errorf("%s: %d behind %d", m.Subject(), i, before)
			}
			last[m.Subject()] = i
			mu.Unlock()
			_ = m.Ack()
		}, jetstream.Concurrency(4), jetstream.OrderedBy(jetstream.Msg.Subject)))(b.T)
		time.Sleep(time.Second)
		synctest.Wait()
		cc.Stop()
		if most < 2 || most > 4 || len(last) != keys || last["s.39"] != 10*keys-1 {
			b.T.Errorf("%d at once, last %v", most, last)
		}
	})
}

// TestHeartbeatLossByPolicy: the policy decides after how many losses consuming ends.
func TestHeartbeatLossByPolicy(t *testing.T) {
	consuming(t, 0, withAcks, func(b *faults.Env, js jetstream.JetStream, c jetstream.Consumer) {
		began := time.Now()
		cc := must.Get(c.Consume(func(jetstream.Msg) {}, jetstream.PullHeartbeat(time.Second), jetstream.OnHeartbeatLoss(api.Policy{
			Backoff: api.Backoff{Initial: api.NoDelay}, Intensity: api.Intensity{Max: 2, Within: time.Minute}, Exceeded: api.Stop})))(b.T)
		synctest.Wait()
		b.Inject("at 100ms for 10s link(c,s1) blackhole(in)")
		<-cc.Closed()
		if took := time.Since(began); took < 5*time.Second || took > 8*time.Second {
			b.T.Errorf("ended after %v", took)
		}
		cc.Stop()
	})
}
