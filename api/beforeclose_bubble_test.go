package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// TestBeforeClose: what is published in the callback is sent, even if Close does not wait;
// callbacks that take too long are not waited for.
func TestBeforeClose(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, nc *api.Conn)
		most time.Duration // that it takes
	}{
		"close": {func(_ *testing.T, nc *api.Conn) { nc.Close() }, time.Second},
		"a close that does not wait": {func(t *testing.T, nc *api.Conn) {
			_, _ = nc.CloseContext(must.Within(t, 0))
		}, 100 * time.Millisecond},
		"a drain": {func(t *testing.T, nc *api.Conn) { _, _ = nc.DrainContext(t.Context()) }, time.Second},
		"from inside a handler": {func(t *testing.T, nc *api.Conn) {
			closed := make(chan struct{})
			must.Get(nc.Subscribe("inside", func(*api.Msg) { nc.Close(); close(closed) }))(t)
			must.Do(t, nc.Publish("inside", nil))
			<-closed
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			natsserver.Bubble(t, func(t *testing.T) {
				s := natsserver.Run(t, natsserver.Options{DontListen: true})
				nc, other := dial(t, s, inBubble(s)...), dial(t, s, inBubble(s)...)
				words := must.Get(other.SubscribeSync("words"))(t)
				flushed(t, other)
				took := make(chan time.Duration, 1)
				nc.BeforeClose(func(ctx context.Context) {
					must.Do(t, nc.Publish("words", []byte("farewell")))
					began := time.Now()
					<-ctx.Done()
					took <- time.Since(began)
				})
				nc.BeforeClose(func(context.Context) { t.Error("told though it was taken back") })()
				nc.BeforeClose(nil)()
				c.end(t, nc)
				if took := <-took; took > c.most {
					t.Errorf("it had %v", took)
				}
				if m := must.Get(words.NextMsg(time.Minute))(t); string(m.Data) != "farewell" {
					t.Errorf("got %q", m.Data)
				}
				nc.Close()
				if m, err := words.NextMsg(time.Minute); err == nil {
					t.Errorf("then %q", m.Data)
				}
			})
		})
	}
	var none *api.Conn
	none.BeforeClose(func(context.Context) {})()
}

// TestBeforeCloseWithoutALink: the callback is not called, because it could not publish.
func TestBeforeCloseWithoutALink(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{DontListen: true})
		nc := dial(t, s, append(inBubble(s), api.MaxReconnects(-1))...)
		nc.BeforeClose(func(context.Context) { t.Error("told without a link") })
		s.Kill()
		time.Sleep(time.Second)
		nc.Close()
	})
}
