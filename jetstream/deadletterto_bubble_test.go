package jetstream_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// TestADeadLetterSaysWhy: the letter contains the text of an error, a panic or the exit of the
// handler's goroutine, and a panic is reported like any other, with the handler on its stack.
func TestADeadLetterSaysWhy(t *testing.T) {
	for what, c := range map[string]struct {
		fail  func() error
		cause string
	}{
		"error":  {func() error { return errors.New("out\nof paper") }, "out of paper"},
		"panic":  {onFire, "troupe: handler failed: panic: on fire"},
		"goexit": {func() error { runtime.Goexit(); return nil }, "troupe: handler failed"},
	} {
		consuming(t, 1, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}, func(b *faults.Env, js jetstream.JetStream, consumer jetstream.Consumer) {
			ctx, cancel := context.WithTimeout(b.T.Context(), time.Hour)
			defer cancel()
			events := js.Conn().Events(ctx)
			must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "DEAD", Subjects: []string{"dead"}}))(b.T)
			calls := 0
			cc := must.Get(consumer.ConsumeFunc(func(context.Context, jetstream.Msg) error {
				calls++
				return c.fail()
			}, jetstream.Attempts(3), jetstream.DeadLetterTo("dead")))(b.T)
			letters := must.Get(js.CreateConsumer(ctx, "DEAD", jetstream.ConsumerConfig{}))(b.T)
			letter := must.Get(letters.NextWithContext(ctx))(b.T)
			cc.Stop()
			<-cc.Closed()
			h := letter.Headers()
			if h.Get(jetstream.DeadLetterCauseHeader) != c.cause || h.Get(jetstream.DeadLetterSubjectHeader) != "s" ||
				h.Get(jetstream.DeadLetterDeliveriesHeader) != "3" || string(letter.Data()) != "1" || calls != 3 {
				b.T.Errorf("%s: %d calls, %v", what, calls, h)
			}
			if what == "panic" && !panicReported(events) {
				b.T.Error("the panic is not reported with its stack")
			}
		})
	}
}

// panicReported waits for the report of a panic, which has the handler on its stack.
func panicReported(events iter.Seq[api.Event]) bool {
	for e := range events {
		if len(e.Stack) > 0 {
			return strings.Contains(string(e.Stack), "onFire")
		}
	}
	return false
}

func onFire() error { panic("on fire") }
