package kv_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// fates are changes of which the first try, or its acknowledgement, is lost, and which another client
// overtakes before they are sent again.
var fates = []struct {
	name    string
	history uint8
	first   string // what the key had: "put" or "created"; empty for nothing
	change  string
	lost    string // "try" or "ack"
	other   string // what overtakes it: "put", "update", "create"
	want    string // "stored", "conflict" or "unknown"
}{
	{"update is stored, and in the history", 5, "put", "update", "ack", "put", "stored"},
	{"create is stored, and in the history", 5, "", "create", "ack", "put", "stored"},
	{"delete is stored, and in the history", 5, "put", "delete", "ack", "put", "stored"},
	{"purge is stored, and in the history", 5, "put", "purge", "ack", "put", "stored"},
	{"update is stored, and gone", 1, "put", "update", "ack", "put", "unknown"},
	{"create is stored, and gone", 1, "", "create", "ack", "put", "unknown"},
	{"delete is stored, and gone", 1, "put", "delete", "ack", "put", "unknown"},
	{"purge is stored, and gone", 1, "put", "purge", "ack", "put", "unknown"},
	{"update never came, what was expected is there", 5, "put", "update", "try", "put", "conflict"},
	{"update never came, another came in its place", 1, "put", "update", "try", "update", "conflict"},
	{"update never came, the history is gone", 1, "put", "update", "try", "put", "unknown"},
	{"create never came, another came in its place", 1, "", "create", "try", "create", "conflict"},
	{"create never came, the key was created", 1, "created", "create", "try", "", "conflict"},
	{"create never came, the history is gone", 1, "", "create", "try", "put", "unknown"},
	{"purge never came, what was expected is there", 5, "put", "purge", "try", "put", "conflict"},
}

// TestNoConflictWithoutProof: what was stored is never called a conflict, and what was not is one as far
// as the history tells.
func TestNoConflictWithoutProof(t *testing.T) {
	for _, f := range fates {
		t.Run(f.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				js := must.Get(jetstream.New(w.js.Conn(), jetstream.WithDefaultTimeout(time.Minute)))(w.t)
				s := made(w.t, js, kv.Config{Bucket: "b", History: f.history})
				if f.first != "" {
					must.Get(s.Create(w.t.Context(), "k", []byte("first")))(w.t)
				}
				if f.first == "put" {
					must.Get(s.Put(w.t.Context(), "k", []byte("second")))(w.t)
				}
				last := must.Get(s.Status(w.t.Context()))(w.t).StreamInfo().State.LastSeq
				fault := `when op(MSG) subject("_INBOX.*.*") index(1) drop`
				if f.lost == "try" {
					fault = `when op(HPUB) subject("$KV.b.k") index(1) drop`
				}
				must.Get(w.Link("client", "s1").Inject(fault))(w.t)
				go w.overtakes(f.other, last)
				revision, err := fateOf(w.t.Context(), s, f.change, last)
				w.t.Logf("revision %d, %v", revision, err)
				checkFate(w.t, f.want, revision == last+1, err)
			})
		})
	}
}

// overtakes has the other client change the key a second later.
func (w *world) overtakes(how string, last uint64) {
	w.age(time.Second)
	ctx := context.Background()
	theirs := must.Get(w.peer.KeyValue(ctx, "b"))(w.t)
	switch how {
	case "put":
		must.Get(theirs.Put(ctx, "k", []byte("other")))(w.t)
	case "update":
		must.Get(theirs.Update(ctx, "k", []byte("other"), last))(w.t)
	case "create":
		must.Get(theirs.Create(ctx, "k", []byte("other")))(w.t)
	}
}

// fateOf changes the key, and returns the revision.
func fateOf(ctx context.Context, s kv.Store, change string, last uint64) (uint64, error) {
	switch change {
	case "update":
		return s.Update(ctx, "k", []byte("mine"), last)
	case "create":
		return s.Create(ctx, "k", []byte("mine"))
	case "delete":
		return last + 1, s.Delete(ctx, "k", kv.LastRevision(last))
	default:
		return last + 1, s.Purge(ctx, "k", kv.LastRevision(last))
	}
}

func checkFate(t testing.TB, want string, right bool, err error) {
	t.Helper()
	_, is := errors.AsType[*kv.KeyWrongLastSequenceError](err)
	conflict := is || errors.Is(err, jetstream.ErrWrongLastSequence) || api.CategoryOf(err) == api.CategoryConflict
	unknown := errors.Is(err, jetstream.ErrPublishUnknown) && api.MaybeSent(err)
	switch {
	case want == "stored" && (err != nil || !right),
		want == "conflict" && (!is || unknown || api.MaybeSent(err)),
		want == "unknown" && (!unknown || conflict || !strings.Contains(err.Error(), "does not tell")):
		t.Errorf("want %s: %v", want, err)
	}
}
