package jetstream

import (
	"context"
	"errors"
	"io"
	"maps"
	"sync/atomic"
)

// Stream is a stream by its name: it goes on to be one when the stream is removed and
// made anew. It is safe for concurrent use. The rules of StreamManager hold for its calls.
type Stream interface {
	ConsumerManager
	ClusterControl

	// Info asks the server for the stream's info, which CachedInfo returns from then on,
	// without its subjects. All subjects that WithSubjectFilter asks for are there, however
	// many they are. Errors: ErrStreamNotFound; an *IncompleteError when subjects come and
	// go so quickly that no whole list of them could be had.
	Info(ctx context.Context, opts ...StreamInfoOpt) (*StreamInfo, error)
	// CachedInfo returns the info that came last, with the stream or with Info. It is not
	// to be changed. Nothing is sent.
	CachedInfo() *StreamInfo
	// Purge removes messages, all without an option. Errors: ErrPurgeFailed with DenyPurge;
	// ErrStreamSealed.
	Purge(ctx context.Context, opts ...StreamPurgeOpt) error
	// PurgeCount is Purge, and returns how many messages it removed.
	PurgeCount(ctx context.Context, opts ...StreamPurgeOpt) (uint64, error)

	// GetMsg returns the message with that sequence. With AllowDirect any replica may
	// answer, and the header has fields of the server. Errors: ErrMsgNotFound.
	GetMsg(ctx context.Context, seq uint64, opts ...GetMsgOpt) (*RawStreamMsg, error)
	// GetLastMsgForSubject returns the last message of a subject, which may have
	// wildcards. Errors: as GetMsg.
	GetLastMsgForSubject(ctx context.Context, subject string) (*RawStreamMsg, error)
	// DeleteMsg removes the message with that sequence from the stream, though not what
	// it held from the disk. Errors: ErrMsgDeleteUnsuccessful, which an unknown sequence
	// is, too; ErrStreamSealed.
	DeleteMsg(ctx context.Context, seq uint64) error
	// SecureDeleteMsg is DeleteMsg, and overwrites what the message held.
	SecureDeleteMsg(ctx context.Context, seq uint64) error

	// Snapshot writes the stream, its consumers included, to w as the server packs it, and
	// returns what RestoreStream needs beside those bytes. The stream goes on meanwhile. A
	// writer that takes longer than 5 s over a window of chunks loses the snapshot. Errors:
	// ErrStreamSnapshot; an *InterruptedError when it ended before it was whole, because
	// of the writer, the server, the link or the context.
	Snapshot(ctx context.Context, w io.Writer, opts ...SnapshotOpt) (*StreamSnapshot, error)
}

// stream implements Stream.
type stream struct {
	js   *jetStream
	name string
	info atomic.Pointer[StreamInfo] // without subjects
}

func newStream(js *jetStream, info *StreamInfo) *stream {
	s := &stream{js: js, name: info.Config.Name}
	s.info.Store(info)
	return s
}

// request returns a call that is about the stream: op and the subject up to its name.
func (s *stream) request(op, subject string, body any) request {
	return request{op: op, subject: subject + s.name, body: body, stream: s.name}
}

// StreamInfoOpt is an option of Stream.Info. A nil one is skipped.
type StreamInfoOpt func(*streamInfoRequest) error

type streamInfoRequest struct {
	Offset         int    `json:"offset,omitempty"`
	DeletedDetails bool   `json:"deleted_details,omitempty"`
	SubjectFilter  string `json:"subjects_filter,omitempty"`
}

// WithDeletedDetails has the info list the sequences that are gone. Default: no.
//
//style:allow params nats.go's signature
func WithDeletedDetails(deletedDetails bool) StreamInfoOpt {
	return func(r *streamInfoRequest) error {
		r.DeletedDetails = deletedDetails
		return nil
	}
}

// WithSubjectFilter has the info count the messages of each subject that matches, which
// may have wildcards. Servers give them by the 100,000; all are kept in memory.
// ErrInvalidSubject if it is no subject.
func WithSubjectFilter(subject string) StreamInfoOpt {
	return func(r *streamInfoRequest) error {
		if err := checkSubject(subject); err != nil {
			return err
		}
		r.SubjectFilter = subject
		return nil
	}
}

// infoPage is a stream's info with one page of its subjects.
type infoPage struct {
	StreamInfo
	Total int `json:"total"`
}

// subjectReadsMax is how often the subjects of a stream are read from the beginning
// because they have changed meanwhile.
const subjectReadsMax = 3

