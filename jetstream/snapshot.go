package jetstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
)

// snapshot.go - copies a whole stream out of a server.
//
//	STREAM.SNAPSHOT ──► config, state ─────────────────────► StreamSnapshot
//	                    chunk 1, 2, 3 … ─► inbox ─► writer
//	                    ◄──────────── an acknowledgement of each, once it is written
//	                    end ─────────────────────────────────► size, digest
//
// The server has a window of chunks under way; what is written acknowledges itself, so
// that a slow writer slows the server down.

const (
	snapshotChunkDefault  = 128 << 10 // bytes, as the server's
	snapshotChunkMin      = 1 << 10
	snapshotChunkMax      = 1 << 20
	snapshotWindowDefault = 8 << 20
	snapshotWindowMax     = 32 << 20
	// snapshotBeginMax bounds what a server does before the first chunk and behind the
	// last one, for a context without a deadline: it reads the whole store.
	snapshotBeginMax = 2 * time.Minute
	snapshotWhole    = 204 // status of the end; it may have none
	digestPrefix     = "SHA-256="
)

// StreamSnapshot says what a snapshot holds. With the bytes that Stream.Snapshot wrote
// it is what RestoreStream takes; it can be kept as JSON.
type StreamSnapshot struct {
	// Config of the stream.
	Config StreamConfig `json:"config"`
	// State of the stream when the snapshot began.
	State StreamState `json:"state"`
	// Size is how many bytes were written; the server has compressed them.
	Size int64 `json:"size"`
	// Chunks is how many messages they came in.
	Chunks int `json:"chunks"`
	// Digest of the bytes: SHA-256= and the hash in hexadecimal.
	Digest string `json:"digest"`
}

// SnapshotProgress is how far a snapshot or a restore is.
type SnapshotProgress struct {
	Stream string
	Chunks int   // written, or acknowledged by the server
	Bytes  int64 // in them
	Total  int64 // of them all; 0 while it is not known: for a snapshot that has not ended
}

// SnapshotOpt is an option of Stream.Snapshot and RestoreStream. A nil one is skipped.
type SnapshotOpt func(*snapshotOptions) error

type snapshotOptions struct {
	DeliverSubject string `json:"deliver_subject"`
	NoConsumers    bool   `json:"no_consumers,omitempty"`
	ChunkSize      int    `json:"chunk_size,omitempty"`
	WindowSize     int    `json:"window_size,omitempty"`
	Check          bool   `json:"jsck,omitempty"`

	progress func(SnapshotProgress)
}

// SnapshotChunkSize sets how many bytes a message has: 1 KiB to 1 MiB, 128 KiB unless
// set. ErrInvalidOption beyond.
func SnapshotChunkSize(bytes int) SnapshotOpt {
	return func(o *snapshotOptions) error {
		if bytes < snapshotChunkMin || bytes > snapshotChunkMax {
			return &OptionError{Option: "SnapshotChunkSize", Reason: "is not between 1 KiB and 1 MiB"}
		}
		o.ChunkSize = bytes
		return nil
	}
}

// SnapshotWindow sets how many bytes are under way at once: 1 KiB to 32 MiB, 8 MiB unless
// set. It is one chunk at the least. ErrInvalidOption beyond.
func SnapshotWindow(bytes int) SnapshotOpt {
	return func(o *snapshotOptions) error {
		if bytes < snapshotChunkMin || bytes > snapshotWindowMax {
			return &OptionError{Option: "SnapshotWindow", Reason: "is not between 1 KiB and 32 MiB"}
		}
		o.WindowSize = bytes
		return nil
	}
}

// SnapshotWithoutConsumers leaves the stream's consumers out of a snapshot. A restore has
// what the snapshot has.
func SnapshotWithoutConsumers() SnapshotOpt {
	return func(o *snapshotOptions) error {
		o.NoConsumers = true
		return nil
	}
}

// SnapshotCheck has the server check every message before a snapshot begins.
func SnapshotCheck() SnapshotOpt {
	return func(o *snapshotOptions) error {
		o.Check = true
		return nil
	}
}

// SnapshotReport has f called after every chunk, on the goroutine of the call. It is to
// return soon. ErrInvalidOption for nil.
func SnapshotReport(f func(SnapshotProgress)) SnapshotOpt {
	return func(o *snapshotOptions) error {
		if f == nil {
			return &OptionError{Option: "SnapshotReport", Reason: "is nil"}
		}
		o.progress = f
		return nil
	}
}

// snapshotConfig returns what the options say.
func snapshotConfig(opts []SnapshotOpt) (snapshotOptions, error) {
	o := snapshotOptions{ChunkSize: snapshotChunkDefault, WindowSize: snapshotWindowDefault, progress: func(SnapshotProgress) {}}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			return o, err
		}
	}
	o.WindowSize = max(o.WindowSize, o.ChunkSize)
	return o, nil
}

// transfer is a snapshot or a restore under way.
type transfer struct {
	js         *jetStream
	r          request
	options    snapshotOptions
	sub        *api.Subscription // where the other side answers
	digest     hash.Hash
	done       SnapshotProgress
	reconnects uint64 // of the connection when it began
}

