package objectstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
	"github.com/troupe-go/troupe/supervisor"
)

const smallChunk = 100

// small is an object with small chunks.
func small(name string) objectstore.Meta {
	return objectstore.Meta{Name: name, Opts: &objectstore.MetaOptions{ChunkSize: smallChunk}}
}

// stored returns the messages of the chunks that are in the bucket.
func (w *world) stored() (all []*jetstream.RawStreamMsg) {
	w.T.Helper()
	messages := must.Get(jetstream.GetBatch(w.T.Context(), w.js, "OBJ_b", 0, jetstream.GetBatchSubject("$O.b.C.>")))(w.T)
	for m, err := range messages {
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		must.Do(w.T, err)
		all = append(all, m)
	}
	return all
}

// has fails the test unless the bucket has exactly the chunks of one object with these bytes.
func (w *world) has(name string, data []byte) {
	w.T.Helper()
	var got []byte
	for _, m := range w.stored() {
		got = append(got, m.Data...)
	}
	if !bytes.Equal(got, data) {
		w.T.Errorf("chunks with %d bytes are in the bucket, not %d", len(got), len(data))
	}
	if read := must.Get(w.store.GetBytes(w.T.Context(), name))(w.T); !bytes.Equal(read, data) {
		w.T.Errorf("%d bytes are read, not %d", len(read), len(data))
	}
}

// down cuts the link, and keeps it cut until the function that is returned is called.
func (w *world) down() (up func()) {
	w.T.Helper()
	refuse := must.Get(w.Link("c", "s1").Inject("refuse"))(w.T)
	must.Do(w.T, w.js.Conn().ForceReconnect())
	for w.js.Conn().IsConnected() {
		time.Sleep(time.Millisecond)
	}
	return refuse.Lift
}

