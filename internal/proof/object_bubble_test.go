package proof_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	stranger "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// objects is an object store in a bubble, and a client of it.
type objects struct {
	b     *faults.Env
	js    jetstream.JetStream
	store objectstore.Store
}

// objectChunk is the size of chunks, and objectName what there is in the bucket.
const (
	objectChunk = 100
	objectName  = "o"
)

// withObjects runs f in a bubble with a bucket.
func withObjects(t *testing.T, f func(o *objects)) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		o := &objects{b: b, js: must.Get(jetstream.New(enter(b, "client")))(b.T)}
		o.store = must.Get(objectstore.Create(b.T.Context(), o.js, objectstore.Config{Bucket: "B"}))(b.T)
		f(o)
	})
}

// contents are n bytes that tell what they are of.
func contents(what string, n int) []byte {
	return bytes.Repeat([]byte(what+"|"), n/len(what)+1)[:n]
}

func chunked(name string) objectstore.Meta {
	return objectstore.Meta{Name: name, Opts: &objectstore.MetaOptions{ChunkSize: objectChunk}}
}

// chunks returns the messages of the chunks in the bucket.
func (o *objects) chunks() (all []*jetstream.RawStreamMsg) {
	t := o.b.T
	t.Helper()
	messages := must.Get(jetstream.GetBatch(t.Context(), o.js, "OBJ_B", 0, jetstream.GetBatchSubject("$O.B.C.>")))(t)
	for m, err := range messages {
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		all = append(all, must.Get(m, err)(t))
	}
	return all
}

// is checks that the object has these bytes, also for another client library, and that there are
// no other chunks.
func (o *objects) is(when string, want []byte) {
	t := o.b.T
	t.Helper()
	nc := must.Get(nats.Connect(o.b.URL("s1"), nats.SetCustomDialer(o.b.Dialer("witness")), nats.NoReconnect()))(t)
	defer nc.Close()
	theirs := must.Get(must.Get(stranger.New(nc))(t).ObjectStore(t.Context(), "B"))(t)
	if got := must.Get(theirs.GetBytes(t.Context(), objectName))(t); !bytes.Equal(got, want) {
		t.Errorf("%s: they get %d bytes, want %d", when, len(got), len(want))
	}
	if got := must.Get(o.store.GetBytes(t.Context(), objectName))(t); !bytes.Equal(got, want) {
		t.Errorf("%s: we get %d bytes, want %d", when, len(got), len(want))
	}
	if got, want := len(o.chunks()), (len(want)+objectChunk-1)/objectChunk; got != want {
		t.Errorf("%s: there are %d chunks, want %d", when, got, want)
	}
}

// TestJ14WrongChunks harms each chunk of an object in turn: it is missing, comes twice, is another one, or is
// behind its place. The read ends with the error of a wrong digest, whether pages come one by one or not.
func TestJ14WrongChunks(t *testing.T) {
	data := contents("whatever", wrongChunks*objectChunk-7)
	withObjects(t, func(o *objects) {
		for name, harm := range map[string]func(all [][]byte, k int) [][]byte{
			"missing": func(all [][]byte, k int) [][]byte { return slices.Delete(all, k, k+1) },
			"twice":   func(all [][]byte, k int) [][]byte { return slices.Insert(all, k, all[k]) },
			"empty":   func(all [][]byte, k int) [][]byte { all[k] = nil; return all },
			"another": func(all [][]byte, k int) [][]byte { all[k][len(all[k])/2] ^= 1; return all },
			"the next": func(all [][]byte, k int) [][]byte {
				next := (k + 1) % wrongChunks
				all[k], all[next] = all[next], all[k]
				return all
			},
			"longer": func(all [][]byte, k int) [][]byte { all[k] = append(all[k], 'x'); return all },
		} {
			for k := range wrongChunks {
				o.harm(data, func(all [][]byte) [][]byte { return harm(all, k) })
				o.isWrong(fmt.Sprintf("chunk %d %s", k, name))
			}
		}
	})
}

// isWrong checks that a read finds what is wrong with the object.
func (o *objects) isWrong(how string) {
	o.b.T.Helper()
	for _, parallel := range []int{1, 3} {
		got, err := o.store.GetBytes(o.b.T.Context(), objectName, objectstore.GetObjectParallel(parallel))
		if !errors.Is(err, objectstore.ErrDigestMismatch) {
			o.b.T.Errorf("%s: %d bytes, %v", how, len(got), err)
		}
	}
}

