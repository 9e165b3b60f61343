package api_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

var errWhim = errors.New("a whim")

// waits are the calls that wait until a context is done, on a connection whose
// server answers nothing.
func waits(nc *api.Conn, sub, busy *api.Subscription) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"RequestWithContext": func(ctx context.Context) error {
			_, err := nc.RequestWithContext(ctx, "a", nil)
			return err
		},
		"RequestMsgWithContext": func(ctx context.Context) error {
			_, err := nc.RequestMsgWithContext(ctx, api.NewMsg("a"))
			return err
		},
		"RequestMsgWithin": func(ctx context.Context) error {
			_, err := nc.RequestMsgWithin(ctx, api.NewMsg("a"), time.Hour)
			return err
		},
		"NextMsgWithContext": func(ctx context.Context) error {
			_, err := sub.NextMsgWithContext(ctx)
			return err
		},
		"FlushContext": nc.FlushContext,
		"RTTContext": func(ctx context.Context) error {
			_, err := nc.RTTContext(ctx)
			return err
		},
		"Subscription.DrainContext": busy.DrainContext,
		"ConnectContext": func(ctx context.Context) error {
			_, err := api.ConnectContext(ctx, "", api.InProcessServer(silence{}), api.System(api.NewActorSystem(nil)), api.Timeout(time.Hour))
			return err
		},
	}
}

// silence is a server that says nothing at all.
type silence struct{}

func (silence) InProcessConn() (net.Conn, error) {
	near, _ := net.Pipe()
	return near, nil
}

// TestWhatAContextEndsSaysHow: by deadline or by cancellation, with the cause, and when.
func TestWhatAContextEndsSaysHow(t *testing.T) {
	endings := map[string]struct {
		end     func() (context.Context, func())
		is      []error
		isNot   error
		timeout bool
	}{
		"deadline": {func() (context.Context, func()) {
			ctx, cancel := context.WithTimeoutCause(context.Background(), 3*time.Second, errWhim)
			return ctx, cancel
		}, []error{api.ErrTimeout, context.DeadlineExceeded, errWhim}, context.Canceled, true},
		"cancel": {func() (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(context.Background())
			timer := time.AfterFunc(3*time.Second, func() { cancel(errWhim) })
			return ctx, func() { timer.Stop() }
		}, []error{context.Canceled, errWhim}, api.ErrTimeout, false},
	}
	for name, ending := range endings {
		synctest.Test(t, func(t *testing.T) {
			nc := must.Get(api.Connect("", api.InProcessServer(&mute{}), api.System(api.NewActorSystem(nil)), api.PingInterval(0)))(t)
			defer nc.Close()
			for op, call := range waits(nc, must.Get(nc.SubscribeSync("a"))(t), must.Get(nc.SubscribeSync("b"))(t)) {
				ctx, stop := ending.end()
				took(t, 3*time.Second, func() {
					err := call(ctx)
					kinds(t, err, ending.is...)
					if errors.Is(err, ending.isNot) {
						t.Errorf("%s, %s: %v is %v", op, name, err, ending.isNot)
					}
					var late net.Error
					if errors.As(err, &late) != ending.timeout || ending.timeout && !late.Timeout() {
						t.Errorf("%s, %s: %v, net.Error %v", op, name, err, late)
					}
				})
				stop()
				if err := call(ctx); !errors.Is(err, ending.is[0]) {
					t.Errorf("%s, %s: with a context that is done: %v", op, name, err)
				}
			}
		})
	}
}

// TestTimeoutsSayWhatWaited, and for how long.
func TestTimeoutsSayWhatWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc := must.Get(api.Connect("", api.InProcessServer(&mute{}), api.System(api.NewActorSystem(nil)), api.PingInterval(0)))(t)
		defer nc.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		time.Sleep(time.Second)
		_, err := nc.RequestWithContext(ctx, "a", nil)
		var late *api.TimeoutError
		if !errors.As(err, &late) || *late != (api.TimeoutError{Op: "request", Subject: "a", After: 4 * time.Second,
			Elapsed: 4 * time.Second, Cause: context.DeadlineExceeded, Sent: true}) {
			t.Errorf("error %+v", late)
		}
		_, err = nc.Request("a", nil, time.Second)
		if !errors.As(err, &late) || *late != (api.TimeoutError{Op: "request", Subject: "a", After: time.Second, Elapsed: time.Second, Sent: true}) {
			t.Errorf("error %+v", late)
		}
		_, err = must.Get(nc.SubscribeSync("b"))(t).NextMsg(time.Minute)
		if !errors.As(err, &late) || *late != (api.TimeoutError{Op: "next message", Subject: "b", After: time.Minute, Elapsed: time.Minute}) {
			t.Errorf("error %+v", late)
		}
		var flush *api.FlushTimeoutError
		if err := nc.FlushTimeout(time.Minute); !errors.As(err, &flush) || flush.After != time.Minute || flush.Elapsed != time.Minute || flush.Cause != nil {
			t.Errorf("error %+v", flush)
		}
		if _, err := nc.RTT(); !errors.As(err, &flush) || flush.Op != "rtt" || flush.After != 10*time.Second {
			t.Errorf("error %+v", flush)
		}
	})
}

// TestACancelledEndIsNoTimeout, for a close and for a drain.
func TestACancelledEndIsNoTimeout(t *testing.T) {
	for name, end := range map[string]func(nc *api.Conn, ctx context.Context) (api.Report, error){
		"CloseContext": (*api.Conn).CloseContext, "DrainContext": (*api.Conn).DrainContext,
	} {
		bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
			gate := make(chan struct{})
			defer close(gate)
			entered := make(chan struct{})
			must.Get(nc.Subscribe("a", func(*api.Msg) { close(entered); <-gate }))(t)
			must.Do(t, nc.Publish("a", nil))
			<-entered
			ctx, cancel := context.WithCancelCause(context.Background())
			time.AfterFunc(time.Second, func() { cancel(errWhim) })
			report, err := end(nc, ctx)
			kinds(t, err, context.Canceled, errWhim)
			if errors.Is(err, api.ErrTimeout) || len(report.Unfinished) != 1 {
				t.Errorf("%s: %v, %+v", name, err, report)
			}
		})
	}
}

// TestRequestMsgWithinEndsInTime, whichever of its two limits comes first.
func TestRequestMsgWithinEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc := must.Get(api.Connect("", api.InProcessServer(&mute{}), api.System(api.NewActorSystem(nil)), api.PingInterval(0)))(t)
		defer nc.Close()
		took(t, 2*time.Second, func() {
			_, err := nc.RequestMsgWithin(must.Within(t, time.Hour), api.NewMsg("a"), 2*time.Second)
			kinds(t, err, api.ErrTimeout, context.DeadlineExceeded)
		})
		took(t, 3*time.Second, func() {
			_, err := nc.RequestMsgWithin(must.Within(t, 3*time.Second), api.NewMsg("a"), time.Hour)
			kinds(t, err, api.ErrTimeout, context.DeadlineExceeded)
		})
	})
}
