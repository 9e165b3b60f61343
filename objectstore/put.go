package objectstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
)

// put.go - stores an object: its chunks first, then what it is, which makes it visible.
//
//	reader ──► chunk ──► actor ──► stream          one window ahead of the acknowledgements
//	             └─► digest
//	what does it replace? ──► known before the info is stored; before the first chunk with conditions
//	all chunks are stored ──► info, in the place of the one before ──► its chunks are removed
//	anything goes wrong   ──► own chunks are removed; the object is what it was

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
	asking  <-chan struct{} // closed when before and unread are set; nil when they were looked at
	stop    func()          // ends that it is asked
	before  replaced        // what it replaces
	unread  error           // why that is not known, or not allowed
	subject string          // that publishes into the bucket begin with
	source  source
	digest  hash.Hash
	actor   *putting // nil before the first chunk

	doubt  *doubt // whether the info was stored; nil before it was sent
	stored bool   // it was
	failed error  // why it has not been
}

// chunkRoom is what the message of a chunk has beside its data.
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
	if p.o.conditional() || !s.js.Conn().IsConnected() { // the answer may be the end of it
		p.ask(bound)
		return p.known()
	}
	p.ask(ctx)
	return nil
}

// ask begins to ask for what is replaced, with the patience that chunks are sent with meanwhile.
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

// known waits until it is known what is replaced, and returns why that is not, or may not be.
func (p *upload) known() error {
	if p.asking == nil {
		return nil
	}
	<-p.asking
	p.asking = nil
	return p.unread
}

// allows returns an error if the conditions of the put forbid to replace that.
func (p *upload) allows(now replaced) error {
	if kind := p.o.admits(now); kind != nil {
		return p.s.refused("put", p.info.Name, kind, "")
	}
	return nil
}

// send has all chunks stored.
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

// hand hands a chunk over to the actor, which begins with the first one.
func (p *upload) hand(data []byte) error {
	if p.actor == nil {
		window := p.o.chunks(int(p.info.Opts.ChunkSize))
		actor, err := p.s.startPut(p.subject, p.info.NUID, window, &p.o)
		if err != nil {
			return err
		}
		p.actor, actor.free = actor, p.source.free
		<-actor.slots // for this one
	}
	p.actor.chunks <- data // there is room: it has a place in the window
	p.actor.tellChunks()
	return nil
}

// place waits for a place in the window.
func (p *upload) place(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-p.actor.slots:
		return nil
	default:
		return p.wait(ctx, p.actor.slots)
	}
}

// await waits until all chunks are stored.
func (p *upload) await(ctx context.Context) error {
	close(p.actor.chunks)
	p.actor.tellChunks()
	return p.wait(ctx, nil)
}

// wait waits until it is ready, or all chunks are stored. An error ends the put.
func (p *upload) wait(ctx context.Context, ready <-chan struct{}) error {
	for {
		select {
		case <-ready:
			return nil
		case <-p.asking:
			if err := p.known(); err != nil {
				return err
			}
		case <-p.actor.moved:
			p.tell()
		case <-p.actor.finished:
			p.tell()
			return p.actor.err
		case <-p.s.js.Conn().Done():
			return endOf(p.s.js.Conn())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tell calls who wants to know how far the put is.
func (p *upload) tell() {
	if p.o.progress == nil {
		return
	}
	a := p.actor
	p.o.progress(Progress{Bytes: a.bytes.Load(), Chunks: uint32(a.acked.Load()), Size: max(p.info.Size, p.source.size()), Resumed: a.resumed.Load()})
}

// ttl returns how long the info is to live: no longer than the first chunk.
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
