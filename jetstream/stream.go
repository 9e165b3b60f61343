package jetstream

import (
	"context"
	"errors"
	"io"
	"maps"
	"sync/atomic"
)

// Stream is a handle to a stream by its name: it stays usable if the stream is removed and
// created again. It is safe for concurrent use. The rules of StreamManager apply to its calls.
type Stream interface {
	ConsumerManager
	ClusterControl

	// Info asks the server for the stream's info, which CachedInfo returns from then on,
	// without its subjects. It contains all subjects that WithSubjectFilter asks for, however
	// many they are. Errors: ErrStreamNotFound; an *IncompleteError if subjects change so quickly
	// that no complete list could be read.
	Info(ctx context.Context, opts ...StreamInfoOpt) (*StreamInfo, error)
	// CachedInfo returns the latest info, from the creation of the handle or from Info. It must
	// not be modified. Nothing is sent.
	CachedInfo() *StreamInfo
	// Purge removes messages: all, unless an option selects some. Errors: ErrPurgeFailed with
	// DenyPurge; ErrStreamSealed.
	Purge(ctx context.Context, opts ...StreamPurgeOpt) error
	// PurgeCount is Purge, and returns how many messages it removed.
	PurgeCount(ctx context.Context, opts ...StreamPurgeOpt) (uint64, error)

	// GetMsg returns the message with that sequence. With AllowDirect any replica may answer, and
	// the header contains fields added by the server. Errors: ErrMsgNotFound.
	GetMsg(ctx context.Context, seq uint64, opts ...GetMsgOpt) (*RawStreamMsg, error)
	// GetLastMsgForSubject returns the last message of a subject, which may have
	// wildcards. Errors: as GetMsg.
	GetLastMsgForSubject(ctx context.Context, subject string) (*RawStreamMsg, error)
	// DeleteMsg removes the message with that sequence from the stream, but does not erase its
	// bytes on disk. Errors: ErrMsgDeleteUnsuccessful, also for an unknown sequence;
	// ErrStreamSealed.
	DeleteMsg(ctx context.Context, seq uint64) error
	// SecureDeleteMsg is DeleteMsg, and also overwrites the bytes of the message.
	SecureDeleteMsg(ctx context.Context, seq uint64) error

	// Snapshot writes the stream, including its consumers, to w in the format of the server, and
	// returns what RestoreStream needs besides those bytes. The stream stays in use meanwhile.
	// The snapshot fails if the writer takes longer than 5 s for a window of chunks. Errors:
	// ErrStreamSnapshot; an *InterruptedError if it ended before it was complete, because of the
	// writer, the server, the link or the context.
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

// request returns a call for the stream, from op and the subject up to the name.
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

// WithDeletedDetails makes the info list the sequences of deleted messages. Default: no.
//
//style:allow params nats.go's signature
func WithDeletedDetails(deletedDetails bool) StreamInfoOpt {
	return func(r *streamInfoRequest) error {
		r.DeletedDetails = deletedDetails
		return nil
	}
}

// WithSubjectFilter makes the info count the messages of each subject that matches subject, which
// may have wildcards. Servers send up to 100,000 at a time; all are kept in memory.
// ErrInvalidSubject if it is not valid.
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

// subjectReadsMax is how often the subjects of a stream are read from the beginning if they
// change meanwhile.
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

// readInfo reads the info with all its subjects. The error is ErrIncomplete if their number
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
	if len(first.State.Subjects) < first.Total { // as many were removed as added
		return nil, &IncompleteError{Op: r.op, Stream: s.name, Listed: len(first.State.Subjects)}
	}
	return &first.StreamInfo, nil
}

// CachedInfo returns the latest info.
func (s *stream) CachedInfo() *StreamInfo { return s.info.Load() }

// StreamPurgeOpt is an option of Stream.Purge. A nil one is skipped.
type StreamPurgeOpt func(*StreamPurgeRequest) error

// StreamPurgeRequest is what the options of Stream.Purge have set.
type StreamPurgeRequest struct {
	// Sequence is the first one to keep; 0 for none.
	Sequence uint64 `json:"seq,omitempty"`
	// Subject selects the messages to remove; empty for all.
	Subject string `json:"filter,omitempty"`
	// Keep is how many messages to keep; 0 for none.
	Keep uint64 `json:"keep,omitempty"`
}

// WithPurgeSubject purges only messages of the subject, which may have wildcards.
// ErrInvalidSubject if it is not valid.
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

// WithPurgeKeep keeps the last keep messages; with WithPurgeSubject, those of each subject. It
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
