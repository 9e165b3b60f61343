package objectstore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// kindAnswers lists every exported kind.
var kindAnswers = map[string]errortest.Verdict{
	"ErrBucketNotFound":      errortest.Says(objectstore.ErrBucketNotFound, api.CategoryNotFound, "", jetstream.ErrStreamNotFound, jetstream.ErrNotFound),
	"ErrBucketExists":        errortest.Says(objectstore.ErrBucketExists, api.CategoryConflict, "", jetstream.ErrStreamNameAlreadyInUse),
	"ErrInvalidBucketName":   errortest.Says(objectstore.ErrInvalidBucketName, api.CategoryInput, "", jetstream.ErrInvalidName),
	"ErrBadBucket":           errortest.Says(objectstore.ErrBadBucket, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrConfigRequired":      errortest.Says(objectstore.ErrConfigRequired, api.CategoryInput, "", jetstream.ErrInvalidConfig),
	"ErrBucketRequired":      errortest.Says(objectstore.ErrBucketRequired, api.CategoryInput, "", objectstore.ErrObjectStore),
	"ErrBucketNotWritable":   errortest.Says(objectstore.ErrBucketNotWritable, api.CategoryUnavailable, "retry", objectstore.ErrObjectStore),
	"ErrBucketAmbiguous":     errortest.Says(objectstore.ErrBucketAmbiguous, api.CategoryConflict, "", objectstore.ErrBucketNotWritable),
	"ErrBucketMalformed":     errortest.Says(objectstore.ErrBucketMalformed, api.CategoryInput, "", objectstore.ErrObjectStore),
	"ErrObjectStore":         errortest.Says(objectstore.ErrObjectStore, api.CategoryServer, "sent", jetstream.ErrJetStream),
	"ErrObjectNotFound":      errortest.Says(objectstore.ErrObjectNotFound, api.CategoryNotFound, "", objectstore.ErrObjectStore, jetstream.ErrNotFound),
	"ErrObjectDeleted":       errortest.Says(objectstore.ErrObjectDeleted, api.CategoryNotFound, "", objectstore.ErrObjectNotFound, jetstream.ErrNotFound),
	"ErrObjectAlreadyExists": errortest.Says(objectstore.ErrObjectAlreadyExists, api.CategoryConflict, "", objectstore.ErrObjectStore),
	"ErrObjectChanged":       errortest.Says(objectstore.ErrObjectChanged, api.CategoryConflict, "", objectstore.ErrObjectStore, jetstream.ErrWrongLastSequence),
	"ErrLinkCycle":           errortest.Says(objectstore.ErrLinkCycle, api.CategoryConflict, "", objectstore.ErrObjectStore),
	"ErrInvalidObjectName":   errortest.Says(objectstore.ErrInvalidObjectName, api.CategoryInput, "", objectstore.ErrObjectStore),
	"ErrNameRequired":        errortest.Says(objectstore.ErrNameRequired, api.CategoryInput, "", objectstore.ErrInvalidObjectName),
	"ErrObjectRequired":      errortest.Says(objectstore.ErrObjectRequired, api.CategoryInput, "", objectstore.ErrObjectStore),
	"ErrBadObjectMeta":       errortest.Says(objectstore.ErrBadObjectMeta, api.CategoryProtocol, "", objectstore.ErrObjectStore),
	"ErrDigestMismatch":      errortest.Says(objectstore.ErrDigestMismatch, api.CategoryProtocol, "retry", objectstore.ErrObjectStore),
	"ErrInvalidDigestFormat": errortest.Says(objectstore.ErrInvalidDigestFormat, api.CategoryProtocol, "", objectstore.ErrObjectStore),
	"ErrNoObjectsFound":      errortest.Says(objectstore.ErrNoObjectsFound, api.CategoryNotFound, "", objectstore.ErrObjectStore),
	"ErrSlowWatcher":         errortest.Says(objectstore.ErrSlowWatcher, api.CategoryLimit, "retry", jetstream.ErrJetStream),
	"ErrLinkIsABucket":       errortest.Says(objectstore.ErrLinkIsABucket, api.CategoryInput, "", objectstore.ErrObjectStore),
	"ErrLinkNotAllowed":      errortest.Says(objectstore.ErrLinkNotAllowed, api.CategoryInput, "", objectstore.ErrObjectStore),
	"ErrNoLinkToDeleted":     errortest.Says(objectstore.ErrNoLinkToDeleted, api.CategoryInput, "", objectstore.ErrObjectStore),
	"ErrNoLinkToLink":        errortest.Says(objectstore.ErrNoLinkToLink, api.CategoryInput, "", objectstore.ErrObjectStore),
	"ErrUpdateMetaDeleted":   errortest.Says(objectstore.ErrUpdateMetaDeleted, api.CategoryNotFound, "", objectstore.ErrObjectDeleted, objectstore.ErrObjectNotFound),
}

// dataAnswers lists every error with data.
var dataAnswers = map[string][]errortest.Verdict{
	"BucketError": {errortest.Says(&objectstore.BucketError{Op: "open", Store: "object", Bucket: "films", Kind: objectstore.ErrBucketNotFound}, api.CategoryNotFound, "", objectstore.ErrBucketNotFound)},
	"ObjectError": {
		errortest.Says(&objectstore.ObjectError{Op: "get", Bucket: "films", Name: "metropolis.mkv", Kind: objectstore.ErrObjectDeleted}, api.CategoryNotFound, "", objectstore.ErrObjectDeleted, objectstore.ErrObjectStore),
		errortest.Says(&objectstore.ObjectError{Op: "get", Bucket: "films", Name: "metropolis.mkv", Err: api.ErrDisconnected}, api.CategoryConnection, "retry", objectstore.ErrObjectStore, api.ErrDisconnected),
	},
	"DigestMismatchError": {errortest.Says(&objectstore.DigestMismatchError{Bucket: "films", Name: "metropolis.mkv", Size: 262144, Chunks: 2, Reason: "chunk 3 is missing"}, api.CategoryProtocol, "retry", objectstore.ErrDigestMismatch)},
}

func TestEveryErrorHasItsAnswers(t *testing.T) {
	errortest.List{Package: "objectstore", Kinds: kindAnswers, All: objectstore.Kinds, Data: dataAnswers}.Check(t)
}

func TestTextsOfErrors(t *testing.T) {
	cause := errors.New("cause")
	for want, err := range map[string]error{
		`troupe: get object "o" in bucket "b": object was deleted`: &objectstore.ObjectError{Op: "get", Bucket: "b", Name: "o", Kind: objectstore.ErrObjectDeleted},
		`troupe: get object "o" in bucket "b": why`:                &objectstore.ObjectError{Op: "get", Bucket: "b", Name: "o", Kind: objectstore.ErrObjectDeleted, Reason: "why"},
		`troupe: get object "o" in bucket "b": cause`:              &objectstore.ObjectError{Op: "get", Bucket: "b", Name: "o", Err: cause},
		`troupe: get object "o" in bucket "b"`:                     &objectstore.ObjectError{Op: "get", Bucket: "b", Name: "o"},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
	is(t, &objectstore.ObjectError{Err: cause}, cause, objectstore.ErrObjectStore)
}

// calls are all calls about an object by its name.
func (w *world) calls(ctx context.Context, name string) map[string]error {
	_, info := w.store.GetInfo(ctx, name)
	_, get := w.store.Get(ctx, name)
	_, bytes0 := w.store.GetBytes(ctx, name)
	_, text := w.store.GetString(ctx, name)
	_, put := w.store.Put(ctx, objectstore.Meta{Name: name}, bytes.NewReader(nil))
	_, putBytes := w.store.PutBytes(ctx, name, nil)
	_, putText := w.store.PutString(ctx, name, "")
	_, link := w.store.AddLink(ctx, name, &objectstore.Info{Meta: objectstore.Meta{Name: "o"}, Bucket: "b"})
	_, bucket := w.store.AddBucketLink(ctx, name, w.store)
	return map[string]error{
		"GetInfo": info, "Get": get, "GetBytes": bytes0, "GetString": text, "GetFile": w.store.GetFile(ctx, name, w.T.TempDir()+"/x"),
		"Put": put, "PutBytes": putBytes, "PutString": putText, "Delete": w.store.Delete(ctx, name), "AddLink": link, "AddBucketLink": bucket,
		"UpdateMeta": w.store.UpdateMeta(ctx, name, objectstore.Meta{Name: "o"}), "rename": w.store.UpdateMeta(ctx, "o", objectstore.Meta{Name: name}),
	}
}

// No call sends anything about an object that cannot be.
func TestNamesThatCannotBe(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		w.put("o", "hello")
		before := w.js.Conn().Stats().OutMsgs
		for name, want := range map[string][]error{
			"":                        {objectstore.ErrNameRequired, objectstore.ErrInvalidObjectName},
			strings.Repeat("a", 4000): {objectstore.ErrInvalidObjectName},
			"\xff":                    {objectstore.ErrInvalidObjectName},
		} {
			for call, err := range w.calls(ctx, name) {
				if what, ok := errors.AsType[*objectstore.ObjectError](err); !ok || what.Bucket != "b" || what.Reason == "" {
					w.T.Errorf("%s of %.10q: %v", call, name, err)
				}
				is(w.T, err, append(want, objectstore.ErrObjectStore)...)
			}
		}
		if sent := w.js.Conn().Stats().OutMsgs - before; sent != 0 {
			w.T.Errorf("%d messages were sent", sent)
		}
	})
}

