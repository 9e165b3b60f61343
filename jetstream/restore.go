package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"
)

// restore.go - restores a stream from a snapshot.
//
//	StreamSnapshot ─► STREAM.RESTORE ──► where to send
//	reader ─────────► chunk 1, 2, 3 … ──► server
//	                  ◄────────────────── an acknowledgement of each, in order
//	                  end ──────────────► the stream, or an error
//
// The stream exists only once the end has been answered. A chunk without a reply subject makes
// the server give up at once: that is how a restore is aborted.

// restoring is a restore in progress.
type restoring struct {
	transfer
	subject string // where chunks go
	sent    []int  // bytes of the chunks that are not acknowledged
	flying  int    // their sum
}

// restoreRequest begins a restore.
type restoreRequest struct {
	Config StreamConfig `json:"config"`
	State  StreamState  `json:"state"`
}

// RestoreStream creates a stream from a snapshot.
func (js *jetStream) RestoreStream(ctx context.Context, snapshot *StreamSnapshot, from io.Reader, opts ...SnapshotOpt) (Stream, error) {
	if snapshot == nil || from == nil {
		return nil, &OptionError{Option: "snapshot", Reason: "is nil, or its reader is"}
	}
	cfg := snapshot.Config
	options, err := snapshotConfig(opts)
	if err := firstError(err, cfg.validate()); err != nil {
		return nil, err
	}
	options.ChunkSize = int(min(int64(options.ChunkSize), js.nc.MaxPayload()))
	need := cfg.requiredLevel()
	t := &restoring{transfer: transfer{js: js, options: options, r: request{
		op: "restore stream", subject: "STREAM.RESTORE." + cfg.Name, stream: cfg.Name,
		body:  restoreRequest{Config: cfg.sent(), State: snapshot.State},
		level: need.level, feature: need.feature,
	}, done: SnapshotProgress{Stream: cfg.Name, Total: snapshot.Size}}}
	if err := t.begin(); err != nil {
		return nil, err
	}
	defer t.end()
	ctx = orBackground(ctx)
	where, err := call[struct {
		Subject string `json:"deliver_subject"`
	}](ctx, js, t.r)
	if err != nil {
		return nil, err
	}
	if t.subject = where.Subject; t.subject == "" {
		return nil, js.callError(t.r, &ResponseError{Err: errNoInfo})
	}
	info, err := t.run(ctx, snapshot, from)
	if err != nil {
		_ = js.nc.Publish(t.subject, []byte("left")) // without a reply: the server gives up
		return nil, err
	}
	return newStream(js, info), nil
}

// run sends everything and returns the info of the restored stream.
func (t *restoring) run(ctx context.Context, snapshot *StreamSnapshot, from io.Reader) (*StreamInfo, error) {
	if err := t.sendAll(ctx, from); err != nil {
		return nil, err
	}
	for len(t.sent) > 0 {
		if err := t.acked(ctx); err != nil {
			return nil, err
		}
	}
	if snapshot.Digest != "" && (t.done.Bytes != snapshot.Size || t.sum() != snapshot.Digest) {
		return nil, t.interrupted("the bytes are not those of the snapshot", ErrDigestMismatch)
	}
	if err := t.js.nc.PublishRequest(t.subject, t.options.DeliverSubject, nil); err != nil {
		return nil, t.interrupted("the end could not be sent", err)
	}
	m, err := t.next(ctx, snapshotBeginMax)
	if err != nil {
		return nil, err
	}
	if err := t.js.refused(t.r, m.Data); err != nil {
		return nil, err
	}
	var info StreamInfo
	if err := json.Unmarshal(m.Data, &info); err != nil || info.Config.Name == "" {
		return nil, t.js.callError(t.r, &ResponseError{Err: errNoInfo})
	}
	return &info, nil
}

// sendAll sends what the reader has, a window of it at a time.
func (t *restoring) sendAll(ctx context.Context, from io.Reader) error {
	chunk := make([]byte, t.options.ChunkSize)
	for {
		n, err := io.ReadFull(from, chunk)
		if n > 0 {
			if err := t.send(ctx, chunk[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return t.interrupted("the reader failed", err)
		}
	}
}

// send sends a chunk when there is room for it in the window.
func (t *restoring) send(ctx context.Context, chunk []byte) error {
	for len(t.sent) > 0 && t.flying+len(chunk) > t.options.WindowSize {
		if err := t.acked(ctx); err != nil {
			return err
		}
	}
	if err := t.js.nc.PublishRequest(t.subject, t.options.DeliverSubject, chunk); err != nil {
		return t.interrupted("a chunk could not be sent", err)
	}
	t.digest.Write(chunk)
	t.sent, t.flying = append(t.sent, len(chunk)), t.flying+len(chunk)
	return nil
}

// acked waits until the oldest chunk in flight is acknowledged.
func (t *restoring) acked(ctx context.Context) error {
	m, err := t.next(ctx, restoreStallMax)
	if err != nil {
		return err
	}
	if len(m.Data) > 0 {
		if err := t.js.refused(t.r, m.Data); err != nil {
			return err
		}
		return t.interrupted("an acknowledgement is invalid", ErrInvalidJetStreamResponse)
	}
	bytes := t.sent[0]
	t.sent, t.flying = t.sent[1:], t.flying-bytes
	t.passed(bytes)
	return nil
}

// restoreStallMax limits the wait for one acknowledgement. The server writes to its disk before
// it sends one, and gives up itself when it receives nothing for 5 s.
const restoreStallMax = 30 * time.Second