// at calls f once before the byte at an offset is read.
func at(data []byte, offset int, f func() error) io.Reader {
	return io.MultiReader(bytes.NewReader(data[:offset]), readFunc(func([]byte) (int, error) {
		if err := f(); err != nil {
			return 0, err
		}
		return 0, io.EOF
	}), bytes.NewReader(data[offset:]))
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// TestPutOutlivesItsLinks: the link is cut before each chunk in turn, with acknowledgements on
// their way. The object is stored whole, each chunk once.
func TestPutOutlivesItsLinks(t *testing.T) {
	inBubble(t, func(w *world) {
		must.Get(w.Link("c", "s1").Inject("latency(1ms)"))(w.T) // so that something is on its way
		data := pattern(12*smallChunk + 7)
		resumed := uint64(0)
		for cut := 0; cut <= len(data); cut += smallChunk {
			info := must.Get(w.store.PutWith(w.T.Context(), small("x"), at(data, cut, func() error {
				defer w.down()()
				return nil
			}), objectstore.PutWindow(3*smallChunk), objectstore.PutProgress(func(p objectstore.Progress) { resumed += p.Resumed })))(w.T)
			if info.Chunks != 13 || int(info.Size) != len(data) {
				w.T.Errorf("%+v", info)
			}
			w.has("x", data)
		}
		if resumed == 0 {
			w.T.Error("no put had anything on its way")
		}
	})
}

// TestPutRepairsItsOrder: each chunk in turn is lost on the way, as with a leader that steps
// down, and those behind it are not; and so are acknowledgements.
func TestPutRepairsItsOrder(t *testing.T) {
	inBubble(t, func(w *world) {
		data := pattern(8 * smallChunk)
		for k := 1; k <= 8; k++ {
			for _, lost := range []string{"when op(HPUB) subject(\"$O.b.C.*\") index(%d) drop", "when op(MSG) subject(\"_INBOX.*.*\") index(%d) drop"} {
				fault := must.Get(w.Link("c", "s1").Inject(fmt.Sprintf(lost, k)))(w.T)
				w.putSmall("x", data)
				fault.Lift()
				w.has("x", data)
			}
		}
	})
}

// TestPutWaitsForALink: while there is none for minutes, the reader waits, and the put goes on
// afterwards.
func TestPutWaitsForALink(t *testing.T) {
	inBubble(t, func(w *world) {
		data := pattern(50 * smallChunk)
		up := func() {}
		read := 0
		r := at(data, 5*smallChunk, func() error {
			up = w.down()
			time.AfterFunc(10*time.Minute, func() { up() })
			return nil
		})
		counting := readFunc(func(p []byte) (int, error) {
			n, err := r.Read(p)
			read += n
			return n, err
		})
		var last objectstore.Progress
		began := time.Now()
		must.Get(w.store.PutWith(w.T.Context(), small("x"), counting, objectstore.PutWindow(4*smallChunk), objectstore.PutProgress(func(p objectstore.Progress) {
			if p.Bytes < last.Bytes || uint64(read) > p.Bytes+5*smallChunk {
				w.T.Errorf("%d were read, %+v after %+v", read, p, last)
			}
			last = p
		})))(w.T)
		if time.Since(began) < 10*time.Minute || last.Bytes != uint64(len(data)) || last.Chunks != 50 {
			w.T.Errorf("after %v: %+v", time.Since(began), last)
		}
		w.has("x", data)
	})
}

// TestPutIsAllOrNothing: whatever ends a put, and before whichever chunk, nothing of it is
// seen, and nothing of it stays; the object is what it was before.
func TestPutIsAllOrNothing(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		fail func(cancel context.CancelCauseFunc) error
		want []error
	}{
		"reader":    {func(context.CancelCauseFunc) error { return broken }, []error{broken}},
		"truncated": {func(context.CancelCauseFunc) error { return io.ErrUnexpectedEOF }, []error{io.ErrUnexpectedEOF}},
		"cancelled": {func(cancel context.CancelCauseFunc) error { cancel(nil); return nil }, []error{context.Canceled}},
		"cause":     {func(cancel context.CancelCauseFunc) error { cancel(broken); return nil }, []error{broken}},
	} {
		inBubble(t, func(w *world) {
			before := pattern(250)
			data := pattern(10 * smallChunk)
			must.Get(w.store.Put(w.T.Context(), small("x"), bytes.NewReader(before)))(w.T)
			for k := 0; k <= len(data); k += smallChunk {
				ctx, cancel := context.WithCancelCause(w.T.Context())
				_, err := w.store.PutWith(ctx, small("x"), at(data, k, func() error { return c.fail(cancel) }), objectstore.PutWindow(2*smallChunk))
				cancel(nil)
				is(w.T, err, append(c.want, objectstore.ErrObjectStore)...)
				var which *objectstore.ObjectError
				if !errors.As(err, &which) || which.Name != "x" || which.Bucket != "b" || which.Op != "put" {
					w.T.Errorf("%s at %d: %v", name, k, err)
				}
				time.Sleep(time.Second) // what is left is removed behind the call
				w.has("x", before)
			}
		})
	}
}

// TestPutOfACrashedProgramLeavesTheObject: a connection that is closed in the middle leaves
// chunks of no object at most.
func TestPutOfACrashedProgramLeavesTheObject(t *testing.T) {
	inBubble(t, func(w *world) {
		before, data := pattern(250), pattern(10*smallChunk)
		must.Get(w.store.Put(w.T.Context(), small("x"), bytes.NewReader(before)))(w.T)
		for k := 0; k <= len(data); k += smallChunk {
			nc := must.Get(api.Connect(w.URL("s1"), api.System(w.System), api.SetCustomDialer(w.Dialer("crash"))))(w.T)
			store := must.Get(objectstore.Open(w.T.Context(), must.Get(jetstream.New(nc))(w.T), "b"))(w.T)
			_, err := store.PutWith(w.T.Context(), small("x"), at(data, k, func() error { nc.Close(); return nil }), objectstore.PutWindow(2*smallChunk))
			if !errors.Is(err, api.ErrConnectionClosed) && !errors.Is(err, api.ErrConnectionDraining) { // it writes what it has, first
				w.T.Errorf("crash at %d: %v", k, err)
			}
			if got := must.Get(w.store.GetBytes(w.T.Context(), "x"))(w.T); !bytes.Equal(got, before) {
				w.T.Errorf("crash at %d: %d bytes", k, len(got))
			}
		}
	})
}

