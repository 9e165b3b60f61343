package figures_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// restarts is the policy under which each panic restarts the dispatcher, at once and
// without a limit. The default stops a subscription at the 101st within a second.
var restarts = api.Policy{Directive: api.Restart, Backoff: api.Backoff{Initial: api.NoDelay}}

// TestAMillionPanics lets the handler of a subscription panic at each message, while its
// neighbour on the same connection gets the same messages. What is measured is the time from
// just before the panic to the first line of the handler for the next message: catching it, its
// report with the stack, the decision, the new dispatcher. All messages wait already when the
// first panics. Nothing is lost, except what the handler did not finish.
func TestAMillionPanics(t *testing.T) {
	count := sized(1_000_000, 10_000)
	s := natsserver.Run(t, natsserver.Options{})
	var reported int // events come one at a time
	told := make(chan struct{})
	nc, err := api.Connect(s.URL(), api.OnEvent(func(e api.Event) {
		if e.Kind != api.HandlerPanicked {
			return
		}
		if reported++; reported == count {
			close(told)
		}
	}))
	must.Do(t, err)
	defer nc.Close()

	took, there, over := newLatencies(), make(chan struct{}), make(chan struct{})
	var panicked time.Time
	handled := 0 // one handler at a time, each begins after the last
	sub, err := nc.Subscribe("work", func(m *api.Msg) {
		if panicked.IsZero() {
			<-there
		} else {
			took.add(time.Since(panicked))
		}
		if want := fmt.Sprint(handled); string(m.Data) != want {
			t.Errorf("message %s came as number %s", m.Data, want)
		}
		if handled++; handled == count {
			close(over)
		}
		panicked = time.Now()
		panic("injected")
	}, api.OnPanic(restarts), api.PendingLimits(-1, -1))
	must.Do(t, err)
	neighbour := make(chan struct{})
	var others int
	_, err = nc.Subscribe("work", func(*api.Msg) {
		if others++; others == count {
			close(neighbour)
		}
	}, api.PendingLimits(-1, -1))
	must.Do(t, err)
	must.Do(t, nc.Flush())

	publish(t, s, "work", count)
	waitFor(t, neighbour, patience, "the neighbour's last message")
	close(there)
	waitFor(t, over, time.Duration(count)*time.Millisecond+patience, "the last message")
	if !sub.IsValid() || nc.IsClosed() {
		t.Errorf("valid: %v, closed: %v", sub.IsValid(), nc.IsClosed())
	}
	record(t, figure{
		what:     fmt.Sprintf("%d panics of a handler, with `OnPanic(Policy{Backoff: Backoff{Initial: NoDelay}})`: process exits, other messages lost", count),
		goal:     "0, 0",
		measured: fmt.Sprintf("0, %d", 2*count-handled-others),
		kept:     handled == count && others == count, exact: true,
	})
	waitFor(t, told, patience, "the event of the last panic")
	record(t, figure{
		what: "panic to the handler's next message", goal: "p99 ≤ 1 ms",
		measured: took.String(), kept: took.at(99) <= time.Millisecond,
	})
}

// publish publishes numbered messages on a connection of its own.
func publish(t testing.TB, s *natsserver.Server, subject string, count int) {
	t.Helper()
	nc, err := api.Connect(s.URL())
	must.Do(t, err)
	defer nc.Close()
	for i := range count {
		must.Do(t, nc.Publish(subject, fmt.Append(nil, i)))
	}
	must.Do(t, nc.FlushWithContext(must.Within(t, patience)))
}

// waitFor waits until ch is closed.
func waitFor(t testing.TB, ch <-chan struct{}, long time.Duration, what string) {
	t.Helper()
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ch:
	case <-timer.C:
		t.Fatalf("%s: not within %v", what, long)
	}
}
