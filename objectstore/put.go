package objectstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
)

// put.go - stores an object: first its chunks, then its info, which makes it visible.
//
//	reader ──► chunk ──► actor ──► stream          up to a window ahead of the acknowledgements
//	             └─► digest
//	what does it replace? ──► known before the info is stored; with conditions, before the first chunk
//	all chunks are stored ──► info, in place of the one before ──► chunks of the old object are removed
//	anything fails        ──► the new chunks are removed; the object is what it was

// Put implements Putter.
func (s *store) Put(ctx context.Context, meta Meta, r io.Reader) (*Info, error) {
	return s.PutWith(ctx, meta, r)
}

// PutBytes implements Putter.
func (s *store) PutBytes(ctx context.Context, name string, data []byte) (*Info, error) {
	return s.PutWith(ctx, Meta{Name: name}, bytes.NewReader(data))
}

// PutString implements Putter.
func (s *store) PutString(ctx context.Context, name, data string) (*Info, error) {
	return s.PutWith(ctx, Meta{Name: name}, strings.NewReader(data))
}

// PutFile implements Putter.
func (s *store) PutFile(ctx context.Context, file string) (*Info, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return s.PutWith(ctx, Meta{Name: file}, f)
}

// PutWith implements Putter.
func (s *store) PutWith(ctx context.Context, meta Meta, r io.Reader, opts ...PutOpt) (*Info, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	o, err := readPutOptions(opts)
	if err != nil {
		return nil, err
	}
	p := &upload{s: s, o: o, began: time.Now(), digest: sha256.New()}
	if err := p.check(ctx, meta); err != nil {
		return nil, err
	}
	p.source = s.source(r, int(p.info.Opts.ChunkSize))
	defer p.end(ctx) // also when the reader panics
	if p.failed = p.send(ctx); p.failed == nil {
		p.failed = p.commit(ctx)
	}
	if p.failed != nil {
		return nil, s.failed("put", meta.Name, p.failed)
	}
	return p.info, nil
}

// upload is one object on its way into the store.
type upload struct {
	s       *store
	o       putOptions
	began   time.Time
	info    *Info           // as it will be stored
	asking  <-chan struct{} // closed when before and unread are set; nil once they were read
	stop    func()          // stops asking
	before  replaced        // what it replaces
	unread  error           // why before is not known, or must not be replaced
	subject string          // prefix of publishes into the bucket
	source  source
	digest  hash.Hash
	actor   *putting // nil before the first chunk

	doubt  *doubt // whether the info was stored; nil before it is sent
	stored bool   // the info was stored
	failed error  // why it was not
}

// chunkRoom is the size of a chunk's message besides its data, in bytes.
const chunkRoom = 512

// check refuses what cannot be put, before anything is sent.
func (p *upload) check(ctx context.Context, meta Meta) error {
	s, name := p.s, meta.Name
	if err := s.checkName("put", name); err != nil {
		return err
	}
	if meta.link() != nil {
		return s.refused("put", name, ErrLinkNotAllowed, "")
	}
	opts := MetaOptions{}
	if meta.Opts != nil {
		opts = *meta.Opts
	}
	most := s.js.Conn().MaxPayload() - chunkRoom
	switch {
	case opts.ChunkSize == 0:
		opts.ChunkSize = uint32(max(1, min(DefaultChunkSize, most)))
	case int64(opts.ChunkSize) > most:
		return s.failed("put", name, &api.MaxPayloadError{Subject: s.chunksOf(""), Size: int(opts.ChunkSize), Limit: int(most)})
	}
	meta.Opts = &opts
	p.info = &Info{Meta: meta, Bucket: s.bucket, NUID: nuid.Next()}
	bound, cancel := s.bound(ctx)
	defer cancel()
	var err error
	if p.subject, err = s.writePrefix(bound, "put"); err != nil {
		return err
	}
	if p.o.conditional() || !s.js.Conn().IsConnected() { // the answer may end the put
		p.ask(bound)
		return p.known()
	}
	p.ask(ctx)
	return nil
}