// TestPutCleansUpWhenItCan: a put that ends while there is no link has its chunks removed when
// there is one again.
func TestPutCleansUpWhenItCan(t *testing.T) {
	inBubble(t, func(w *world) {
		up := func() {}
		ctx, cancel := context.WithTimeout(w.T.Context(), time.Minute)
		defer cancel()
		data := pattern(10 * smallChunk)
		_, err := w.store.Put(ctx, small("x"), at(data, 6*smallChunk, func() error {
			synctest.Wait() // the chunks before are stored
			up = w.down()
			return nil
		}))
		is(w.T, err, context.DeadlineExceeded)
		time.Sleep(time.Hour)
		up()
		time.Sleep(time.Minute)
		if left := w.stored(); len(left) > 0 {
			w.T.Errorf("%d chunks are left", len(left))
		}
		_, err = w.store.GetInfo(w.T.Context(), "x")
		is(w.T, err, objectstore.ErrObjectNotFound)
	})
}

// TestPutWhoseInfoIsLost: the message that makes the object visible is lost, or its
// acknowledgement: it is sent again, and the object is there once.
func TestPutWhoseInfoIsLost(t *testing.T) {
	inBubble(t, func(w *world) {
		for i, lost := range []string{`when op(HPUB) subject("$O.b.M.*") index(1) drop`, `when op(MSG) subject("_INBOX.*.*") index(7) drop`} {
			for n := range 2 {
				data := pattern(3*smallChunk + 10*i + n)
				fault := must.Get(w.Link("c", "s1").Inject(lost))(w.T)
				w.putSmall("x", data)
				fault.Lift()
				w.has("x", data)
			}
		}
	})
}

// TestPutOfUnknownOutcome: when a put ends while it is unknown whether its info was stored, its
// chunks are removed if it was not, and those of the object before if it was.
func TestPutOfUnknownOutcome(t *testing.T) {
	inBubble(t, func(w *world) {
		before, data := pattern(250), pattern(5*smallChunk)
		for _, c := range []struct {
			fault string
			want  []byte
		}{
			{`when op(HPUB) subject("$O.b.M.*") drop`, before},                 // it never comes
			{`when op(HPUB) subject("$O.b.M.*") index(1) blackhole(in)`, data}, // it does, but nobody says so
		} {
			must.Get(w.store.Put(w.T.Context(), small("x"), bytes.NewReader(before)))(w.T)
			fault := must.Get(w.Link("c", "s1").Inject(c.fault))(w.T)
			ctx, cancel := context.WithTimeout(w.T.Context(), 3*time.Second)
			_, err := w.store.Put(ctx, small("x"), bytes.NewReader(data))
			cancel()
			is(w.T, err, context.DeadlineExceeded)
			if !api.MaybeSent(err) {
				w.T.Errorf("%v: it may have been sent", err)
			}
			time.Sleep(time.Minute)
			fault.Lift()
			time.Sleep(5 * time.Minute)
			w.has("x", c.want)
		}
	})
}

// TestPutThatPanics: a reader that panics takes nothing along but its own call.
func TestPutThatPanics(t *testing.T) {
	inBubble(t, func(w *world) {
		func() {
			defer func() {
				if p := recover(); p != "boom" {
					w.T.Errorf("recovered %v", p)
				}
			}()
			_, _ = w.store.Put(w.T.Context(), small("x"), at(pattern(1000), 500, func() error { panic("boom") }))
		}()
		time.Sleep(time.Second)
		if left := w.stored(); len(left) > 0 {
			w.T.Errorf("%d chunks are left", len(left))
		}
	})
}