// The longest name that is allowed is one that servers take.
func TestTheLongestName(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, longest := w.T.Context(), 0
		for n := 2000; n < 4000; n++ {
			if _, err := w.store.GetInfo(ctx, strings.Repeat("a", n)); errors.Is(err, objectstore.ErrInvalidObjectName) {
				longest = n - 1
				break
			}
		}
		name := strings.Repeat("a", longest)
		w.put("o", "hello")
		must.Do(w.T, w.store.UpdateMeta(ctx, "o", objectstore.Meta{Name: name}))
		w.reads(name, "hello")
		must.Do(w.T, w.store.Delete(ctx, name))
		if longest < 2500 || longest > 3000 {
			w.T.Errorf("the longest name has %d bytes", longest)
		}
	})
}

func TestArgumentsThatCannotBe(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		for _, bucket := range []string{"", "a.b", "a b", "ü", "*", ">", strings.Repeat("a", 300)} {
			for _, make := range []func(context.Context, jetstream.JetStream, objectstore.Config) (objectstore.Store, error){
				objectstore.Create, objectstore.Update, objectstore.CreateOrUpdate,
			} {
				_, err := make(ctx, w.js, objectstore.Config{Bucket: bucket})
				is(w.T, err, objectstore.ErrInvalidBucketName)
			}
			_, err := objectstore.Open(ctx, w.js, bucket)
			is(w.T, err, objectstore.ErrInvalidBucketName)
			_, err = objectstore.Plan(ctx, w.js, objectstore.Config{Bucket: bucket})
			is(w.T, err, objectstore.ErrInvalidBucketName)
			is(w.T, objectstore.Delete(ctx, w.js, bucket), objectstore.ErrInvalidBucketName)
		}
		_, err := objectstore.Open(ctx, nil, "b")
		is(w.T, err, api.ErrInvalidArg)
		_, err = w.store.AddLink(ctx, "l", nil)
		is(w.T, err, objectstore.ErrObjectRequired)
		_, err = w.store.AddLink(ctx, "l", &objectstore.Info{Bucket: "b"})
		is(w.T, err, objectstore.ErrObjectRequired)
		_, err = w.store.AddLink(ctx, "l", &objectstore.Info{Meta: objectstore.Meta{Name: "o"}})
		is(w.T, err, objectstore.ErrBucketRequired)
		_, err = w.store.AddLink(ctx, "l", &objectstore.Info{Meta: objectstore.Meta{Name: "o"}, Bucket: "a.b"})
		is(w.T, err, objectstore.ErrInvalidBucketName)
		_, err = w.store.AddBucketLink(ctx, "l", nil)
		is(w.T, err, objectstore.ErrBucketRequired)
		_, err = w.store.AddBucketLink(ctx, "l", foreign{w.store})
		is(w.T, err, objectstore.ErrBucketMalformed)
		_, err = w.store.PutWith(ctx, objectstore.Meta{Name: "o", Opts: &objectstore.MetaOptions{Link: &objectstore.Link{Bucket: "b"}}}, nil)
		is(w.T, err, objectstore.ErrLinkNotAllowed)
		_, err = w.store.PutWith(ctx, objectstore.Meta{Name: "o"}, nil, objectstore.ObjectTTL(1))
		is(w.T, err, jetstream.ErrInvalidOption, jetstream.ErrMsgTTLInvalid)
		empty(w.T, w.store)
	})
}

