package jetstream

import (
	"context"
	"errors"
	"io"
	"iter"
)

// StreamManager creates, finds and removes streams. A context without a deadline, or nil, allows
// DefaultTimeout. The error is an *APIError if the server refused the call, and a *CallError if
// there was no answer, after which it may have taken effect anyway. Names and configs are checked
// before anything is sent.
type StreamManager interface {
	// CreateStream creates a stream. An existing one with the same config is returned as it is.
	// Errors: ErrStreamNameAlreadyInUse if its config differs; ErrSubjectOverlap with another
	// stream; ErrInvalidConfig; ErrRequiredAPILevel; ErrNotSupported if the server ignored a
	// field that it does not know, after which the stream is removed again.
	CreateStream(ctx context.Context, cfg StreamConfig) (Stream, error)
	// UpdateStream replaces the whole config of a stream by cfg. Errors: as CreateStream;
	// ErrStreamNotFound; ErrStreamInvalidConfig for what cannot be changed.
	UpdateStream(ctx context.Context, cfg StreamConfig) (Stream, error)
	// CreateOrUpdateStream updates a stream, or creates it if there is none. Errors: those of
	// both.
	CreateOrUpdateStream(ctx context.Context, cfg StreamConfig) (Stream, error)
	// Stream returns the stream of that name. Errors: ErrStreamNotFound.
	Stream(ctx context.Context, stream string) (Stream, error)
	// StreamNameBySubject returns the name of the stream that takes a subject. Errors:
	// ErrStreamNotFound if none does; an *AmbiguousSubjectError if the subject has
	// wildcards and several do.
	StreamNameBySubject(ctx context.Context, subject string) (string, error)
	// DeleteStream removes a stream and its consumers. Errors: ErrStreamNotFound.
	DeleteStream(ctx context.Context, stream string) error
	// RestoreStream creates a stream from what Stream.Snapshot returned and wrote. The stream
	// must not exist. Size and digest are checked before the restore is completed on the server.
	// Errors: ErrStreamRestore; ErrStreamNameAlreadyInUse; ErrInvalidConfig; an *InterruptedError
	// if it ended before it was complete, after which there is no stream.
	RestoreStream(ctx context.Context, snapshot *StreamSnapshot, from io.Reader, opts ...SnapshotOpt) (Stream, error)

	// ListStreams lists the streams of the account through a channel; AllStreams does it
	// without one.
	ListStreams(ctx context.Context, opts ...StreamListOpt) StreamInfoLister
	// StreamNames lists their names through a channel; AllStreamNames does it without one.
	StreamNames(ctx context.Context, opts ...StreamListOpt) StreamNameLister
	// AllStreams yields the streams of the account, in the order of their names. Nothing is sent
	// before the range begins, and leaving the range early leaks nothing. A stream that exists
	// throughout is yielded exactly once, even if others are created or removed meanwhile. The
	// sequence ends at its first error: an *IncompleteError when a part is missing. A context
	// without a deadline allows DefaultTimeout for each page of 256.
	AllStreams(ctx context.Context, opts ...StreamListOpt) iter.Seq2[*StreamInfo, error]
	// AllStreamNames is AllStreams for names only, in pages of 1,024.
	AllStreamNames(ctx context.Context, opts ...StreamListOpt) iter.Seq2[string, error]
}

// streamRequest creates or updates a stream.
type streamRequest struct {
	StreamConfig
	Pedantic bool `json:"pedantic,omitempty"`
}

// done is the answer to a call that returns only success.
type done struct {
	Success bool `json:"success"`
}

// CreateStream creates a stream.
func (js *jetStream) CreateStream(ctx context.Context, cfg StreamConfig) (Stream, error) {
	ctx, cancel := js.bound(ctx)
	defer cancel()
	isNew := js.mayLose(&cfg) && js.isMissing(ctx, cfg.Name)
	info, err := js.putStream(ctx, request{op: "create stream", subject: "STREAM.CREATE."}, cfg)
	if err != nil {
		return nil, err
	}
	if missing := cfg.missingIn(info.Config); missing.feature != "" {
		return nil, js.unsupportedStream(ctx, info, missing, isNew)
	}
	return newStream(js, info), nil
}