// ask begins to ask for the info that is replaced, as patiently as chunks are sent meanwhile.
func (p *upload) ask(ctx context.Context) {
	ctx, p.stop = context.WithCancel(ctx)
	asking := make(chan struct{})
	p.asking = asking
	go func() {
		defer close(asking)
		p.unread = p.s.patiently(ctx, func(ctx context.Context) (err error) {
			p.before, err = p.s.allowed(ctx, standing{"put", p.info.Name, false, p.allows})
			return err
		})
	}()
}

// known waits for the answer to ask, and returns why the info is not known, or must not be
// replaced.
func (p *upload) known() error {
	if p.asking == nil {
		return nil
	}
	<-p.asking
	p.asking = nil
	return p.unread
}

// allows returns an error if the conditions of the put forbid replacing that info.
func (p *upload) allows(now replaced) error {
	if kind := p.o.admits(now); kind != nil {
		return p.s.refused("put", p.info.Name, kind, "")
	}
	return nil
}

// send gets all chunks stored.
func (p *upload) send(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	for {
		data, err := p.source.next()
		if err != nil {
			return err
		}
		if len(data) == 0 {
			break
		}
		if err := p.hand(data); err != nil {
			return err
		}
		if _, err := p.digest.Write(data); err != nil {
			return err
		}
		p.info.Size += uint64(len(data))
		p.info.Chunks++
		if err := p.place(ctx); err != nil {
			return err
		}
	}
	p.info.Digest = GetObjectDigestValue(p.digest)
	if p.actor == nil {
		return nil
	}
	return p.await(ctx)
}

// hand hands a chunk to the actor, which is spawned for the first one.
func (p *upload) hand(data []byte) error {
	if p.actor == nil {
		places := p.o.places(p.source.size(), int(p.info.Opts.ChunkSize))
		actor, err := p.s.startPut(p.subject, p.info.NUID, places, &p.o)
		if err != nil {
			return err
		}
		p.actor, actor.free = actor, p.source.free
		<-actor.slots // the place of this chunk
	}
	p.actor.chunks <- data // does not block: the chunk has a place in the window
	p.actor.tellChunks()
	runtime.Gosched() // lets the chunk leave, so that the store works while the digest is computed
	return nil
}

// place waits for a place in the window. A put whose reader is slow, and so never has to wait,
// learns here of the outcome of earlier chunks.
func (p *upload) place(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return p.wait(ctx, p.actor.slots)
}

// await waits until all chunks are stored.
func (p *upload) await(ctx context.Context) error {
	close(p.actor.chunks)
	p.actor.tellChunks()
	return p.wait(ctx, nil)
}

// wait waits until ready can be received from, or all chunks are stored. An error ends the put.
func (p *upload) wait(ctx context.Context, ready <-chan struct{}) error {
	for {
		if over, err := p.look(ctx); over { // first: a ready that can always be received from would hide it
			return err
		}
		select {
		case <-ready:
			return nil
		case <-p.asking:
		case <-p.actor.moved:
			p.tell()
		case <-p.actor.finished:
		case <-p.s.js.Conn().Done():
		case <-ctx.Done():
		}
	}
}

// look handles what has come, and reports whether the wait is over, and why.
func (p *upload) look(ctx context.Context) (over bool, err error) {
	select {
	case <-p.actor.moved:
		p.tell()
	default:
	}
	select {
	case <-p.asking:
		err = p.known()
		return err != nil, err
	case <-p.actor.finished:
		p.tell()
		return true, p.actor.err
	case <-p.s.js.Conn().Done():
		return true, endOf(p.s.js.Conn())
	case <-ctx.Done():
		return true, context.Cause(ctx)
	default:
		return false, nil
	}
}

// tell reports the progress of the put.
func (p *upload) tell() {
	if p.o.progress == nil {
		return
	}
	a := p.actor
	p.o.progress(Progress{Bytes: a.bytes.Load(), Chunks: uint32(a.acked.Load()), Size: max(p.info.Size, p.source.size()), Resumed: a.resumed.Load()})
}

// ttl returns the time to live of the info: it must not outlive the first chunk.
func (p *upload) ttl() (time.Duration, error) {
	if p.o.ttl == 0 {
		return 0, nil
	}
	left := (p.o.ttl - time.Since(p.began)).Truncate(time.Second)
	if p.info.Chunks == 0 {
		left = p.o.ttl
	}
	if left < time.Second {
		return 0, errTooLate
	}
	return left, nil
}