// foreign is a store whose bucket has an impossible name.
type foreign struct{ objectstore.Store }

func (foreign) Bucket() string { return "a.b" }

// A message in place of an info that is not one is detected by every call, and can be replaced.
func TestInfosThatAreNone(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		junk := func() uint64 {
			return must.Get(w.js.Publish(ctx, metaSubject("junk"), []byte("}"), jetstream.WithRollup(jetstream.MsgRollupSubject)))(w.T).Sequence
		}
		revision := junk()
		for call, err := range map[string]func() error{
			"GetInfo":    func() error { _, err := w.store.GetInfo(ctx, "junk"); return err },
			"Get":        func() error { _, err := w.store.Get(ctx, "junk"); return err },
			"Delete":     func() error { return w.store.Delete(ctx, "junk") },
			"UpdateMeta": func() error { return w.store.UpdateMeta(ctx, "junk", objectstore.Meta{Name: "junk"}) },
			"rename":     func() error { return w.store.UpdateMeta(ctx, "junk", objectstore.Meta{Name: "other"}) },
		} {
			bad, ok := errors.AsType[*objectstore.ObjectError](err())
			if !ok || bad.Revision != revision || bad.Name != "junk" || !errors.Is(bad, objectstore.ErrBadObjectMeta) {
				w.T.Errorf("%s: %v", call, bad)
			}
		}
		_, err := w.store.GetInfo(ctx, "junk")
		if _, ok := errors.AsType[*json.SyntaxError](err); !ok {
			w.T.Errorf("the error is %v", err)
		}
		_, err = w.store.AddBucketLink(ctx, "junk", w.store)
		is(w.T, err, objectstore.ErrObjectAlreadyExists)
		_, err = w.store.PutWith(ctx, objectstore.Meta{Name: "junk"}, nil, objectstore.CreateOnly())
		is(w.T, err, objectstore.ErrObjectAlreadyExists)
		must.Get(w.store.PutString(ctx, "junk", "hello"))(w.T)
		w.reads("junk", "hello")
	})
}

