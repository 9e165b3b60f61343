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

// snapshot.go - copies a whole stream from a server.
//
//	STREAM.SNAPSHOT ──► config, state ─────────────────────► StreamSnapshot
//	                    chunk 1, 2, 3 … ─► inbox ─► writer
//	                    ◄──────────── an acknowledgement of each, once it is written
//	                    end ─────────────────────────────────► size, digest
//
// The server keeps a window of chunks in flight. Chunks are acknowledged once they are written,
// so that a slow writer slows the server down.

const (
	snapshotChunkDefault  = 128 << 10 // bytes, as the server's
	snapshotChunkMin      = 1 << 10
	snapshotChunkMax      = 1 << 20
	snapshotWindowDefault = 8 << 20
	snapshotWindowMax     = 32 << 20
	// snapshotBeginMax limits how long a server takes before the first chunk and after the last
	// one, for a context without a deadline: it reads the whole store.
	snapshotBeginMax = 2 * time.Minute
	snapshotWhole    = 204 // status of the end, which may also have none
	digestPrefix     = "SHA-256="
)

// StreamSnapshot describes a snapshot. RestoreStream needs it and the bytes that Stream.Snapshot
// wrote; it can be stored as JSON.
type StreamSnapshot struct {
	// Config of the stream.
	Config StreamConfig `json:"config"`
	// State of the stream when the snapshot began.
	State StreamState `json:"state"`
	// Size is how many bytes were written; the server has compressed them.
	Size int64 `json:"size"`
	// Chunks is the number of messages that carried them.
	Chunks int `json:"chunks"`
	// Digest of the bytes: SHA-256= and the hash in hexadecimal.
	Digest string `json:"digest"`
}

// SnapshotProgress is the progress of a snapshot or a restore.
type SnapshotProgress struct {
	Stream string
	Chunks int   // written, or acknowledged by the server
	Bytes  int64 // in them
	Total  int64 // of the whole snapshot; 0 while unknown, as during a snapshot
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

// SnapshotChunkSize sets the size of a message in bytes: 1 KiB to 1 MiB. Default: 128 KiB.
// ErrInvalidOption outside of that range.
func SnapshotChunkSize(bytes int) SnapshotOpt {
	return func(o *snapshotOptions) error {
		if bytes < snapshotChunkMin || bytes > snapshotChunkMax {
			return &OptionError{Option: "SnapshotChunkSize", Reason: "is not between 1 KiB and 1 MiB"}
		}
		o.ChunkSize = bytes
		return nil
	}
}

// SnapshotWindow sets how many bytes are in flight at once: 1 KiB to 32 MiB, and at least one
// chunk. Default: 8 MiB. ErrInvalidOption outside of that range.
func SnapshotWindow(bytes int) SnapshotOpt {
	return func(o *snapshotOptions) error {
		if bytes < snapshotChunkMin || bytes > snapshotWindowMax {
			return &OptionError{Option: "SnapshotWindow", Reason: "is not between 1 KiB and 32 MiB"}
		}
		o.WindowSize = bytes
		return nil
	}
}

// SnapshotWithoutConsumers leaves the stream's consumers out of a snapshot. A restore restores
// what the snapshot contains.
func SnapshotWithoutConsumers() SnapshotOpt {
	return func(o *snapshotOptions) error {
		o.NoConsumers = true
		return nil
	}
}

// SnapshotCheck makes the server check every message before a snapshot begins.
func SnapshotCheck() SnapshotOpt {
	return func(o *snapshotOptions) error {
		o.Check = true
		return nil
	}
}

// SnapshotReport calls f after every chunk, on the goroutine of the call. f must be quick.
// ErrInvalidOption for nil.
func SnapshotReport(f func(SnapshotProgress)) SnapshotOpt {
	return func(o *snapshotOptions) error {
		if f == nil {
			return &OptionError{Option: "SnapshotReport", Reason: "is nil"}
		}
		o.progress = f
		return nil
	}
}

// snapshotConfig applies the options.
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

// transfer is a snapshot or a restore in progress.
type transfer struct {
	js         *jetStream
	r          request
	options    snapshotOptions
	sub        *api.Subscription // for messages of the server
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
	// At most one window and its end can arrive.
	if err := sub.SetPendingLimits(snapshotWindowMax/snapshotChunkMin+1, 2*snapshotWindowMax); err != nil {
		return t.js.callError(t.r, err)
	}
	return nil
}

// end releases the subscription, with the messages that it still holds.
func (t *transfer) end() { _ = t.sub.Unsubscribe() }

// next waits for the next message of the server, which must arrive in time.
func (t *transfer) next(ctx context.Context, within time.Duration) (*api.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	m, err := t.sub.NextMsgWithContext(ctx)
	switch {
	case err != nil:
		return nil, t.interrupted("nothing from the server", err)
	case t.js.nc.Stats().Reconnects != t.reconnects:
		return nil, t.interrupted("the link was lost", api.ErrDisconnected)
	default:
		return m, nil
	}
}

// interrupted returns the error that says how far the transfer got.
func (t *transfer) interrupted(reason string, err error) error {
	return &InterruptedError{Op: t.r.op, Stream: t.r.stream, Chunks: t.done.Chunks, Bytes: t.done.Bytes, Reason: reason, Err: err}
}

// sum returns the digest of the bytes so far.
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

// isNext reports whether a chunk follows the previous one. The final chunk may have no number:
// whether it arrived shows at the end.
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

// snapshotEnd reads the end of a snapshot: without a status, or with 204, it is complete.
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