// TestPutReplacesOneObject: the chunks of the one before go, when the new one is there; of
// puts side by side the last one stays, and chunks of none else.
func TestPutReplacesOneObject(t *testing.T) {
	inBubble(t, func(w *world) {
		const n = 8
		done := make(chan error, n)
		for i := range n {
			go func() {
				_, err := w.store.Put(w.T.Context(), small("x"), bytes.NewReader(bytes.Repeat([]byte{byte(i)}, 300+i)))
				done <- err
			}()
		}
		for range n {
			must.Do(w.T, <-done)
		}
		got := must.Get(w.store.GetBytes(w.T.Context(), "x"))(w.T)
		w.has("x", got)
		if len(got) != 300+int(got[0]) {
			w.T.Errorf("%d bytes of %d", len(got), got[0])
		}
	})
}

// TestPutConditions: only one of those that create makes it, and a revision holds to the end.
func TestPutConditions(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		const n = 5
		done := make(chan error, n)
		for range n {
			go func() {
				_, err := w.store.PutWith(ctx, small("x"), bytes.NewReader(pattern(500)), objectstore.CreateOnly())
				done <- err
			}()
		}
		made := 0
		for range n {
			if err := <-done; err == nil {
				made++
			} else {
				is(w.T, err, objectstore.ErrObjectAlreadyExists)
			}
		}
		if made != 1 {
			w.T.Errorf("%d were made", made)
		}
		first := must.Get(w.store.GetInfo(ctx, "x"))(w.T)
		second := must.Get(w.store.PutWith(ctx, small("x"), bytes.NewReader(pattern(300)), objectstore.ExpectRevision(first.Revision)))(w.T)
		_, err := w.store.PutWith(ctx, small("x"), bytes.NewReader(pattern(200)), objectstore.ExpectRevision(first.Revision))
		is(w.T, err, objectstore.ErrObjectChanged)
		_, err = w.store.PutWith(ctx, small("x"), at(pattern(200), 100, func() error {
			_, err := w.store.PutBytes(ctx, "x", pattern(700)) // somebody is faster
			return err
		}), objectstore.ExpectRevision(second.Revision))
		is(w.T, err, objectstore.ErrObjectChanged)
		w.has("x", pattern(700))
		must.Do(w.T, w.store.Delete(ctx, "x"))
		must.Get(w.store.PutWith(ctx, small("x"), bytes.NewReader(pattern(100)), objectstore.CreateOnly()))(w.T)
		w.has("x", pattern(100))
	})
}

// TestPutRefusals: what cannot be is refused before anything is sent; what the store does not
// take ends the put, with its reason.
func TestPutRefusals(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		link := small("x")
		link.Opts.Link = &objectstore.Link{Bucket: "b", Name: "y"}
		huge := small("x")
		huge.Opts.ChunkSize = 1 << 31
		for _, c := range []struct {
			meta objectstore.Meta
			r    io.Reader
			opt  objectstore.PutOpt
			want error
		}{
			{meta: small(""), want: objectstore.ErrNameRequired},
			{meta: link, want: objectstore.ErrLinkNotAllowed},
			{meta: huge, want: api.ErrMaxPayload},
			{meta: small("x"), opt: objectstore.PutWindow(0), want: jetstream.ErrInvalidOption},
			{meta: small("x"), opt: objectstore.PutProgress(nil), want: jetstream.ErrInvalidOption},
			{meta: small("x"), r: readFunc(func(p []byte) (int, error) { return len(p) + 1, nil }), want: objectstore.ErrObjectStore},
			{meta: small("x"), r: readFunc(func([]byte) (int, error) { return -1, nil }), want: objectstore.ErrObjectStore},
			{meta: small("x"), r: readFunc(func([]byte) (int, error) { return 0, nil }), want: io.ErrNoProgress},
			{meta: small("x"), r: bytes.NewReader(pattern(300)), opt: objectstore.ObjectTTL(time.Hour), want: jetstream.ErrMsgTTLDisabled},
		} {
			_, err := w.store.PutWith(ctx, c.meta, c.r, c.opt)
			is(w.T, err, c.want)
		}
		if left := w.stored(); len(left) > 0 {
			w.T.Errorf("%d chunks are left", len(left))
		}
		must.Get(objectstore.Update(ctx, w.js, objectstore.Config{Bucket: "b", Storage: jetstream.MemoryStorage, MaxBytes: 3000}))(w.T)
		_, err := w.store.Put(ctx, small("x"), bytes.NewReader(pattern(10_000)))
		is(w.T, err, jetstream.ErrMaxStoredBytesExceeded)
		if left := w.stored(); len(left) > 0 {
			w.T.Errorf("%d chunks are left", len(left))
		}
	})
}