// Deleted says when; the special kind is the general one, too.
func TestDeletedIsNotFound(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		w.put("o", "hello")
		must.Do(w.T, w.store.Delete(ctx, "o"))
		marker := must.Get(w.store.GetInfo(ctx, "o", objectstore.GetObjectInfoShowDeleted()))(w.T)
		_, getInfo := w.store.GetInfo(ctx, "o")
		_, get := w.store.Get(ctx, "o")
		for call, err := range map[string]error{"GetInfo": getInfo, "Get": get, "UpdateMeta": w.store.UpdateMeta(ctx, "o", objectstore.Meta{Name: "o"})} {
			is(w.T, err, objectstore.ErrObjectDeleted, objectstore.ErrObjectNotFound, jetstream.ErrNotFound)
			if gone, ok := errors.AsType[*objectstore.ObjectError](err); !ok || !gone.DeletedAt.Equal(marker.ModTime) {
				w.T.Errorf("%s: deleted at %v, want %v", call, gone, marker.ModTime)
			}
		}
		_, err := w.store.GetInfo(ctx, "never")
		is(w.T, err, objectstore.ErrObjectNotFound, jetstream.ErrMsgNotFound)
		isNot(w.T, err, objectstore.ErrObjectDeleted)
		is(w.T, w.store.Delete(ctx, "never"), objectstore.ErrObjectNotFound)
		is(w.T, w.store.UpdateMeta(ctx, "never", objectstore.Meta{Name: "never"}), objectstore.ErrUpdateMetaDeleted, objectstore.ErrObjectNotFound)
	})
}

// A bucket that is gone is not reported as a lost object.
func TestCallsAboutABucketThatIsGone(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		must.Do(w.T, objectstore.Delete(ctx, w.js, "b"))
		for call, err := range w.calls(ctx, "o2") {
			if err == nil || errors.Is(err, objectstore.ErrObjectNotFound) {
				w.T.Errorf("%s: %v", call, err)
			}
			is(w.T, fmt.Errorf("%s: %w", call, err), objectstore.ErrBucketNotFound)
		}
		_, err := w.store.PutBytes(ctx, "o2", pattern(300))
		is(w.T, err, objectstore.ErrBucketNotFound)
		synctest.Wait()
		for n := range w.js.Conn().Tree().All() {
			if strings.HasPrefix(n.Name, "sweeper-") {
				w.T.Errorf("somebody removes chunks from it: %v", n)
			}
		}
	})
}
