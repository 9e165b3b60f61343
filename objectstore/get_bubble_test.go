package objectstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// putSmall stores an object with small chunks.
func (w *world) putSmall(name string, data []byte) *objectstore.Info {
	w.T.Helper()
	return must.Get(w.store.Put(w.T.Context(), small(name), bytes.NewReader(data)))(w.T)
}

// TestGetOutlivesItsLinks: the link is cut while each chunk in turn is waited for. The object is
// read whole.
func TestGetOutlivesItsLinks(t *testing.T) {
	inBubble(t, func(w *world) {
		data := pattern(60*smallChunk + 7)
		w.putSmall("x", data)
		for _, opts := range [][]objectstore.GetObjectOpt{nil, {objectstore.GetObjectParallel(3)}} {
			for cut := 0; cut < len(data); cut += 7 * smallChunk {
				r := must.Get(w.store.Get(w.T.Context(), "x", opts...))(w.T)
				got := must.Get(io.ReadAll(io.LimitReader(r, int64(cut))))(w.T)
				up := w.down()
				time.AfterFunc(time.Minute, up)
				got = append(got, must.Get(io.ReadAll(r))(w.T)...)
				if !bytes.Equal(got, data) {
					w.T.Errorf("cut at %d: %d bytes", cut, len(got))
				}
				must.Do(w.T, errors.Join(r.Error(), r.Close()))
				time.Sleep(2 * time.Minute)
			}
		}
	})
}

// TestGetGoesOnFromChunkToChunk: the link is cut again and again while a page is on its way.
func TestGetGoesOnFromChunkToChunk(t *testing.T) {
	inBubble(t, func(w *world) {
		data := pattern(100 * smallChunk)
		w.putSmall("x", data)
		for after := 1000; after < 20_000; after += 970 {
			fault := must.Get(w.Link("c", "s1").Inject(fmt.Sprintf("when bytes(%d) reset(in)", after)))(w.T)
			go func() {
				_ = fault.Wait(w.T.Context(), 1)
				fault.Lift()
			}()
			got := must.Get(w.store.GetBytes(w.T.Context(), "x"))(w.T)
			if !bytes.Equal(got, data) {
				w.T.Errorf("cut after %d: %d bytes", after, len(got))
			}
		}
	})
}

// TestGetFindsWhatIsWrong: chunks that are missing, doubled or changed, and infos that say
// something else, are an error of Read at the latest at the end.
func TestGetFindsWhatIsWrong(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		data := pattern(20 * smallChunk)
		stream := must.Get(w.js.Stream(ctx, "OBJ_b"))(w.T)
		publish := func(info *objectstore.Info, data []byte, opts ...jetstream.PublishOpt) {
			must.Get(w.js.Publish(ctx, "$O.b.C."+info.NUID, data, opts...))(w.T)
		}
		for name, harm := range map[string]func(info *objectstore.Info){
			"the first chunk is missing": func(*objectstore.Info) { must.Do(w.T, stream.DeleteMsg(ctx, w.stored()[0].Sequence)) },
			"a chunk is missing":         func(*objectstore.Info) { must.Do(w.T, stream.DeleteMsg(ctx, w.stored()[11].Sequence)) },
			"the last chunk is missing":  func(*objectstore.Info) { must.Do(w.T, stream.DeleteMsg(ctx, w.stored()[19].Sequence)) },
			"the last chunk comes twice": func(info *objectstore.Info) { publish(info, data[19*smallChunk:]) },
			"something is behind it":     func(info *objectstore.Info) { publish(info, nil) },
			"the order is another one": func(info *objectstore.Info) {
				must.Do(w.T, stream.DeleteMsg(ctx, w.stored()[18].Sequence))
				publish(info, data[18*smallChunk:19*smallChunk], jetstream.WithMsgID(info.NUID+"-19-1"))
			},
			"another chunk": func(info *objectstore.Info) {
				must.Do(w.T, stream.DeleteMsg(ctx, w.stored()[19].Sequence))
				publish(info, data[:smallChunk])
			},
			"a longer chunk": func(info *objectstore.Info) {
				must.Do(w.T, stream.DeleteMsg(ctx, w.stored()[19].Sequence))
				publish(info, make([]byte, smallChunk+1))
			},
			"a shorter chunk": func(info *objectstore.Info) {
				must.Do(w.T, stream.DeleteMsg(ctx, w.stored()[19].Sequence))
				publish(info, data[:smallChunk-1])
			},
			"another digest": func(info *objectstore.Info) {
				info.Digest = objectstore.GetObjectDigestValue(sha256.New())
				w.say(info)
			},
			"another size":       func(info *objectstore.Info) { info.Size++; w.say(info) },
			"a huge size":        func(info *objectstore.Info) { info.Size = 1 << 63; w.say(info) },
			"billions of chunks": func(info *objectstore.Info) { info.Size, info.Chunks = math.MaxUint64, math.MaxUint32; w.say(info) },
			"fewer chunks":       func(info *objectstore.Info) { info.Chunks--; w.say(info) },
			"a smaller size":     func(info *objectstore.Info) { info.Size--; w.say(info) },
			"a monstrous chunk":  func(info *objectstore.Info) { info.Size, info.Opts.ChunkSize = 1<<40, math.MaxUint32; w.say(info) },
			"chunks of no size":  func(info *objectstore.Info) { info.Size, info.Opts = 1<<40, nil; w.say(info) },
		} {
			for _, opts := range [][]objectstore.GetObjectOpt{nil, {objectstore.GetObjectParallel(2)}} {
				info := w.putSmall("x", data)
				harm(info)
				began := time.Now()
				got, err := w.store.GetBytes(ctx, "x", opts...)
				var wrong *objectstore.DigestMismatchError
				if !errors.As(err, &wrong) || wrong.Bucket != "b" || wrong.Name != "x" || wrong.Algorithm != "SHA-256" || wrong.Expected != info.Digest {
					w.T.Errorf("%s: %d bytes, %#v", name, len(got), err)
				}
				is(w.T, err, objectstore.ErrDigestMismatch, objectstore.ErrObjectStore)
				if waited := time.Since(began); waited > time.Second {
					w.T.Errorf("%s: it has taken %v to see that", name, waited)
				}
				must.Do(w.T, w.store.Delete(ctx, "x"))
			}
		}
	})
}