// wrongChunks is how many chunks there are of what is harmed.
const wrongChunks = 12

// harm puts an object, and stores other chunks in the place of its own.
func (o *objects) harm(data []byte, other func(all [][]byte) [][]byte) {
	t, ctx := o.b.T, o.b.T.Context()
	t.Helper()
	info := must.Get(o.store.Put(ctx, chunked(objectName), bytes.NewReader(data)))(t)
	must.Do(t, must.Get(o.js.Stream(ctx, "OBJ_B"))(t).Purge(ctx, jetstream.WithPurgeSubject("$O.B.C.*")))
	var all [][]byte
	for chunk := range slices.Chunk(bytes.Clone(data), objectChunk) {
		all = append(all, slices.Clip(chunk))
	}
	for _, chunk := range other(all) {
		must.Get(o.js.Publish(ctx, "$O.B.C."+info.NUID, chunk))(t)
	}
}

// TestJ14PutCut ends a put before each chunk in turn, in many ways. The object is what it was before, for everybody,
// and as soon as there is a server no chunk is left of what was not stored.
func TestJ14PutCut(t *testing.T) {
	broken := errors.New("the source is broken")
	before, data := contents("before", 250), contents("behind", 10*objectChunk)
	for name, cut := range map[string]func(o *objects, cancel context.CancelFunc) (mend func(), err error){
		"the source fails": func(*objects, context.CancelFunc) (func(), error) { return func() {}, broken },
		"the context ends": func(_ *objects, cancel context.CancelFunc) (func(), error) { cancel(); return func() {}, nil },
		"the server is killed": func(o *objects, _ context.CancelFunc) (func(), error) {
			o.b.Server.Kill()
			return func() { must.Do(o.b.T, o.b.Server.Restart()) }, nil
		},
		"nothing is stored any more": func(o *objects, _ context.CancelFunc) (func(), error) {
			return must.Get(o.b.Link("client", "s1").Inject(`when op(HPUB) subject("$O.>") drop`))(o.b.T).Lift, nil
		},
		"the line hangs": func(o *objects, _ context.CancelFunc) (func(), error) {
			hole := must.Get(o.b.Link("client", "s1").Inject("blackhole"))(o.b.T)
			return func() {
				hole.Lift()
				time.Sleep(2 * time.Minute) // what comes of an old line so late is the scavenger's
				must.Get(objectstore.Scavenge(o.b.T.Context(), o.store, time.Minute))(o.b.T)
			}, nil
		},
	} {
		withObjects(t, func(o *objects) {
			must.Get(o.store.Put(o.b.T.Context(), chunked(objectName), bytes.NewReader(before)))(o.b.T)
			for k := 0; k <= len(data); k += objectChunk {
				ctx, cancel := context.WithTimeout(o.b.T.Context(), 20*time.Second)
				mend := func() {}
				_, err := o.store.PutWith(ctx, chunked(objectName), interrupted(data, k, func() (err error) {
					mend, err = cut(o, cancel)
					return err
				}), objectstore.PutWindow(2*objectChunk))
				if err == nil || api.CategoryOf(err) == api.CategoryNone && !errors.Is(err, broken) {
					o.b.T.Errorf("%s before byte %d: %v", name, k, err)
				}
				cancel()
				mend()
				time.Sleep(2 * time.Minute)
				want := before
				if info := must.Get(o.store.GetInfo(o.b.T.Context(), objectName))(o.b.T); info.Size != uint64(len(before)) && k == len(data) && api.MaybeSent(err) {
					want = data // what it is was on its way, and nothing comes behind it
				}
				o.is(fmt.Sprintf("%s before byte %d", name, k), want)
			}
		})
	}
}

