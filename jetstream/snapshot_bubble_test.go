package jetstream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// filled creates a stream of count incompressible messages of one KiB, with a consumer.
func filled(t testing.TB, js jetstream.JetStream, count int) jetstream.Stream {
	t.Helper()
	s := must.Get(js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, MaxMsgsPerSubject: 10}))(t)
	source := rand.NewChaCha8([32]byte{})
	for i := range count {
		data := make([]byte, 1024)
		_, _ = source.Read(data)
		must.Get(js.Conn().RequestWithContext(t.Context(), fmt.Sprintf("s.%d", i), data))(t)
	}
	must.Get(s.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "c", FilterSubject: "s.1"}))(t)
	return s
}

func TestASnapshotComesBack(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		s := filled(b.T, js, 300)
		third := must.Get(s.GetMsg(ctx, 3))(b.T)
		var kept bytes.Buffer
		reports := 0
		snapshot := must.Get(s.Snapshot(ctx, &kept, jetstream.SnapshotChunkSize(4<<10), jetstream.SnapshotWindow(16<<10), jetstream.SnapshotCheck(),
			jetstream.SnapshotReport(func(p jetstream.SnapshotProgress) { reports++ })))(b.T)
		if snapshot.Size != int64(kept.Len()) || snapshot.Chunks < 70 || reports != snapshot.Chunks || snapshot.State.Msgs != 300 {
			b.T.Errorf("snapshot of %d bytes in %d chunks, %d reports, %d messages", snapshot.Size, snapshot.Chunks, reports, snapshot.State.Msgs)
		}
		_, err := js.RestoreStream(ctx, snapshot, bytes.NewReader(kept.Bytes()))
		is(b.T, err, jetstream.ErrStreamNameAlreadyInUse)
		must.Do(b.T, js.DeleteStream(ctx, "S"))
		var stored jetstream.StreamSnapshot
		must.Do(b.T, json.Unmarshal(must.Get(json.Marshal(snapshot))(b.T), &stored))
		var last jetstream.SnapshotProgress
		s = must.Get(js.RestoreStream(ctx, &stored, bytes.NewReader(kept.Bytes()), jetstream.SnapshotChunkSize(8<<10), jetstream.SnapshotWindow(32<<10),
			jetstream.SnapshotReport(func(p jetstream.SnapshotProgress) { last = p })))(b.T)
		if info := must.Get(s.Info(ctx))(b.T); info.State.Msgs != 300 || info.Config.MaxMsgsPerSubject != 10 {
			b.T.Errorf("restored: %+v", info)
		}
		if last.Bytes != snapshot.Size || last.Total != snapshot.Size {
			b.T.Errorf("progress ended with %+v", last)
		}
		if m := must.Get(s.GetMsg(ctx, 3))(b.T); !bytes.Equal(m.Data, third.Data) || m.Subject != third.Subject || !m.Time.Equal(third.Time) {
			b.T.Errorf("message 3 is %+v", m)
		}
		must.Get(s.Consumer(ctx, "c"))(b.T)
	})
}

func TestASnapshotWithoutConsumers(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		s := filled(b.T, js, 3)
		var kept bytes.Buffer
		snapshot := must.Get(s.Snapshot(b.T.Context(), &kept, jetstream.SnapshotWithoutConsumers()))(b.T)
		must.Do(b.T, js.DeleteStream(b.T.Context(), "S"))
		s = must.Get(js.RestoreStream(b.T.Context(), snapshot, &kept))(b.T)
		_, err := s.Consumer(b.T.Context(), "c")
		is(b.T, err, jetstream.ErrConsumerNotFound)
		_, err = s.Snapshot(b.T.Context(), nil)
		is(b.T, err, jetstream.ErrInvalidOption)
		_, err = s.Snapshot(b.T.Context(), &kept, jetstream.SnapshotChunkSize(1))
		is(b.T, err, jetstream.ErrInvalidOption)
		must.Do(b.T, js.DeleteStream(b.T.Context(), "S"))
		_, err = s.Snapshot(b.T.Context(), &kept)
		is(b.T, err, jetstream.ErrStreamNotFound)
	})
}

// hurtWriter fails, or is late, with its third chunk.
type hurtWriter struct {
	writes int
	err    error
	late   time.Duration
}

func (w *hurtWriter) Write(p []byte) (int, error) {
	w.writes++
	if w.writes < 3 {
		return len(p), nil
	}
	time.Sleep(w.late)
	return len(p), w.err
}

