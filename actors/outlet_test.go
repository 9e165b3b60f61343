package actors

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestOutletFramesEndWithTheLink cuts a write after each number of bytes: frames of an
// outlet that were not sent are discarded, and the numbers say which may have been sent.
func TestOutletFramesEndWithTheLink(t *testing.T) {
	first, mine := "PUB other 1\r\nx\r\n", "PUB s _INBOX.a.1 1\r\nx\r\n"
	all := len(first) + 2*len(mine)
	for n := range all + 1 {
		var got loss
		o := liveOutbox(func(l loss) { got = l })
		o.own("_INBOX.a.", true)
		put := func(subject, reply string, owned bool) {
			t.Helper()
			if _, _, err := o.put(subject, &message{reply: reply, payload: []byte("x"), owned: owned}); err != nil {
				t.Fatal("put:", err)
			}
		}
		put("other", "", false)
		put("s", "_INBOX.a.1", true)
		put("s", "_INBOX.a.1", true)
		w := o.begin(1)
		put("s", "_INBOX.a.1", true)
		put("last", "_INBOX.b.1", false)
		w.n = n
		o.abort(w)
		o.detach(1, ErrDisconnected)

		began := uint64(0)
		for _, at := range []int{0, len(first), len(first) + len(mine)} {
			if at < n {
				began++
			}
		}
		if got.written != began || got.accepted != 5 {
			t.Errorf("cut at %d: %+v, want %d written", n, got, began)
		}
		want := "PUB last _INBOX.b.1 1\r\nx\r\n"
		if n == 0 {
			want = first + want
		}
		if string(o.buf) != want {
			t.Errorf("cut at %d: %q waits", n, o.buf)
		}
		if o.accepted != o.written+o.pubs {
			t.Errorf("cut at %d: %d accepted, %d written, %d waiting", n, o.accepted, o.written, o.pubs)
		}
	}
}

// TestOutletNeverWaits: without a link or without room a publish is refused at once.
func TestOutletNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := liveOutbox(nil)
		owned := func() error {
			_, _, err := o.put("s", &message{payload: make([]byte, 1000), owned: true})
			return err
		}
		n := 0
		for owned() == nil {
			n++
		}
		if err := owned(); !errors.Is(err, ErrOutletFull) || n < outboxLiveMax/1100 {
			t.Fatalf("after %d: %v", n, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := o.awaitRoom(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("room was found:", err)
		}
		done := make(chan error, 1)
		go func() { done <- o.awaitRoom(t.Context()) }()
		synctest.Wait()
		w := o.begin(1)
		w.n = len(w.frames)
		o.end(w)
		if err := <-done; err != nil || owned() != nil {
			t.Fatal("no room:", err)
		}
		o.detach(1, ErrDisconnected)
		if err := owned(); !errors.Is(err, ErrOutletDown) || !errors.Is(err, ErrDisconnected) {
			t.Fatal("down:", err)
		}
	})
}
