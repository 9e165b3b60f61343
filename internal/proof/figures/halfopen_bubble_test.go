package figures_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// watchful are the options for programs that are idle and want to know soon: the link is
// given up after three intervals at most.
func watchful() []api.Option {
	return []api.Option{api.PingInterval(10 * time.Second), api.MaxPingsOutstanding(2)}
}

// TestHalfOpenIsDetected cuts a server off without a word, at many moments, and measures
// in virtual time how long it takes until the client knows: with something outstanding
// from the moment of the cut on, and idle.
func TestHalfOpenIsDetected(t *testing.T) {
	for _, c := range []struct {
		name    string
		work    func(nc *api.Conn)
		options []api.Option
		goal    time.Duration
	}{
		{"a request waits, default options", func(nc *api.Conn) { _, _ = nc.Request("echo", nil, time.Minute) }, nil, 7 * time.Second},
		{"a flush waits, default options", func(nc *api.Conn) { _ = nc.Flush() }, nil, 7 * time.Second},
		{"one message was published, default options", func(nc *api.Conn) { _ = nc.Publish("news", nil) }, nil, 7 * time.Second},
		{"idle, `PingInterval(10*time.Second), MaxPingsOutstanding(2)`", func(*api.Conn) {}, watchful(), 40 * time.Second},
		{"idle, default options", func(*api.Conn) {}, nil, 6 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			most := time.Duration(0)
			natsserver.Bubble(t, func(t *testing.T) {
				w := newWorld(t)
				for i := range sized(300, 30) {
					most = max(most, w.detect(t, time.Duration(i)*time.Second/7, c.work, c.options...))
				}
			})
			record(t, figure{what: "half-open detected: " + c.name, goal: "≤ " + c.goal.String(), measured: "max " + rounded(most).String(),
				kept: most <= c.goal, exact: true})
		})
	}
}

// detect connects, cuts the server off after a while and returns how long it takes
// until that is reported, which has to be as a stale connection.
func (w *world) detect(t testing.TB, after time.Duration, work func(*api.Conn), options ...api.Option) time.Duration {
	t.Helper()
	lost := make(chan error, 1)
	nc := w.connect(t, "s1", append(options, api.NoReconnect(), api.DisconnectErrHandler(func(_ *api.Conn, err error) { lost <- err }))...)
	defer nc.Close()
	time.Sleep(after)
	link := w.net.Link("client", "s1")
	_, err := link.Inject("halfopen")
	must.Do(t, err)
	defer link.Clear()
	began := time.Now()
	go work(nc)
	if err := <-lost; !errors.Is(err, api.ErrStaleConnection) {
		t.Errorf("reported as %v", err)
	}
	return time.Since(began)
}

// TestSlowIsNotHalfOpen lets an hour pass on a line where a round trip takes four
// seconds, with a request now and then: at times the next one comes before the answer, at
// times nothing passes for long. No link is given up.
func TestSlowIsNotHalfOpen(t *testing.T) {
	alarms, asked, answers := uint64(0), 0, 0
	natsserver.Bubble(t, func(t *testing.T) {
		w := newWorld(t)
		nc := w.connect(t, "s1", watchful()...)
		defer nc.Close()
		_, err := w.net.Link("client", "s1").Inject("latency(2s)")
		must.Do(t, err)
		var waiting sync.WaitGroup
		var answered atomic.Int64
		pauses := []time.Duration{time.Second, 5 * time.Second, 100 * time.Millisecond, 13 * time.Second, 41 * time.Second}
		for began := time.Now(); time.Since(began) < time.Hour; asked++ {
			waiting.Go(func() {
				if _, err := nc.Request("echo", nil, time.Minute); err == nil {
					answered.Add(1)
				}
			})
			time.Sleep(pauses[asked%len(pauses)])
		}
		waiting.Wait()
		alarms, answers = nc.Stats().Reconnects, int(answered.Load())
	})
	record(t, figure{
		what: "false alarms in an hour with 2 s of latency each way; requests answered", goal: "0; all",
		measured: fmt.Sprintf("%d; %d of %d", alarms, answers, asked), kept: alarms == 0 && answers == asked, exact: true,
	})
}