// TestPutSendsWhileItAsks: chunks are sent before it is known what the object replaces, unless
// there are conditions: then nothing is read that may be refused.
func TestPutSendsWhileItAsks(t *testing.T) {
	inBubble(t, func(w *world) {
		must.Get(w.store.PutBytes(w.T.Context(), "x", pattern(500)))(w.T)
		data := pattern(10*smallChunk + 7)
		for _, conditional := range []bool{false, true} {
			ctx := must.Within(w.T, time.Minute)
			var opt objectstore.PutOpt
			if conditional {
				opt = objectstore.ExpectRevision(must.Get(w.store.GetInfo(ctx, "x"))(w.T).Revision)
			}
			lost := must.Get(w.Link("c", "s1").Inject(`when op(PUB) subject("$JS.API.DIRECT.GET.OBJ_b.>") index(1) drop`))(w.T)
			began, read := time.Now(), time.Duration(0)
			must.Get(w.store.PutWith(ctx, small("x"), at(data, len(data), func() error {
				read = time.Since(began)
				return nil
			}), opt))(w.T)
			if lost.Hits() != 1 || (read > time.Second) != conditional || time.Since(began) < time.Second {
				w.T.Errorf("all was read after %v, the put took %v, hits %v", read, time.Since(began), lost.Hits())
			}
			lost.Lift()
			w.has("x", data)
		}
	})
}

// TestPutWithATimeToLive: the object goes as a whole, and not before one that took its time is
// stored.
func TestPutWithATimeToLive(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		must.Get(objectstore.Update(ctx, w.js, objectstore.Config{Bucket: "b", Storage: jetstream.MemoryStorage, PerObjectTTL: true}))(w.T)
		data := pattern(5 * smallChunk)
		slow := func(d time.Duration) io.Reader {
			return at(data, 3*smallChunk, func() error { time.Sleep(d); return nil })
		}
		info := must.Get(w.store.PutWith(ctx, small("x"), slow(20*time.Minute), objectstore.ObjectTTL(time.Hour)))(w.T)
		if left := time.Until(info.Expires); left > 40*time.Minute || left < 39*time.Minute {
			w.T.Errorf("it lives for %v", left)
		}
		time.Sleep(39 * time.Minute)
		w.has("x", data)
		time.Sleep(25 * time.Minute)
		_, err := w.store.Get(ctx, "x")
		is(w.T, err, objectstore.ErrObjectNotFound)
		if left := w.stored(); len(left) > 0 {
			w.T.Errorf("%d chunks are left", len(left))
		}
		_, err = w.store.PutWith(ctx, small("x"), slow(2*time.Hour), objectstore.ObjectTTL(time.Hour))
		is(w.T, err, objectstore.ErrObjectStore)
	})
}