// UpdateStream updates a stream.
func (js *jetStream) UpdateStream(ctx context.Context, cfg StreamConfig) (Stream, error) {
	info, err := js.putStream(ctx, request{op: "update stream", subject: "STREAM.UPDATE."}, cfg)
	if err != nil {
		return nil, err
	}
	if missing := cfg.missingIn(info.Config); missing.feature != "" {
		return nil, &NotSupportedError{Op: "update stream", Stream: cfg.Name, Feature: missing.feature, Err: missing.kind}
	}
	return newStream(js, info), nil
}

// CreateOrUpdateStream updates a stream or creates it. If another client creates it in between,
// it is updated after all.
func (js *jetStream) CreateOrUpdateStream(ctx context.Context, cfg StreamConfig) (Stream, error) {
	ctx, cancel := js.bound(ctx)
	defer cancel()
	s, err := js.UpdateStream(ctx, cfg)
	if !errors.Is(err, ErrStreamNotFound) {
		return s, err
	}
	s, err = js.CreateStream(ctx, cfg)
	if !errors.Is(err, ErrStreamNameAlreadyInUse) {
		return s, err
	}
	return js.UpdateStream(ctx, cfg)
}

// putStream sends a config, after a check that the server knows all of it.
func (js *jetStream) putStream(ctx context.Context, r request, cfg StreamConfig) (*StreamInfo, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	need := cfg.requiredLevel()
	r.subject += cfg.Name
	r.stream, r.level, r.feature = cfg.Name, need.level, need.feature
	r.body = streamRequest{StreamConfig: cfg.sent(), Pedantic: js.opts.Pedantic}
	return js.streamInfo(ctx, r)
}

// streamInfo makes a call that is answered with a stream's info.
func (js *jetStream) streamInfo(ctx context.Context, r request) (*StreamInfo, error) {
	info, err := call[StreamInfo](ctx, js, r)
	if err != nil {
		return nil, err
	}
	if info.Config.Name == "" {
		return nil, js.callError(r, &ResponseError{Err: errNoInfo})
	}
	return &info, nil
}

// succeed makes a call that returns only success.
func (js *jetStream) succeed(ctx context.Context, r request) error {
	answer, err := call[done](ctx, js, r)
	if err != nil {
		return err
	}
	if !answer.Success {
		return js.callError(r, &ResponseError{Err: errNoSuccess})
	}
	return nil
}

// Stream returns a stream.
func (js *jetStream) Stream(ctx context.Context, stream string) (Stream, error) {
	if err := checkStreamName(stream); err != nil {
		return nil, err
	}
	info, err := js.streamInfo(ctx, request{op: "stream info", subject: "STREAM.INFO." + stream, stream: stream})
	if err != nil {
		return nil, err
	}
	return newStream(js, info), nil
}

// StreamNameBySubject returns the name of the stream that takes a subject.
func (js *jetStream) StreamNameBySubject(ctx context.Context, subject string) (string, error) {
	if err := checkSubject(subject); err != nil {
		return "", err
	}
	names, err := call[listPage[string]](ctx, js, request{
		op: "stream name by subject", subject: "STREAM.NAMES", body: streamsRequest{Subject: subject},
	})
	switch {
	case err != nil:
		return "", err
	case len(names.Streams) == 0:
		return "", &SubjectNotFoundError{Subject: subject}
	case len(names.Streams) > 1:
		return "", &AmbiguousSubjectError{Subject: subject, Streams: names.Streams}
	default:
		return names.Streams[0], nil
	}
}

// DeleteStream removes a stream.
func (js *jetStream) DeleteStream(ctx context.Context, stream string) error {
	if err := checkStreamName(stream); err != nil {
		return err
	}
	return js.succeed(ctx, request{op: "delete stream", subject: "STREAM.DELETE." + stream, stream: stream})
}
