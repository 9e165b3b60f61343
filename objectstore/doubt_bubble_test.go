package objectstore_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	peer "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// losing has a fault meet a client for as long as f runs, and fails the test unless it does.
func (w *world) losing(fault string, f func()) {
	w.T.Helper()
	set := must.Get(w.Link("c", "s1").Inject(fault))(w.T)
	defer set.Lift()
	f()
	if set.Hits() == 0 {
		w.T.Errorf("%s: nothing was lost", fault)
	}
}

// rival returns the bucket of another client.
func (w *world) rival() objectstore.Store {
	w.T.Helper()
	nc := must.Get(api.Connect(w.URL("s1"), api.System(w.System), api.SetCustomDialer(w.Dialer("rival"))))(w.T)
	w.T.Cleanup(nc.Close)
	return must.Get(objectstore.Open(w.T.Context(), must.Get(jetstream.New(nc))(w.T), "b"))(w.T)
}

// lostAck is what happens to an acknowledgement.
func lostAck(n int, how string) string {
	return fmt.Sprintf(`when op(MSG) subject("_INBOX.*.*") index(%d) %s`, n, how)
}

// A server alone refuses a message that is sent again because of itself. It is stored all the
// same, and the call says so.
func TestChangeWhoseAcknowledgementIsLost(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		for _, how := range []string{"drop", "reset"} {
			before := w.put("o", "hello")
			w.losing(lostAck(1, how), func() {
				info, err := w.store.UpdateMetaWith(ctx, "o", objectstore.Meta{Name: "o", Description: how}, objectstore.ExpectRevision(before.Revision))
				must.Do(w.T, err)
				if now := must.Get(w.store.GetInfo(ctx, "o"))(w.T); now.Description != how || now.Revision != info.Revision {
					w.T.Errorf("%q at %d, not at %d", now.Description, now.Revision, info.Revision)
				}
			})
			w.losing(lostAck(1, how), func() {
				must.Do(w.T, w.store.Delete(ctx, "o"))
			})
			w.losing(lostAck(1, how), func() {
				must.Get(w.store.AddBucketLink(ctx, how, w.store))(w.T)
			})
			w.losing(lostAck(1, how), func() {
				must.Get(w.store.PutWith(ctx, objectstore.Meta{Name: "new " + how}, nil, objectstore.CreateOnly()))(w.T)
			})
			if n := w.messages("$O.b.C.>"); n != 0 {
				w.T.Errorf("%d chunks are left", n)
			}
		}
	})
}

// Whichever acknowledgement is lost while an object gets another name, it has one of the two.
func TestRenameWhoseAcknowledgementIsLost(t *testing.T) {
	for _, how := range []string{"drop", "reset"} {
		for n := 1; n <= 4; n++ {
			inBubble(t, func(w *world) {
				ctx := w.T.Context()
				w.put("old", "hello")
				fault := must.Get(w.Link("c", "s1").Inject(lostAck(n, how)))(w.T)
				must.Do(w.T, w.store.UpdateMeta(ctx, "old", objectstore.Meta{Name: "new"}))
				fault.Lift()
				w.reads("new", "hello")
				_, err := w.store.GetInfo(ctx, "old")
				is(w.T, err, objectstore.ErrObjectDeleted)
			})
		}
	}
}

// Between a message and its second try there is one of another client. The bucket knows whether
// it has seen the first one.
func TestChangeThatIsOvertaken(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		for _, c := range []struct {
			fault string
			want  error
		}{
			{lostAck(1, "drop"), nil},
			{`when op(HPUB) subject("$O.b.M.*") index(1) drop`, objectstore.ErrObjectChanged},
		} {
			before := w.put("o", "hello")
			w.losing(c.fault, func() {
				meanwhile(func() {
					must.Do(w.T, w.other.UpdateMeta(context.Background(), "o", peer.ObjectMeta{Name: "o", Description: "theirs"}))
				})
				info, err := w.store.UpdateMetaWith(ctx, "o", objectstore.Meta{Name: "o", Description: "ours"}, objectstore.ExpectRevision(before.Revision))
				if c.want != nil {
					is(w.T, err, c.want)
					isNot(w.T, err, jetstream.ErrPublishUnknown)
				} else if must.Do(w.T, err); info.Revision != before.Revision+1 {
					w.T.Errorf("it was stored as %d behind %d", info.Revision, before.Revision)
				}
			})
			if now := must.Get(w.store.GetInfo(ctx, "o"))(w.T); now.Description != "theirs" {
				w.T.Errorf("what came last is %q", now.Description)
			}
			w.reads("o", "hello")
			if n := w.messages("$O.b.C.>"); n != 1 {
				w.T.Errorf("%d chunks, not 1", n)
			}
			must.Do(w.T, w.other.Delete(ctx, "o"))
		}
	})
}

// meanwhile makes another client do something between a message and its second try.
func meanwhile(f func()) { time.AfterFunc(time.Millisecond, f) }