// TestPutShowsWhatItDoes: a put is an actor in the tree, with its state and counters, for as
// long as it goes on.
func TestPutShowsWhatItDoes(t *testing.T) {
	inBubble(t, func(w *world) {
		var seen supervisor.Node
		must.Get(w.store.PutWith(w.T.Context(), small("x"), at(pattern(1000), 500, func() error {
			synctest.Wait()
			seen, _ = w.transfer()
			return nil
		}), objectstore.PutWindow(1000)))(w.T)
		want := []api.Counter{{Name: "bytes", Value: 500}, {Name: "chunks", Value: 5}, {Name: "window", Value: 10}, {Name: "waiting"}, {Name: "resumed"}}
		if got := seen.Counters[len(seen.Counters)-len(want):]; seen.State != "sending" || !slices.Equal(got, want) {
			w.T.Errorf("%v %v", seen.State, got)
		}
		synctest.Wait()
		if left, found := w.transfer(); found {
			w.T.Errorf("it is left: %v", left)
		}
	})
}

// transfer returns the actor of a transfer.
func (w *world) transfer() (supervisor.Node, bool) {
	for n := range w.js.Conn().Tree().All() {
		if strings.HasPrefix(n.Name, "transfer-b-") {
			return n, true
		}
	}
	return supervisor.Node{}, false
}

// TestPutOfASlowReaderIsToldInTime: how far it is, and that it has failed, although it never has to
// wait for the store.
func TestPutOfASlowReaderIsToldInTime(t *testing.T) {
	inBubble(t, func(w *world) {
		var told []uint64
		read := 0
		slow := readerFunc(func(p []byte) (int, error) {
			time.Sleep(time.Second)
			if read++; read == 20 {
				must.Do(w.T, w.js.DeleteStream(w.T.Context(), "OBJ_b"))
			}
			return copy(p, pattern(smallChunk)), nil
		})
		_, err := w.store.PutWith(w.T.Context(), small("x"), slow, objectstore.PutProgress(func(p objectstore.Progress) { told = append(told, p.Bytes) }))
		if err == nil || read > 300 {
			w.T.Errorf("%d chunks were read: %v", read, err)
		}
		if len(told) < 5 || told[0] > 10*smallChunk {
			w.T.Errorf("told of %v", told)
		}
	})
}

// TestPutThatIsOverReadsNoMore, although there is room for what it would read.
func TestPutThatIsOverReadsNoMore(t *testing.T) {
	for range 20 {
		inBubble(t, func(w *world) {
			read := 0
			slow := readerFunc(func(p []byte) (int, error) {
				if read++; read == 3 {
					w.js.Conn().Close()
				}
				time.Sleep(time.Second)
				return copy(p, pattern(smallChunk)), nil
			})
			_, err := w.store.PutWith(w.T.Context(), small("x"), slow)
			// Close refuses what is new, as a drain does, before it ends the connection.
			if !errors.Is(err, api.ErrConnectionClosed) && !errors.Is(err, api.ErrConnectionDraining) || read != 3 {
				w.T.Errorf("%d chunks were read: %v", read, err)
			}
		})
	}
}

// readerFunc is a reader that is a function.
type readerFunc func(p []byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestPutThatFailedIsOver: chunks on a lost link can arrive after all chunks have been removed. They
// are not stored.
func TestPutThatFailedIsOver(t *testing.T) {
	inBubble(t, func(w *world) {
		nc := w.js.Conn()
		seen := must.Get(nc.SubscribeSync("$O.b.C.>"))(w.T)
		must.Do(w.T, nc.Flush())
		must.Get(w.Link("c", "s1").Inject("for 30s blackhole(out)"))(w.T)
		_, err := w.store.PutWith(must.Within(w.T, time.Second), small("x"), bytes.NewReader(pattern(4*smallChunk)))
		is(w.T, err, context.DeadlineExceeded)
		time.Sleep(2 * time.Minute)
		subject := must.Get(seen.NextMsg(time.Second))(w.T).Subject
		id := strings.TrimPrefix(subject, "$O.b.C.")
		for k := 1; k <= 4; k++ {
			_, err := w.js.Publish(w.T.Context(), subject, pattern(smallChunk), jetstream.WithMsgID(fmt.Sprintf("%s-%d", id, k)))
			must.Do(w.T, err)
		}
		if left := w.stored(); len(left) > 0 {
			w.T.Errorf("%d chunks are left", len(left))
		}
	})
}