// TestJ14PutAndGetGoOn has something happen before each chunk of a put and of a get. Both end well, and no chunk is stored
// twice.
func TestJ14PutAndGetGoOn(t *testing.T) {
	data := contents("all of it", 10*objectChunk-1)
	for name, happen := range map[string]func(o *objects){
		"the server is killed": func(o *objects) {
			o.b.Server.Kill()
			must.Do(o.b.T, o.b.Server.Restart())
		},
		"the link is lost": func(o *objects) { must.Get(o.b.Link("client", "s1").Inject("reset"))(o.b.T) },
		"the line hangs":   func(o *objects) { o.b.Inject("for 10s link(client,s1) blackhole") },
		"all is lost": func(o *objects) {
			o.b.Inject("for 1s when op(MSG) link(client,s1) drop\nfor 1s when op(HMSG) link(client,s1) drop\nfor 1s when op(HPUB) link(client,s1) drop")
		},
	} {
		withObjects(t, func(o *objects) {
			ctx := o.b.T.Context()
			for k := 0; k <= len(data); k += objectChunk {
				now := func() error { happen(o); return nil }
				must.Get(o.store.PutWith(ctx, chunked(objectName), interrupted(data, k, now), objectstore.PutWindow(3*objectChunk)))(o.b.T)
				time.Sleep(time.Minute)
				o.is(fmt.Sprintf("%s before byte %d", name, k), data)
				r := must.Get(o.store.Get(ctx, objectName))(o.b.T)
				got := must.Get(io.ReadAll(io.LimitReader(r, int64(k))))(o.b.T)
				happen(o)
				got = append(got, must.Get(io.ReadAll(r))(o.b.T)...)
				if !bytes.Equal(got, data) {
					o.b.T.Errorf("%s before byte %d: %d bytes are read", name, k, len(got))
				}
				must.Do(o.b.T, r.Close())
				time.Sleep(time.Minute)
			}
		})
	}
}

// interrupted calls f once before the byte at an offset is read.
func interrupted(data []byte, offset int, f func() error) io.Reader {
	return io.MultiReader(bytes.NewReader(data[:offset]), reader(func([]byte) (int, error) {
		if err := f(); err != nil {
			return 0, err
		}
		return 0, io.EOF
	}), bytes.NewReader(data[offset:]))
}

// reader is an io.Reader.
type reader func(p []byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

// TestJ14APlanForEachSeed plays a plan for each seed on an object store, with two clients that
// put, read and delete the same few objects, and judges what is there when the plan is over. An
// object is as its last put has left it, by the revisions; what is read is always one of what
// was put; and no chunk belongs to no object.
func TestJ14APlanForEachSeed(t *testing.T) {
	const length = time.Minute
	puts, gets := 0, 0
	for seed := *firstSeed; seed < *firstSeed+uint64(sized(1000, 8, 4)); seed++ {
		faults.Bubble(t, func(b *faults.Env) {
			s := &stores{t: b.T, put: map[string]map[string]bool{}, acked: map[string]*objectstore.Info{}, deleted: map[string]bool{}}
			s.play(b, seed, length)
			puts, gets = puts+s.puts, gets+s.gets
		}, faults.Seed(seed))
		if t.Failed() {
			return
		}
	}
	t.Logf("%d puts and %d gets", puts, gets)
}

// stores is what clients have done to a bucket.
type stores struct {
	t *testing.T

	mu         sync.Mutex
	put        map[string]map[string]bool   // digests of what was to be put, by name
	acked      map[string]*objectstore.Info // the newest of those that were put
	deleted    map[string]bool              // or may have been
	puts, gets int
	cut        bool     // a delete was
	failed     []string // what was done in vain
}

// note says that something has failed. The lock is held.
func (s *stores) note(what, name string, err error) {
	s.failed = append(s.failed, fmt.Sprintf("%s %s %s: %v", time.Now().Format("05.000"), what, name, err))
}

// play has clients work for a while with the plan of a seed, and judges what is there then.
func (s *stores) play(b *faults.Env, seed uint64, length time.Duration) {
	admin := must.Get(jetstream.New(enter(b, "admin")))(b.T)
	must.Get(objectstore.Create(b.T.Context(), admin, objectstore.Config{Bucket: "B"}))(b.T)
	stopped := make(chan struct{})
	var working sync.WaitGroup
	for i, name := range []string{"client1", "client2"} {
		store := must.Get(objectstore.Open(b.T.Context(), must.Get(jetstream.New(enter(b, name)))(b.T), "B"))(b.T)
		working.Go(func() { s.work(store, rand.New(rand.NewPCG(seed, uint64(i))), stopped) })
	}
	known := b.Stage.Known()
	p := plan.Random(seed, plan.Space{Links: []plan.Target{plan.Link("client1", "s1"), plan.Link("client2", "s1")},
		Servers: known.Servers, Actors: known.Actors, Length: length, Kinds: lossy()})
	p.Rules = slices.DeleteFunc(p.Rules, unfair)
	run := must.Get(b.Play(p))(b.T)
	time.Sleep(length)
	run.Stop()
	must.Do(b.T, run.Err())
	close(stopped)
	working.Wait()
	time.Sleep(10 * time.Minute) // chunks of nobody are removed
	s.judge(&objects{b: b, js: admin, store: must.Get(objectstore.Open(b.T.Context(), admin, "B"))(b.T)})
	if b.T.Failed() {
		b.T.Logf("seed %d: %s, with the plan\n%s", seed, strings.Join(s.failed, "\n"), p)
	}
}

// work does one thing after the other.
func (s *stores) work(store objectstore.Store, r *rand.Rand, stopped <-chan struct{}) {
	for {
		select {
		case <-stopped:
			return
		case <-time.After(time.Duration(1+r.IntN(200)) * time.Millisecond):
		}
		name := fmt.Sprint("o", r.IntN(3))
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+r.IntN(20))*time.Second)
		switch r.IntN(8) {
		case 0, 1, 2, 3:
			s.putOne(ctx, store, name, contents(fmt.Sprint(name, "-", r.Uint64()), r.IntN(20*objectChunk)))
		case 4:
			s.mu.Lock()
			s.deleted[name] = true
			s.mu.Unlock()
			if err := store.Delete(ctx, name); err != nil && !errors.Is(err, objectstore.ErrObjectNotFound) {
				s.mu.Lock()
				s.cut = true
				s.note("delete", name, err)
				s.mu.Unlock()
			}
		default:
			s.getOne(ctx, store, name)
		}
		cancel()
	}
}

