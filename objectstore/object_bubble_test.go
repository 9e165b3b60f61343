package objectstore_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/objectstore"
)

// TestCloseAtAnyTime: whatever a reader is about, Close ends it, and its actor. The race detector
// looks on.
func TestCloseAtAnyTime(t *testing.T) {
	inBubble(t, func(w *world) {
		w.putSmall("x", pattern(40*smallChunk))
		for i := range 100 {
			r := must.Get(w.store.Get(w.T.Context(), "x"))(w.T)
			var reading sync.WaitGroup
			reading.Go(func() {
				n, err := io.Copy(io.Discard, struct{ io.Reader }{r})
				if n == 40*smallChunk && err == nil {
					return
				}
				is(w.T, err, os.ErrClosed)
			})
			if i%2 == 0 {
				synctest.Wait()
			}
			must.Do(w.T, r.Close())
			reading.Wait()
		}
		synctest.Wait()
		if left, found := w.transfer(); found {
			w.T.Errorf("it is left: %v", left)
		}
	})
}

// TestCloseEndsWhatIsWaitedFor: a reader that waits for the places of chunks, or for a chunk, while
// there is no link.
func TestCloseEndsWhatIsWaitedFor(t *testing.T) {
	inBubble(t, func(w *world) {
		w.putSmall("x", pattern(40*smallChunk))
		for name, read := range map[string]func(r objectstore.Result) error{
			"seek": func(r objectstore.Result) error {
				must.Get(r.Seek(5, io.SeekStart))(w.T)
				_, err := r.Read(make([]byte, 1))
				return err
			},
			"at":   func(r objectstore.Result) error { _, err := r.ReadAt(make([]byte, 1), 5); return err },
			"read": func(r objectstore.Result) error { _, err := r.Read(make([]byte, 1)); return err },
		} {
			r := must.Get(w.store.Get(w.T.Context(), "x"))(w.T)
			up := w.down()
			ended := make(chan error, 1)
			go func() { ended <- read(r) }()
			time.Sleep(time.Minute)
			select {
			case err := <-ended:
				w.T.Errorf("%s: %v without a link", name, err)
			default:
			}
			must.Do(w.T, r.Close())
			synctest.Wait()
			select {
			case err := <-ended:
				is(w.T, err, os.ErrClosed)
			default:
				w.T.Errorf("%s goes on", name)
			}
			up()
			time.Sleep(time.Minute)
		}
	})
}

// TestSeekInAnObjectThatGoes: while a reader asks where the chunks are, the link is lost, and the
// object deleted.
func TestSeekInAnObjectThatGoes(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		w.putSmall("x", pattern(100*smallChunk))
		for _, c := range []struct {
			meanwhile func()
			want      error
		}{
			{func() {}, nil},
			{func() { must.Do(w.T, w.other.Delete(ctx, "x")) }, objectstore.ErrObjectChanged},
		} {
			r := must.Get(w.store.Get(context.Background(), "x"))(w.T)
			must.Get(r.Seek(5, io.SeekStart))(w.T)
			cut := must.Get(w.Link("c", "s1").Inject(`when op(HMSG) subject("$O.b.C.>") index(10) reset`))(w.T)
			go func() {
				must.Do(w.T, cut.Wait(ctx, 1))
				refuse := must.Get(w.Link("c", "s1").Inject("refuse"))(w.T)
				c.meanwhile()
				time.Sleep(10 * time.Second)
				refuse.Lift()
			}()
			if _, err := r.Read(make([]byte, 10)); c.want != nil {
				is(w.T, err, c.want)
			} else {
				must.Do(w.T, err)
			}
			must.Do(w.T, r.Close())
		}
	})
}

// TestReadAtOverASlowLink: it takes as long as it gets on, also when it does not for a moment.
func TestReadAtOverASlowLink(t *testing.T) {
	inBubble(t, func(w *world) {
		data := pattern(6 << 20)
		must.Get(w.store.PutBytes(w.T.Context(), "x", data))(w.T)
		r := must.Get(w.store.Get(context.Background(), "x"))(w.T)
		defer func() { must.Do(w.T, r.Close()) }()
		slow := must.Get(w.Link("c", "s1").Inject("bandwidth(100KiB)"))(w.T)
		defer slow.Lift()
		go func() {
			time.Sleep(45 * time.Second)
			silence := must.Get(w.Link("c", "s1").Inject("blackhole(in)"))(w.T)
			time.Sleep(7 * time.Second)
			silence.Lift()
		}()
		got, began := make([]byte, len(data)), time.Now()
		if n, err := r.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
			w.T.Errorf("%d bytes, %v", n, err)
		}
		if time.Since(began) < 52*time.Second {
			w.T.Errorf("only %v", time.Since(began))
		}
	})
}

// TestGetOverASlowLink: however slow it is from the beginning, or becomes on the way.
func TestGetOverASlowLink(t *testing.T) {
	for _, rate := range []string{"55KiB", "60KiB", "100KiB", "300KiB", "1MiB"} {
		for _, before := range []int64{0, 5 << 20} {
			inBubble(t, func(w *world) {
				data := pattern(8 << 20)
				must.Get(w.store.PutBytes(w.T.Context(), "x", data))(w.T)
				r := must.Get(w.store.Get(context.Background(), "x"))(w.T)
				got := must.Get(io.ReadAll(io.LimitReader(r, before)))(w.T)
				slow := must.Get(w.Link("c", "s1").Inject("bandwidth(" + rate + ")"))(w.T)
				defer slow.Lift()
				rest, err := io.ReadAll(r)
				if got = append(got, rest...); err != nil || !bytes.Equal(got, data) {
					w.T.Errorf("%s after %d bytes: %d bytes, %v", rate, before, len(got), err)
				}
				must.Do(w.T, r.Close())
			})
		}
	}
}

// TestReadAtWithoutDirectAccess: what only the leader may read is read, too.
func TestReadAtWithoutDirectAccess(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, data := w.T.Context(), pattern(12*smallChunk)
		w.putSmall("x", data)
		config := must.Get(w.js.Stream(ctx, "OBJ_b"))(w.T).CachedInfo().Config
		config.AllowDirect = false
		must.Get(w.js.UpdateStream(ctx, config))(w.T)
		r := must.Get(must.Get(objectstore.Open(ctx, w.js, "b"))(w.T).Get(ctx, "x"))(w.T)
		got := make([]byte, 5*smallChunk)
		if n, err := r.ReadAt(got, 250); err != nil || !bytes.Equal(got, data[250:250+len(got)]) {
			w.T.Errorf("%d bytes, %v", n, err)
		}
		must.Do(w.T, r.Close())
	})
}

// TestProgressOfAGet is what was read, and not what was fetched ahead.
func TestProgressOfAGet(t *testing.T) {
	inBubble(t, func(w *world) {
		w.putSmall("x", pattern(40*smallChunk))
		calls := 0
		r := must.Get(w.store.Get(w.T.Context(), "x", objectstore.GetObjectProgress(func(p objectstore.Progress) {
			calls++
			if p.Bytes != uint64(p.Chunks)*smallChunk {
				w.T.Errorf("%+v", p)
			}
		})))(w.T)
		must.Get(io.ReadAll(r))(w.T)
		must.Get(r.Seek(7*smallChunk, io.SeekStart))(w.T)
		must.Get(io.ReadAll(r))(w.T)
		if calls < 73 {
			w.T.Errorf("%d calls", calls)
		}
		must.Do(w.T, r.Close())
	})
}