// say has the bucket say something else of an object.
func (w *world) say(info *objectstore.Info) {
	w.T.Helper()
	m := &api.Msg{Subject: metaSubject(info.Name), Data: must.Get(json.Marshal(info))(w.T)}
	must.Get(w.js.PublishMsg(w.T.Context(), m, jetstream.WithRollup(jetstream.MsgRollupSubject)))(w.T)
}

// TestGetSaysThatTheObjectChanged: one that is replaced or deleted while it is read ends the
// read, with an error that says so.
func TestGetSaysThatTheObjectChanged(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		for _, change := range []func(){
			func() { w.putSmall("x", pattern(50)) },
			func() { must.Do(w.T, w.store.Delete(ctx, "x")) },
		} {
			must.Get(w.store.PutBytes(ctx, "x", pattern(20<<20)))(w.T)
			r := must.Get(w.store.Get(ctx, "x", objectstore.GetObjectProgress(func(objectstore.Progress) {
				if change != nil {
					change()
					change = nil
				}
			})))(w.T)
			_, err := io.Copy(io.Discard, r)
			is(w.T, err, objectstore.ErrObjectChanged)
			is(w.T, r.Error(), objectstore.ErrObjectChanged)
			_, err = r.Read(make([]byte, 1))
			is(w.T, err, objectstore.ErrObjectChanged)
			must.Do(w.T, r.Close())
		}
	})
}

// TestGetEnds: with its context, with Close, and with the connection; nothing is left.
func TestGetEnds(t *testing.T) {
	inBubble(t, func(w *world) {
		broken := errors.New("broken")
		data := pattern(50_000 * smallChunk)
		must.Get(w.store.PutBytes(w.T.Context(), "x", data))(w.T)
		for _, c := range []struct {
			end  func(r objectstore.Result, cancel context.CancelCauseFunc)
			want error
		}{
			{func(_ objectstore.Result, cancel context.CancelCauseFunc) { cancel(broken) }, broken},
			{func(_ objectstore.Result, cancel context.CancelCauseFunc) { cancel(nil) }, context.Canceled},
			{func(r objectstore.Result, _ context.CancelCauseFunc) { must.Do(w.T, r.Close()) }, os.ErrClosed},
		} {
			ctx, cancel := context.WithCancelCause(w.T.Context())
			r := must.Get(w.store.Get(ctx, "x"))(w.T)
			must.Get(io.ReadFull(r, make([]byte, 1000)))(w.T)
			c.end(r, cancel)
			synctest.Wait()
			_, err := io.Copy(io.Discard, r)
			is(w.T, err, c.want)
			cancel(nil)
			synctest.Wait()
			if left, found := w.transfer(); found {
				w.T.Errorf("it is left: %v", left)
			}
		}
		r := must.Get(w.store.Get(w.T.Context(), "x"))(w.T)
		must.Get(io.ReadFull(r, make([]byte, 1000)))(w.T)
		w.js.Conn().Close()
		_, err := io.Copy(io.Discard, r)
		if !errors.Is(err, api.ErrConnectionClosed) && !errors.Is(err, api.ErrConnectionDraining) { // it sends what it has, first
			w.T.Error(err)
		}
	})
}