// Info asks for the stream's info.
func (s *stream) Info(ctx context.Context, opts ...StreamInfoOpt) (*StreamInfo, error) {
	var req streamInfoRequest
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&req); err != nil {
			return nil, err
		}
	}
	ctx, cancel := s.js.bound(ctx)
	defer cancel()
	for try := 1; ; try++ {
		info, err := s.readInfo(ctx, req)
		if err == nil {
			cached := *info
			cached.State.Subjects = nil
			s.info.Store(&cached)
			return info, nil
		}
		if !errors.Is(err, ErrIncomplete) || try == subjectReadsMax {
			return nil, err
		}
	}
}

// readInfo reads the info with all its subjects. It is an ErrIncomplete when their number
// changes meanwhile.
func (s *stream) readInfo(ctx context.Context, req streamInfoRequest) (*StreamInfo, error) {
	r := s.request("stream info", "STREAM.INFO.", nil)
	var first *infoPage
	for {
		if req != (streamInfoRequest{}) {
			r.body = req
		}
		page, err := call[infoPage](ctx, s.js, r)
		if err != nil {
			return nil, err
		}
		if page.Config.Name == "" {
			return nil, s.js.callError(r, &ResponseError{Err: errNoInfo})
		}
		count := len(page.State.Subjects)
		switch {
		case first == nil:
			first = &page
		case page.Total != first.Total || count == 0:
			return nil, &IncompleteError{Op: r.op, Stream: s.name, Listed: len(first.State.Subjects)}
		default:
			maps.Copy(first.State.Subjects, page.State.Subjects)
		}
		req.Offset += count
		if count == 0 || req.Offset >= page.Total {
			break
		}
	}
	if len(first.State.Subjects) < first.Total { // as many went as came
		return nil, &IncompleteError{Op: r.op, Stream: s.name, Listed: len(first.State.Subjects)}
	}
	return &first.StreamInfo, nil
}

// CachedInfo returns the info that came last.
func (s *stream) CachedInfo() *StreamInfo { return s.info.Load() }

// StreamPurgeOpt is an option of Stream.Purge. A nil one is skipped.
type StreamPurgeOpt func(*StreamPurgeRequest) error

// StreamPurgeRequest is what the options of Stream.Purge have set.
type StreamPurgeRequest struct {
	// Sequence is the first one to stay; 0 for none.
	Sequence uint64 `json:"seq,omitempty"`
	// Subject is what to remove; empty for all.
	Subject string `json:"filter,omitempty"`
	// Keep is how many to leave; 0 for none.
	Keep uint64 `json:"keep,omitempty"`
}

// WithPurgeSubject purges only messages of the subject, which may have wildcards.
// ErrInvalidSubject if it is none.
func WithPurgeSubject(subject string) StreamPurgeOpt {
	return func(r *StreamPurgeRequest) error {
		if err := checkSubject(subject); err != nil {
			return err
		}
		r.Subject = subject
		return nil
	}
}

// WithPurgeSequence purges only messages before that sequence. It excludes WithPurgeKeep.
func WithPurgeSequence(sequence uint64) StreamPurgeOpt {
	return func(r *StreamPurgeRequest) error {
		if r.Keep != 0 {
			return &OptionError{Option: "WithPurgeSequence", Reason: "excludes WithPurgeKeep"}
		}
		r.Sequence = sequence
		return nil
	}
}

// WithPurgeKeep leaves the last keep messages, of each subject with WithPurgeSubject. It
// excludes WithPurgeSequence.
func WithPurgeKeep(keep uint64) StreamPurgeOpt {
	return func(r *StreamPurgeRequest) error {
		if r.Sequence != 0 {
			return &OptionError{Option: "WithPurgeKeep", Reason: "excludes WithPurgeSequence"}
		}
		r.Keep = keep
		return nil
	}
}

// Purge removes messages.
func (s *stream) Purge(ctx context.Context, opts ...StreamPurgeOpt) error {
	_, err := s.PurgeCount(ctx, opts...)
	return err
}

// PurgeCount removes messages and returns how many.
func (s *stream) PurgeCount(ctx context.Context, opts ...StreamPurgeOpt) (uint64, error) {
	var req StreamPurgeRequest
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&req); err != nil {
			return 0, err
		}
	}
	r := s.request("purge stream", "STREAM.PURGE.", req)
	answer, err := call[struct {
		done
		Purged uint64 `json:"purged"`
	}](ctx, s.js, r)
	switch {
	case err != nil:
		return 0, err
	case !answer.Success:
		return 0, s.js.callError(r, &ResponseError{Err: errNoSuccess})
	default:
		return answer.Purged, nil
	}
}
