package proof_test

import (
	"crypto/sha256"
	"hash"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/proxy"
	"github.com/troupe-go/troupe/faults/wire"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// linkCuts is how often a transfer loses its link.
const linkCuts = 3

// TestJ14ALargeObject puts an object of 2 GiB into a cluster of which each member has a copy, and reads it, both
// through three cuts of the connection. It is the object that was put, by its digest. Neither
// begins anew: no chunk was stored twice but those that were on their way, and no more bytes came.
func TestJ14ALargeObject(t *testing.T) {
	const mib = 1 << 20
	size := int64(sized(2048, 32, 32)) * mib
	chunk := uint32(min(128<<10, size/64))
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	p := proxy.Run(t, c.Members()[0].URL(), proxy.Options{Advertise: func(string) string { return "" }})
	nc := must.Get(api.Connect(p.URL(), api.NeverGiveUp(), api.Timeout(late), api.ReconnectWait(100*time.Millisecond), system()))(t)
	t.Cleanup(nc.Close)
	js := must.Get(jetstream.New(nc, jetstream.WithDefaultTimeout(30*time.Second)))(t)
	ctx := must.Within(t, 30*time.Minute)
	store := must.Get(objectstore.Create(ctx, js, objectstore.Config{Bucket: "B", Replicas: 3}))(t)

	const window = 2 * mib
	began, cut := time.Now(), cutter{t: t, p: p, size: uint64(size), rule: "when op(HPUB) index(3) reset"}
	source := &noise{left: size, source: rand.NewChaCha8([32]byte{7}), sum: sha256.New()}
	meta := objectstore.Meta{Name: "large", Opts: &objectstore.MetaOptions{ChunkSize: chunk}}
	info := must.Get(store.PutWith(ctx, meta, source, objectstore.PutWindow(window), objectstore.PutProgress(cut.at)))(t)
	put := time.Since(began)
	want := objectstore.GetObjectDigestValue(source.sum)
	if info.Digest != want || info.Size != uint64(size) || int64(info.Chunks) != size/int64(chunk) {
		t.Errorf("it was put as %+v, want %d bytes with digest %s", info, size, want)
	}
	state := must.Get(must.Get(js.Stream(ctx, "OBJ_B"))(t).Info(ctx))(t).State
	again := int64(state.LastSeq) - int64(info.Chunks) - 1
	if state.Msgs != uint64(info.Chunks)+1 || again < 0 || again > linkCuts*(window/int64(chunk)+1) {
		t.Errorf("the bucket has %d messages, and had %d, of an object with %d chunks", state.Msgs, state.LastSeq, info.Chunks)
	}
	cut.judge("put", linkCuts)

	before, getCut := p.Link().Stats().In.Read, cutter{t: t, p: p, size: uint64(size), rule: "when op(HMSG) index(3) reset"}
	began = time.Now()
	r := must.Get(store.Get(ctx, "large", objectstore.GetObjectProgress(getCut.at)))(t)
	sum := sha256.New()
	n := must.Get(io.Copy(sum, r))(t)
	must.Do(t, r.Close())
	get := time.Since(began)
	if got := objectstore.GetObjectDigestValue(sum); got != want || n != size {
		t.Errorf("%d bytes with digest %s are read, want %d with %s", n, got, size, want)
	}
	came := p.Link().Stats().In.Read - before
	if most := size + size/20 + (linkCuts+1)*16*mib; came > most {
		t.Errorf("%d bytes came to read %d", came, size)
	}
	getCut.judge("get", 0) // whoever reads pages of chunks goes on by himself
	t.Logf("%d MiB in chunks of %d KiB, %d copies, %d cuts each: put in %v, %d of %d chunks sent again; got in %v, %d KiB came",
		size/mib, chunk>>10, len(c.Members()), linkCuts, put.Round(time.Millisecond), again, info.Chunks, get.Round(time.Millisecond), came>>10)
}

// cutter cuts the connection of a transfer after each quarter of it, with the third chunk that
// passes then.
type cutter struct {
	t       *testing.T
	p       *proxy.Proxy
	size    uint64
	rule    string
	done    []*wire.Injection
	resumed uint64
	bytes   uint64
}

// at gets the progress.
func (c *cutter) at(p objectstore.Progress) {
	if p.Bytes < c.bytes {
		c.t.Errorf("%d bytes after %d: it has begun anew", p.Bytes, c.bytes)
	}
	c.bytes, c.resumed = p.Bytes, p.Resumed
	if n := uint64(len(c.done)) + 1; n <= linkCuts && p.Bytes >= c.size/(linkCuts+1)*n {
		c.done = append(c.done, must.Get(c.p.Inject(c.rule))(c.t))
	}
}

// judge checks that it was cut, and continued, and that at least that many interruptions were
// reported.
func (c *cutter) judge(what string, resumed uint64) {
	c.t.Helper()
	for i, cut := range c.done {
		if cut.Hits() != 1 {
			c.t.Errorf("%s: cut %d was made %d times", what, i+1, cut.Hits())
		}
	}
	if len(c.done) != linkCuts || c.resumed < resumed || c.bytes != c.size {
		c.t.Errorf("%s: %d cuts, taken up again %d times, %d of %d bytes", what, len(c.done), c.resumed, c.bytes, c.size)
	}
}

// noise is a source of so many bytes, of which it makes the digest.
type noise struct {
	left   int64
	source *rand.ChaCha8
	sum    hash.Hash
}

func (s *noise) Read(p []byte) (n int, err error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), s.left)]
	n, err = s.source.Read(p)
	s.left -= int64(n)
	_, _ = s.sum.Write(p[:n]) // a digest never fails
	return n, err
}