func digestOf(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

func (s *stores) putOne(ctx context.Context, store objectstore.Store, name string, data []byte) {
	s.mu.Lock()
	if s.put[name] == nil {
		s.put[name] = map[string]bool{}
	}
	s.put[name][digestOf(data)] = true
	s.mu.Unlock()
	info, err := store.PutWith(ctx, chunked(name), bytes.NewReader(data), objectstore.PutWindow(5*objectChunk))
	s.mu.Lock()
	defer s.mu.Unlock()
	switch before := s.acked[name]; {
	case err != nil && api.CategoryOf(err) == api.CategoryNone:
		s.t.Errorf("the error of a put is not typed: %v", err)
	case err != nil:
		s.note(fmt.Sprint("put of ", (len(data)+objectChunk-1)/objectChunk, " chunks"), name, err)
	case before == nil || before.Revision < info.Revision:
		s.acked[name] = info
		s.puts++
	default:
		s.puts++
	}
}

func (s *stores) getOne(ctx context.Context, store objectstore.Store, name string) {
	got, err := store.GetBytes(ctx, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(err, objectstore.ErrDigestMismatch):
		s.t.Errorf("a digest is wrong: %v", err)
	case err != nil && api.CategoryOf(err) == api.CategoryNone:
		s.t.Errorf("the error of a get is not typed: %v", err)
	case err == nil && !s.put[name][digestOf(got)]:
		s.t.Errorf("%d bytes of %s were read that nobody has put", len(got), name)
	case err == nil:
		s.gets++
	}
}

// judge compares what is there with what was put.
func (s *stores) judge(o *objects) {
	chunks := 0
	for name := range s.put {
		info, err := o.store.GetInfo(o.b.T.Context(), name)
		acked := s.acked[name]
		switch {
		case errors.Is(err, objectstore.ErrObjectNotFound):
			if acked != nil && !s.deleted[name] {
				o.b.T.Errorf("%s is gone", name)
			}
			continue
		case err != nil:
			o.b.T.Error(err)
			continue
		case acked != nil && info.Revision < acked.Revision, acked != nil && info.Revision == acked.Revision && info.Digest != acked.Digest:
			o.b.T.Errorf("%s is %+v, and was %+v", name, info, acked)
		}
		chunks += int(info.Chunks)
		if got := must.Get(o.store.GetBytes(o.b.T.Context(), name))(o.b.T); !s.put[name][digestOf(got)] {
			o.b.T.Errorf("%s has %d bytes that nobody has put", name, len(got))
		}
	}
	if s.cut { // a delete leaves chunks to the scavenger
		must.Get(objectstore.Scavenge(o.b.T.Context(), o.store, time.Minute))(o.b.T)
	}
	if got := len(o.chunks()); got != chunks {
		o.b.T.Errorf("there are %d chunks, of which %d are of the objects", got, chunks)
	}
}