func TestInterruptedSnapshots(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		s := filled(b.T, js, 300)
		small := []jetstream.SnapshotOpt{jetstream.SnapshotChunkSize(1 << 10), jetstream.SnapshotWindow(2 << 10)}
		fault := errors.New("disk full")
		_, err := s.Snapshot(ctx, &hurtWriter{err: fault}, small...)
		is(b.T, err, jetstream.ErrInterrupted, fault)
		_, err = s.Snapshot(ctx, &hurtWriter{late: 20 * time.Second}, small...)
		is(b.T, err, jetstream.ErrInterrupted, jetstream.ErrStreamSnapshot)
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err = s.Snapshot(short, &hurtWriter{late: 2 * time.Second}, small...)
		is(b.T, err, jetstream.ErrInterrupted, context.DeadlineExceeded)
		lost := func(jetstream.SnapshotProgress) {
			must.Do(b.T, js.Conn().ForceReconnect())
			time.Sleep(time.Second)
		}
		_, err = s.Snapshot(ctx, io.Discard, append(small, jetstream.SnapshotReport(lost))...)
		is(b.T, err, jetstream.ErrInterrupted)
		interrupted, ok := errors.AsType[*jetstream.InterruptedError](err)
		if !ok || interrupted.Chunks == 0 || interrupted.Stream != "S" {
			b.T.Errorf("a lost link gave %v", err)
		}
		must.Get(s.Snapshot(ctx, io.Discard))(b.T)
		time.Sleep(10 * time.Second)
	})
}

// hurtReader fails after its first bytes.
type hurtReader struct {
	left io.Reader
	err  error
}

func (r *hurtReader) Read(p []byte) (int, error) {
	n, err := r.left.Read(p)
	if err != nil {
		err = r.err
	}
	return n, err
}

// TestInterruptedRestores leave no stream behind.
func TestInterruptedRestores(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		s := filled(b.T, js, 300)
		var kept bytes.Buffer
		snapshot := must.Get(s.Snapshot(ctx, &kept))(b.T)
		must.Do(b.T, js.DeleteStream(ctx, "S"))
		ends := must.Get(js.Conn().SubscribeSync("$JS.EVENT.ADVISORY.STREAM.RESTORE_COMPLETE.S"))(b.T)
		none := func(what string) {
			b.T.Helper()
			time.Sleep(time.Second)
			if _, err := ends.NextMsg(time.Second); err != nil {
				b.T.Errorf("%s: the server still waits: %v", what, err)
			}
			_, err := js.Stream(ctx, "S")
			if !errors.Is(err, jetstream.ErrStreamNotFound) {
				b.T.Errorf("%s left something: %v", what, err)
			}
		}
		small := []jetstream.SnapshotOpt{jetstream.SnapshotChunkSize(1 << 10), jetstream.SnapshotWindow(2 << 10)}
		fault := errors.New("disk gone")
		_, err := js.RestoreStream(ctx, snapshot, &hurtReader{bytes.NewReader(kept.Bytes()[:50<<10]), fault}, small...)
		is(b.T, err, jetstream.ErrInterrupted, fault)
		none("a reader that fails")
		_, err = js.RestoreStream(ctx, snapshot, bytes.NewReader(kept.Bytes()[:50<<10]), small...)
		is(b.T, err, jetstream.ErrInterrupted, jetstream.ErrDigestMismatch)
		none("half of it")
		_, err = js.RestoreStream(ctx, snapshot, bytes.NewReader(make([]byte, 50<<10)), small...)
		is(b.T, err, jetstream.ErrJetStream)
		none("something else")
		plain := *snapshot
		plain.Digest = ""
		_, err = js.RestoreStream(ctx, &plain, bytes.NewReader(kept.Bytes()[:50<<10]), small...)
		is(b.T, err, jetstream.ErrStreamRestore)
		none("half of it without a digest")
		broken := bytes.Clone(kept.Bytes())
		broken[len(broken)/2] ^= 0xff
		_, err = js.RestoreStream(ctx, snapshot, bytes.NewReader(broken), small...)
		is(b.T, err, jetstream.ErrJetStream)
		none("broken bytes")
		lost := func(p jetstream.SnapshotProgress) {
			if p.Chunks == 20 {
				must.Do(b.T, js.Conn().ForceReconnect())
				time.Sleep(time.Second)
			}
		}
		_, err = js.RestoreStream(ctx, snapshot, bytes.NewReader(kept.Bytes()), append(small, jetstream.SnapshotReport(lost))...)
		is(b.T, err, jetstream.ErrInterrupted)
		none("a lost link")
		must.Get(js.RestoreStream(ctx, snapshot, &kept))(b.T)
		_, err = js.RestoreStream(ctx, nil, &kept)
		is(b.T, err, jetstream.ErrInvalidOption)
		is(b.T, err, api.ErrInvalidArg)
	})
}