// TestGetWaitsForItsReader: no more is fetched than there is room for, and no time bounds the
// reader.
func TestGetWaitsForItsReader(t *testing.T) {
	inBubble(t, func(w *world) {
		data := pattern(40 << 20)
		must.Get(w.store.PutBytes(w.T.Context(), "x", data))(w.T)
		r := must.Get(w.store.Get(w.T.Context(), "x"))(w.T)
		got := must.Get(io.ReadAll(io.LimitReader(r, 1000)))(w.T)
		time.Sleep(24 * time.Hour)
		node, found := w.transfer()
		if fetched, _ := node.Counter("bytes"); !found || node.State != "fetching" || fetched > 6<<20 {
			w.T.Errorf("%v: %d bytes were fetched", node.State, fetched)
		}
		got = append(got, must.Get(io.ReadAll(r))(w.T)...)
		if !bytes.Equal(got, data) {
			w.T.Errorf("%d bytes", len(got))
		}
	})
}

// TestGetAsksAhead: an object in one piece comes without a message twice. What others have
// published in between costs a page at most.
func TestGetAsksAhead(t *testing.T) {
	inBubble(t, func(w *world) {
		const chunks = 300
		data := pattern(chunks * smallChunk)
		w.putSmall("ours", data)
		w.putOdd("odd", data, smallChunk)
		for name, twice := range map[string]uint64{"ours": 0, "odd": 8} {
			r := must.Get(w.store.Get(w.T.Context(), name))(w.T)
			in := w.js.Conn().Stats().InMsgs
			if got := must.Get(io.ReadAll(r))(w.T); !bytes.Equal(got, data) {
				w.T.Errorf("%s: %d bytes", name, len(got))
			}
			const pages = 12 // of 8 chunks and more, each with a message at its end
			if got := w.js.Conn().Stats().InMsgs - in; got > chunks+pages+twice {
				w.T.Errorf("%s: %d messages for %d chunks", name, got, chunks)
			}
			must.Do(w.T, r.Close())
		}
	})
}

// TestGetBytesAreTheCallers: what was read is not written to by what is read later.
func TestGetBytesAreTheCallers(t *testing.T) {
	inBubble(t, func(w *world) {
		var all [][]byte
		for i := range 3 {
			name := fmt.Sprint(i)
			w.putSmall(name, bytes.Repeat([]byte(name), smallChunk))
			all = append(all, must.Get(w.store.GetBytes(w.T.Context(), name))(w.T))
			r := must.Get(w.store.Get(w.T.Context(), name))(w.T)
			must.Get(io.Copy(io.Discard, r))(w.T)
		}
		for i, data := range all {
			if !bytes.Equal(data, bytes.Repeat([]byte(fmt.Sprint(i)), smallChunk)) {
				w.T.Errorf("object %d has become %.20q", i, data)
			}
		}
		w.putSmall("tiny", []byte("abc"))
		if tiny := must.Get(w.store.GetBytes(w.T.Context(), "tiny"))(w.T); string(tiny) != "abc" || cap(tiny) > 64 {
			w.T.Errorf("%q holds %d bytes", tiny, cap(tiny))
		}
	})
}

// TestGetAnywhere: Seek and ReadAt find every byte, in objects of others with chunks of all
// sizes, too.
func TestGetAnywhere(t *testing.T) {
	inBubble(t, func(w *world) {
		data := pattern(37*smallChunk + 13)
		w.putSmall("ours", data)
		w.putOdd("odd", data, 50, 1, 99)
		w.putOdd("uneven", data, 7, 1, smallChunk)
		for _, name := range []string{"ours", "odd", "uneven"} {
			w.anywhere(name, data)
			w.anywhere(name, data, objectstore.GetObjectParallel(3))
		}
	})
}

// anywhere reads an object from many places.
func (w *world) anywhere(name string, data []byte, opts ...objectstore.GetObjectOpt) {
	w.T.Helper()
	r := must.Get(w.store.Get(w.T.Context(), name, opts...))(w.T)
	must.Do(w.T, iotest.TestReader(r, data))
	for off := 0; off < len(data); off += 61 {
		must.Get(r.Seek(int64(off), io.SeekStart))(w.T)
		if got := must.Get(io.ReadAll(r))(w.T); !bytes.Equal(got, data[off:]) {
			w.T.Errorf("%s from %d: %d bytes", name, off, len(got))
		}
	}
	section := must.Get(io.ReadAll(io.NewSectionReader(r, 150, 1000)))(w.T)
	if !bytes.Equal(section, data[150:1150]) {
		w.T.Errorf("%s: %d bytes of a section", name, len(section))
	}
	must.Do(w.T, r.Close())
}