// begin subscribes to an inbox of its own. The caller unsubscribes.
func (t *transfer) begin() error {
	t.digest = sha256.New()
	t.reconnects = t.js.nc.Stats().Reconnects
	t.options.DeliverSubject = t.js.nc.NewInbox()
	sub, err := t.js.nc.SubscribeSync(t.options.DeliverSubject)
	if err != nil {
		return t.js.callError(t.r, err)
	}
	t.sub = sub
	// One window and the end of it is all that can come.
	if err := sub.SetPendingLimits(snapshotWindowMax/snapshotChunkMin+1, 2*snapshotWindowMax); err != nil {
		return t.js.callError(t.r, err)
	}
	return nil
}

// end leaves nothing of it. What the subscription still holds goes with it.
func (t *transfer) end() { _ = t.sub.Unsubscribe() }

// next waits for the next message of the other side, which has to be there soon.
func (t *transfer) next(ctx context.Context, within time.Duration) (*api.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	m, err := t.sub.NextMsgWithContext(ctx)
	switch {
	case err != nil:
		return nil, t.interrupted("no word of the server", err)
	case t.js.nc.Stats().Reconnects != t.reconnects:
		return nil, t.interrupted("the link was lost", api.ErrDisconnected)
	default:
		return m, nil
	}
}

// interrupted says how far it has come.
func (t *transfer) interrupted(reason string, err error) error {
	return &InterruptedError{Op: t.r.op, Stream: t.r.stream, Chunks: t.done.Chunks, Bytes: t.done.Bytes, Reason: reason, Err: err}
}

// sum returns the digest of what has passed.
func (t *transfer) sum() string { return digestPrefix + hex.EncodeToString(t.digest.Sum(nil)) }

// passed counts a chunk.
func (t *transfer) passed(bytes int) {
	t.done.Chunks++
	t.done.Bytes += int64(bytes)
	t.options.progress(t.done)
}

// Snapshot copies the stream out of the server.
func (s *stream) Snapshot(ctx context.Context, w io.Writer, opts ...SnapshotOpt) (*StreamSnapshot, error) {
	if w == nil {
		return nil, &OptionError{Option: "writer", Reason: "is nil"}
	}
	options, err := snapshotConfig(opts)
	if err != nil {
		return nil, err
	}
	ctx = orBackground(ctx)
	t := &transfer{js: s.js, r: s.request("snapshot stream", "STREAM.SNAPSHOT.", nil), options: options, done: SnapshotProgress{Stream: s.name}}
	if err := t.begin(); err != nil {
		return nil, err
	}
	defer t.end()
	t.r.body = t.options
	begun, cancel := context.WithTimeout(ctx, snapshotBeginMax)
	defer cancel()
	snapshot, err := call[StreamSnapshot](begun, s.js, t.r)
	if err != nil {
		return nil, err
	}
	for {
		m, err := t.next(ctx, s.js.opts.DefaultTimeout)
		if err != nil {
			return nil, err
		}
		if len(m.Data) == 0 {
			return t.snapshotEnd(m, &snapshot)
		}
		if err := t.take(m, w); err != nil {
			return nil, err
		}
	}
}

// take writes a chunk and acknowledges it.
func (t *transfer) take(m *api.Msg, w io.Writer) error {
	if !t.isNext(m) {
		return t.interrupted("a chunk is missing", ErrInvalidJetStreamResponse)
	}
	if _, err := w.Write(m.Data); err != nil {
		return t.interrupted("the writer failed", err)
	}
	t.digest.Write(m.Data)
	t.passed(len(m.Data))
	if m.Reply == "" {
		return nil
	}
	if err := m.Respond(nil); err != nil {
		return t.interrupted("the chunk could not be acknowledged", err)
	}
	return nil
}

// isNext reports whether a chunk is the one behind the last. The last of all may have no
// number: whether it came shows with the end.
func (t *transfer) isNext(m *api.Msg) bool {
	if m.Reply == "" {
		return true
	}
	rest, index, _ := cutLast(m.Reply)
	_, size, _ := cutLast(rest)
	return index == strconv.Itoa(t.done.Chunks+1) && size == strconv.Itoa(len(m.Data))
}

// cutLast cuts the last token from a subject.
func cutLast(subject string) (rest, last string, found bool) {
	i := strings.LastIndexByte(subject, '.')
	if i < 0 {
		return "", subject, false
	}
	return subject[:i], subject[i+1:], true
}

// snapshotEnd reads the end of a snapshot: without a status, or with 204, it is whole.
func (t *transfer) snapshotEnd(m *api.Msg, snapshot *StreamSnapshot) (*StreamSnapshot, error) {
	if status := m.Status(); status != 0 && status != snapshotWhole {
		return nil, t.interrupted(strconv.Itoa(status)+" "+m.Description(), ErrStreamSnapshot)
	}
	if dropped, _ := t.sub.Dropped(); dropped > 0 {
		return nil, t.interrupted("chunks were dropped", api.ErrSlowConsumer)
	}
	snapshot.Size, snapshot.Chunks, snapshot.Digest = t.done.Bytes, t.done.Chunks, t.sum()
	return snapshot, nil
}
