package kv_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// TestOwnLostAckIsNoConflict loses the acknowledgement of a change that was stored. It is sent
// again, and is not a conflict with itself.
func TestOwnLostAckIsNoConflict(t *testing.T) {
	for name, change := range map[string]func(ctx context.Context, s kv.Store, last uint64) (uint64, error){
		"create": func(ctx context.Context, s kv.Store, _ uint64) (uint64, error) {
			return s.Create(ctx, "new", []byte("2"))
		},
		"update": func(ctx context.Context, s kv.Store, last uint64) (uint64, error) {
			return s.Update(ctx, "old", []byte("2"), last)
		},
		"delete": func(ctx context.Context, s kv.Store, last uint64) (uint64, error) {
			return last + 1, s.Delete(ctx, "old", kv.LastRevision(last))
		},
		"purge": func(ctx context.Context, s kv.Store, last uint64) (uint64, error) {
			return last + 1, s.Purge(ctx, "old", kv.LastRevision(last))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				s := w.made(kv.Config{Bucket: "b", History: 5})
				last := must.Get(s.Put(w.t.Context(), "old", []byte("1")))(w.t)
				defer w.loses("1")()
				revision, err := change(w.t.Context(), s, last)
				must.Do(w.t, err)
				if revision != last+1 {
					w.t.Errorf("it is revision %d", revision)
				}
				if status := must.Get(s.Status(w.t.Context()))(w.t); status.StreamInfo().State.LastSeq != last+1 {
					w.t.Errorf("it was stored more than once: %d", status.StreamInfo().State.LastSeq)
				}
			})
		})
	}
}

// TestOwnLostAckBehindTheWindow loses the acknowledgements for so long that the bucket has
// forgotten the id. The last revision has it, and so the change is known; it may be gone as
// well, and then nobody knows.
func TestOwnLostAckBehindTheWindow(t *testing.T) {
	for _, gone := range []bool{false, true} {
		inBubble(t, func(w *world) {
			js := must.Get(jetstream.New(w.js.Conn(), jetstream.WithDefaultTimeout(time.Minute)))(w.t)
			s := made(w.t, js, kv.Config{Bucket: "b"})
			cfg := must.Get(s.Status(w.t.Context()))(w.t).StreamInfo().Config
			cfg.Duplicates = 100 * time.Millisecond
			must.Get(js.UpdateStream(w.t.Context(), cfg))(w.t)
			s = must.Get(kv.Open(w.t.Context(), js, "b"))(w.t)
			defer w.loses("1")()
			if gone {
				go func() {
					w.age(time.Second)
					must.Get(must.Get(w.peer.KeyValue(context.Background(), "b"))(w.t).Put(context.Background(), "k", []byte("other")))(w.t)
				}()
			}
			revision, err := s.Create(w.t.Context(), "k", []byte("mine"))
			switch {
			case !gone && (err != nil || revision != 1):
				w.t.Errorf("created as %d, %v", revision, err)
			case gone:
				is(w.t, err, jetstream.ErrPublishUnknown)
				if errors.Is(err, kv.ErrKeyExists) || errors.Is(err, kv.ErrKeyWrongLastSequence) && !api.MaybeSent(err) {
					w.t.Errorf("it lies: %v", err)
				}
			}
		})
	}
}

// TestOutcomeThatIsNotKnown loses every acknowledgement: no reply says that it was stored, or
// was not.
func TestOutcomeThatIsNotKnown(t *testing.T) {
	inBubble(t, func(w *world) {
		s := w.made(kv.Config{Bucket: "b"})
		link := w.Link("client", "s1")
		for _, op := range []string{"MSG", "HMSG"} {
			must.Get(link.Inject(`when op(` + op + `) subject("_INBOX.*.*") every(1) drop`))(w.t)
		}
		for name, change := range map[string]func() error{
			"put":    func() error { _, err := s.Put(w.t.Context(), "a", nil); return err },
			"create": func() error { _, err := s.Create(w.t.Context(), "b", nil); return err },
			"update": func() error { _, err := s.Update(w.t.Context(), "c", nil, 0); return err },
			"delete": func() error { return s.Delete(w.t.Context(), "d") },
		} {
			err := change()
			is(w.t, err, jetstream.ErrPublishUnknown)
			is(w.t, err, kv.ErrKeyValue)
			is(w.t, err, api.ErrTimeout)
			if errors.Is(err, kv.ErrKeyExists) || !api.MaybeSent(err) {
				w.t.Errorf("%s: %v", name, err)
			}
		}
		link.Clear()
		if e := must.Get(s.Get(w.t.Context(), "b"))(w.t); e.Revision() == 0 {
			w.t.Error("it was stored all the same")
		}
	})
}

// TestLostLinkIsNoConflict cuts the link after a change.
func TestLostLinkIsNoConflict(t *testing.T) {
	inBubble(t, func(w *world) {
		s := w.made(kv.Config{Bucket: "b"})
		link := w.Link("client", "s1")
		must.Get(link.Inject(`when op(MSG) subject("_INBOX.*.*") index(1) reset`))(w.t)
		if revision := must.Get(s.Create(w.t.Context(), "k", []byte("1")))(w.t); revision != 1 {
			w.t.Errorf("created as %d", revision)
		}
	})
}

// TestCallsEndWithoutADeadline: a context that has none, and none at all, allow the default
// timeout.
func TestCallsEndWithoutADeadline(t *testing.T) {
	inBubble(t, func(w *world) {
		s := w.made(kv.Config{Bucket: "b"})
		must.Get(s.PutString(w.t.Context(), "k", "v"))(w.t)
		for _, op := range []string{"MSG", "HMSG"} {
			must.Get(w.Link("client", "s1").Inject(`when op(` + op + `) subject("_INBOX.*.*") every(1) drop`))(w.t)
		}
		var none context.Context
		for name, ctx := range map[string]context.Context{"none": none, "endless": context.Background(), "cancellable": w.t.Context()} {
			for call, do := range map[string]func() error{
				"get": func() error { return second(s.Get(ctx, "k")) },
				"put": func() error { return second(s.Put(ctx, "k", nil)) },
			} {
				began := time.Now()
				err := do()
				if took := time.Since(began); took < 5*time.Second || took > 6*time.Second || !errors.Is(err, api.ErrTimeout) ||
					!errors.Is(err, context.DeadlineExceeded) || call == "put" && !errors.Is(err, jetstream.ErrPublishUnknown) {
					w.t.Errorf("%s, context %s: %v after %v", call, name, err, took)
				}
			}
		}
	})
}