// putOdd stores an object as others may: with chunks of these sizes in turn, without ids, and
// something of somebody else's between them.
func (w *world) putOdd(name string, data []byte, sizes ...int) {
	w.T.Helper()
	info := small(name)
	o := &objectstore.Info{Meta: info, Bucket: "b", NUID: "id-of-" + name, Size: uint64(len(data))}
	sum := sha256.New()
	sum.Write(data)
	o.Digest = objectstore.GetObjectDigestValue(sum)
	for ; len(data) > 0; o.Chunks++ {
		n := min(sizes[int(o.Chunks)%len(sizes)], len(data))
		must.Get(w.js.Publish(w.T.Context(), "$O.b.C."+o.NUID, data[:n]))(w.T)
		must.Get(w.js.Publish(w.T.Context(), "$O.b.C.other", data[:n]))(w.T)
		data = data[n:]
	}
	w.say(o)
}

// TestGetFile: the file is there whole, or as it was before.
func TestGetFile(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		file := filepath.Join(dir, "x")
		data := pattern(12 * smallChunk)
		info := w.putSmall("x", data)
		must.Do(w.T, w.store.GetFile(ctx, "x", file))
		if got := must.Get(os.ReadFile(file))(w.T); !bytes.Equal(got, data) {
			w.T.Errorf("%d bytes", len(got))
		}
		must.Do(w.T, os.Chmod(file, 0o640))
		w.putSmall("x", data[:150])
		must.Do(w.T, w.store.GetFile(ctx, "x", file))
		info.Digest = objectstore.GetObjectDigestValue(sha256.New())
		w.say(info)
		is(w.T, w.store.GetFile(ctx, "x", file), objectstore.ErrDigestMismatch)
		is(w.T, w.store.GetFile(ctx, "y", file), objectstore.ErrObjectNotFound)
		is(w.T, w.store.GetFile(ctx, "x", filepath.Join(dir, "none", "x")), os.ErrNotExist)
		is(w.T, w.store.GetFile(ctx, "x", dir), os.ErrInvalid)
		if got := must.Get(os.ReadFile(file))(w.T); !bytes.Equal(got, data[:150]) {
			w.T.Errorf("%d bytes", len(got))
		}
		if mode := must.Get(os.Stat(file))(w.T).Mode(); mode.Perm() != 0o640 {
			w.T.Error(mode)
		}
		if all := must.Get(os.ReadDir(dir))(w.T); len(all) != 1 {
			w.T.Errorf("left: %v", all)
		}
		must.Get(w.store.PutFile(ctx, file))(w.T)
		if got := must.Get(w.store.GetString(ctx, file))(w.T); got != string(data[:150]) {
			w.T.Errorf("%d bytes", len(got))
		}
	})
}

// TestGetFollowsLinks, into other buckets, and not in circles.
func TestGetFollowsLinks(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.T.Context()
		other := must.Get(objectstore.Create(ctx, w.js, objectstore.Config{Bucket: "c", Storage: jetstream.MemoryStorage}))(w.T)
		info := must.Get(other.PutBytes(ctx, "far", pattern(500)))(w.T)
		must.Get(w.store.AddLink(ctx, "link", info))(w.T)
		must.Get(w.store.AddBucketLink(ctx, "bucket", other))(w.T)
		r := must.Get(w.store.Get(ctx, "link"))(w.T)
		if got := must.Get(io.ReadAll(r))(w.T); !bytes.Equal(got, pattern(500)) || must.Get(r.Info())(w.T).Bucket != "c" {
			w.T.Errorf("%d bytes", len(got))
		}
		_, err := w.store.Get(ctx, "bucket")
		is(w.T, err, objectstore.ErrLinkIsABucket)
		for from, to := range map[string]string{"a": "b", "b": "c", "c": "a"} {
			w.say(&objectstore.Info{Meta: objectstore.Meta{Name: from, Opts: &objectstore.MetaOptions{Link: &objectstore.Link{Bucket: "b", Name: to}}}, Bucket: "b", NUID: "x"})
		}
		_, err = w.store.Get(ctx, "a")
		is(w.T, err, objectstore.ErrLinkCycle)
	})
}