// A put whose info was stored and since replaced, without an acknowledgement, leaves the chunks
// of the one that has replaced it; one whose info was lost replaces that one.
func TestPutThatIsOvertaken(t *testing.T) {
	for _, c := range []struct{ fault, want string }{
		{lostAck(2, "drop"), "theirs"}, // the first one is that of the chunk
		{`when op(HPUB) subject("$O.b.M.*") index(1) drop`, "ours"},
	} {
		inBubble(t, func(w *world) {
			rival := w.rival()
			w.put("o", "before")
			w.losing(c.fault, func() {
				meanwhile(func() { must.Get(rival.PutString(w.T.Context(), "o", "theirs"))(w.T) })
				must.Get(w.store.PutString(w.T.Context(), "o", "ours"))(w.T)
			})
			w.reads("o", c.want)
			w.has("o", []byte(c.want))
		})
	}
}

// A bucket that has forgotten the ids of messages cannot say what was stored: the outcome is
// unknown, and nothing is removed.
func TestOutcomeThatTheBucketHasForgotten(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		rival := w.rival()
		config := must.Get(w.js.Stream(ctx, "OBJ_b"))(w.T).CachedInfo().Config
		config.Duplicates = 100 * time.Millisecond
		must.Get(w.js.UpdateStream(ctx, config))(w.T)
		unknown := func(err error) {
			w.T.Helper()
			is(w.T, err, jetstream.ErrPublishUnknown, objectstore.ErrObjectStore)
			isNot(w.T, err, objectstore.ErrObjectChanged, jetstream.ErrWrongLastSequence)
			if !api.MaybeSent(err) {
				w.T.Errorf("%v: it may have been sent", err)
			}
		}
		before := w.put("o", "hello")
		w.losing(lostAck(1, "drop"), func() {
			meanwhile(func() {
				must.Do(w.T, w.other.UpdateMeta(context.Background(), "o", peer.ObjectMeta{Name: "o", Description: "theirs"}))
			})
			_, err := w.store.UpdateMetaWith(ctx, "o", objectstore.Meta{Name: "o"}, objectstore.ExpectRevision(before.Revision))
			unknown(err)
		})
		w.losing(lostAck(3, "drop"), func() { // behind the read of the old name, and the new one
			meanwhile(func() { must.Get(rival.PutString(ctx, "o", "another"))(w.T) })
			unknown(w.store.UpdateMeta(ctx, "o", objectstore.Meta{Name: "new"}))
		})
		w.reads("o", "another")
		w.reads("new", "hello")
		w.losing(lostAck(2, "drop"), func() { // the first one is that of the chunk
			meanwhile(func() { must.Get(rival.PutString(ctx, "o", "theirs"))(w.T) })
			_, err := w.store.PutString(ctx, "o", "ours")
			unknown(err)
		})
		time.Sleep(time.Hour)
		w.reads("o", "theirs")
		w.reads("new", "hello")
	})
}

// A put that ends without knowing whether its info was stored asks later, too: long after the
// bucket has forgotten the id of that message, and when somebody has described the object anew.
func TestPutOfAnOutcomeThatIsAskedForLate(t *testing.T) {
	for _, described := range []bool{false, true} {
		inBubble(t, func(w *world) {
			must.Get(w.store.Put(w.T.Context(), small("x"), bytes.NewReader(pattern(250))))(w.T)
			data := pattern(5 * smallChunk)
			w.losing(`when op(HPUB) subject("$O.b.M.*") index(1) blackhole(in)`, func() {
				ctx, cancel := context.WithTimeout(w.T.Context(), 3*time.Second)
				defer cancel()
				_, err := w.store.Put(ctx, small("x"), bytes.NewReader(data))
				is(w.T, err, context.DeadlineExceeded, jetstream.ErrPublishUnknown)
				defer w.down()()
				if described {
					must.Do(w.T, w.other.UpdateMeta(w.T.Context(), "x", peer.ObjectMeta{Name: "x", Description: "d"}))
				}
				time.Sleep(10 * time.Minute)
			})
			time.Sleep(5 * time.Minute)
			w.has("x", data)
		})
	}
}

// A link that is lost while the info is on its way is waited for, as one is while chunks are.
func TestPutWaitsForALinkAtItsInfo(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, data := w.T.Context(), pattern(3*smallChunk)
		refuse := must.Get(w.Link("c", "s1").Inject("refuse"))(w.T)
		fault := must.Get(w.Link("c", "s1").Inject(`when op(HPUB) subject("$O.b.M.*") index(1) reset`))(w.T)
		go func() {
			must.Do(w.T, fault.Wait(ctx, 1))
			time.Sleep(10 * time.Minute)
			refuse.Lift()
		}()
		began := time.Now()
		must.Get(w.store.Put(ctx, small("x"), bytes.NewReader(data)))(w.T)
		if time.Since(began) < 10*time.Minute {
			w.T.Errorf("the link was cut for %v", time.Since(began))
		}
		w.has("x", data)
	})
}
