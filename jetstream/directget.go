package jetstream

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/troupe-go/troupe/api"
)

// directget.go - reads messages from the stream itself, without a consumer.
//
//	GetBatch ──────► pages by sequence ─────┐
//	                                        ├──► DIRECT.GET.<stream> ──► any replica or mirror
//	GetLastMsgsFor ► pages of one snapshot ─┘

// ReadEnd says where a GetBatch or GetLastMsgsFor has ended.
type ReadEnd struct {
	// LastSeq is the sequence of the last message that was yielded; 0 if there was none.
	LastSeq uint64
	// UpToSeq is the sequence of the stream whose state GetLastMsgsFor has shown; 0 for
	// GetBatch. Together with LastSeq+1 it continues a read that ended at its batch size.
	UpToSeq uint64
	// Pending is how many more messages would have matched.
	Pending uint64
}

// GetBatchOpt is an option of GetBatch. A nil one is skipped.
type GetBatchOpt func(*batchRead) error

// batchRead is what the options of GetBatch have set.
type batchRead struct {
	req      directRequest
	count    int          // MaxInt for all
	maxBytes int          // MaxInt for no limit
	memory   *api.Buffers // nil for the heap
	end      *ReadEnd
}

// GetBatchSeq begins with the message that has this sequence, or with the first after it.
// Default: with the first of the stream. ErrInvalidOption for 0, or together with
// GetBatchStartTime.
func GetBatchSeq(seq uint64) GetBatchOpt {
	return func(b *batchRead) error {
		switch {
		case seq == 0:
			return &OptionError{Option: "GetBatchSeq", Reason: "is 0"}
		case b.req.StartTime != nil:
			return &OptionError{Option: "GetBatchSeq", Reason: "does not go with GetBatchStartTime"}
		}
		b.req.Seq = seq
		return nil
	}
}

// GetBatchStartTime begins with the first message that was stored at that time or
// later. ErrInvalidOption for the zero time, or together with GetBatchSeq.
func GetBatchStartTime(start time.Time) GetBatchOpt {
	return func(b *batchRead) error {
		switch {
		case start.IsZero():
			return &OptionError{Option: "GetBatchStartTime", Reason: "is the zero time"}
		case b.req.Seq > 0:
			return &OptionError{Option: "GetBatchStartTime", Reason: "does not go with GetBatchSeq"}
		}
		b.req.StartTime = &start
		return nil
	}
}

// GetBatchSubject yields only messages of the subject, which may have wildcards. Default:
// everything. ErrInvalidSubject.
func GetBatchSubject(subject string) GetBatchOpt {
	return func(b *batchRead) error {
		if err := checkSubject(subject); err != nil {
			return err
		}
		b.req.NextFor = subject
		return nil
	}
}

// GetBatchMaxBytes ends the batch with the message that reaches that many bytes of subject,
// header and data. Default: no limit. ErrInvalidOption unless positive.
func GetBatchMaxBytes(bytes int) GetBatchOpt {
	return func(b *batchRead) error {
		if bytes <= 0 {
			return &OptionError{Option: "GetBatchMaxBytes", Reason: "is not positive"}
		}
		b.maxBytes = bytes
		return nil
	}
}

// GetBatchNoHeaders yields only data: messages have no header, subject, sequence or time, which
// saves work and bandwidth. Such a read cannot be resumed when the link is lost, and ends with an
// error.
func GetBatchNoHeaders() GetBatchOpt {
	return func(b *batchRead) error {
		b.req.NoHeaders = true
		return nil
	}
}

// GetBatchMemory places the data of each message in memory from buffers, as api.RequestManyMemory
// does; a caller that gives it back creates no garbage. Nil is an ErrInvalidOption.
func GetBatchMemory(buffers *api.Buffers) GetBatchOpt {
	return func(b *batchRead) error {
		if buffers == nil {
			return &OptionError{Option: "GetBatchMemory", Reason: "is nil"}
		}
		b.memory = buffers
		return nil
	}
}

// GetBatchEnd fills end when the sequence has ended without an error. Nil is an ErrInvalidOption.
func GetBatchEnd(end *ReadEnd) GetBatchOpt {
	return func(b *batchRead) error {
		if end == nil {
			return &OptionError{Option: "GetBatchEnd", Reason: "is nil"}
		}
		b.end = end
		return nil
	}
}

// GetBatch reads up to batch messages of a stream in their order, 0 for all. The stream needs
// AllowDirect; any of its replicas, and mirrors with MirrorDirect, may answer, so the latest
// messages may be missing.
//
// Nothing is sent before the range over the sequence begins; each range starts a new read.
// Messages are fetched in pages of at most a few MiB, so the memory in use is bounded however
// much is read. When the link is lost in between, the read continues after the last message that
// was yielded. A context without a deadline allows DefaultTimeout for each page.
//
// Errors of the call: ErrInvalidStreamName, ErrInvalidOption, ErrInvalidSubject. The
// sequence ends at its first error: ErrMsgNotFound when no message matches;
// ErrDirectAccessRequired when the stream does not have AllowDirect; ErrStreamNotFound;
// ErrRequiredAPILevel before server 2.11; ErrTimeout; ErrDisconnected when the link is lost
// repeatedly; ErrInvalidJetStreamResponse for an invalid answer.
//
//style:allow params orbit.go's signature
func GetBatch(ctx context.Context, js JetStream, stream string, batch int, opts ...GetBatchOpt) (iter.Seq2[*RawStreamMsg, error], error) {
	own, err := reader(js, stream)
	if err != nil {
		return nil, err
	}
	b := batchRead{count: batch, maxBytes: math.MaxInt}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&b); err != nil {
			return nil, err
		}
	}
	switch {
	case batch < 0:
		return nil, &OptionError{Option: "batch", Reason: fmt.Sprintf("%d is negative", batch)}
	case batch == 0:
		b.count = math.MaxInt
	}
	if b.req.Seq == 0 && b.req.StartTime == nil {
		b.req.Seq = 1
	}
	return func(yield func(*RawStreamMsg, error) bool) {
		d := directRead{js: own, stream: stream, op: "get batch", req: b.req, count: b.count, bytes: b.maxBytes, memory: b.memory}
		if d.each(ctx, yield) && b.end != nil {
			*b.end = d.end
		}
	}, nil
}

// GetLastForOpt is an option of GetLastMsgsFor. A nil one is skipped.
type GetLastForOpt func(*lastRead) error

// lastRead is what the options of GetLastMsgsFor have set.
type lastRead struct {
	req   directRequest
	count int // 0 for all
	exact bool
	alone bool // one page
	end   *ReadEnd
}

// GetLastMsgsUpToSeq shows the stream as it was when its last message had this
// sequence, as far as older messages are still there. ErrInvalidOption for 0, or together with
// GetLastMsgsUpToTime.
func GetLastMsgsUpToSeq(seq uint64) GetLastForOpt {
	return func(l *lastRead) error {
		switch {
		case seq == 0:
			return &OptionError{Option: "GetLastMsgsUpToSeq", Reason: "is 0"}
		case l.req.UpToTime != nil:
			return &OptionError{Option: "GetLastMsgsUpToSeq", Reason: "does not go with GetLastMsgsUpToTime"}
		}
		l.req.UpToSeq = seq
		return nil
	}
}

// GetLastMsgsUpToTime shows the stream as it was just before that time, as far as
// older messages are still there. ErrInvalidOption for the zero time, or together with
// GetLastMsgsUpToSeq.
func GetLastMsgsUpToTime(at time.Time) GetLastForOpt {
	return func(l *lastRead) error {
		switch {
		case at.IsZero():
			return &OptionError{Option: "GetLastMsgsUpToTime", Reason: "is the zero time"}
		case l.req.UpToSeq > 0:
			return &OptionError{Option: "GetLastMsgsUpToTime", Reason: "does not go with GetLastMsgsUpToSeq"}
		}
		l.req.UpToTime = &at
		return nil
	}
}

// GetLastMsgsFrom leaves out messages with a sequence below this one. Together with
// GetLastMsgsUpToSeq it continues a read that GetLastMsgsBatchSize has ended; see
// ReadEnd. ErrInvalidOption for 0.
func GetLastMsgsFrom(seq uint64) GetLastForOpt {
	return func(l *lastRead) error {
		if seq == 0 {
			return &OptionError{Option: "GetLastMsgsFrom", Reason: "is 0"}
		}
		l.req.Seq = seq
		return nil
	}
}

// GetLastMsgsBatchSize ends the read after that many messages. Default: all. ErrInvalidOption
// unless positive.
func GetLastMsgsBatchSize(batch int) GetLastForOpt {
	return func(l *lastRead) error {
		if batch <= 0 {
			return &OptionError{Option: "GetLastMsgsBatchSize", Reason: "is not positive"}
		}
		l.count = batch
		return nil
	}
}

// GetLastMsgsExact ends the read with ErrMsgsReplaced when a message was removed or replaced
// before its page was read. Default: it is left out. Messages removed before the first page go
// unnoticed.
func GetLastMsgsExact() GetLastForOpt {
	return func(l *lastRead) error {
		l.exact = true
		return nil
	}
}

// GetLastMsgsPage ends the read after its first page: what one replica has at one moment, at most
// a few MiB, and 1,024 messages unless GetLastMsgsBatchSize is less. ReadEnd says whether there
// is more; read the next page with GetLastMsgsFrom. Without GetLastMsgsUpToSeq its UpToSeq is the
// last sequence of that replica, which shows whether it lags behind. Default: all pages, from
// whichever replicas.
func GetLastMsgsPage() GetLastForOpt {
	return func(l *lastRead) error {
		l.alone = true
		if l.count == 0 {
			l.count = groupMax
		}
		return nil
	}
}

// GetLastMsgsEnd fills end when the sequence has ended without an error. Nil is an
// ErrInvalidOption.
func GetLastMsgsEnd(end *ReadEnd) GetLastForOpt {
	return func(l *lastRead) error {
		if end == nil {
			return &OptionError{Option: "GetLastMsgsEnd", Reason: "is nil"}
		}
		l.end = end
		return nil
	}
}

// GetLastMsgsFor reads the last message of each subject, all as of one moment: what is
// published during the read is not seen. Subjects may have wildcards. The stream needs
// AllowDirect; in everything else it behaves like GetBatch.
//
// Messages come in the order of their sequences. A server returns at most 1,024 of them at a
// time: if there are more, the subjects are requested in groups, and only the messages of each
// group are in order; with GetLastMsgsBatchSize, such a read could not be continued, so the error
// is ErrTooManyResults.
//
// Errors of the call: ErrInvalidStreamName, ErrInvalidOption, ErrInvalidSubject,
// ErrSubjectRequired without subjects. Of the sequence: those of GetBatch,
// ErrTooManyResults, ErrMsgsReplaced.
//
//style:allow params orbit.go's signature
func GetLastMsgsFor(ctx context.Context, js JetStream, stream string, subjects []string, opts ...GetLastForOpt) (iter.Seq2[*RawStreamMsg, error], error) {
	own, err := reader(js, stream)
	if err != nil {
		return nil, err
	}
	if len(subjects) == 0 {
		return nil, ErrSubjectRequired
	}
	for _, s := range subjects {
		if err := checkSubject(s); err != nil {
			return nil, err
		}
	}
	var l lastRead
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&l); err != nil {
			return nil, err
		}
	}
	subjects = slices.Clone(subjects)
	return func(yield func(*RawStreamMsg, error) bool) {
		r := lastReading{js: own, stream: stream, subjects: subjects, lastRead: l}
		if r.each(ctx, yield) && l.end != nil {
			*l.end = r.seen
		}
	}, nil
}

// reader checks the arguments that all reads share.
func reader(js JetStream, stream string) (*jetStream, error) {
	own, err := ownJetStream(js)
	if err != nil {
		return nil, err
	}
	return own, checkStreamName(stream)
}

// ownJetStream returns the implementation behind js, which has to be this package's.
func ownJetStream(js JetStream) (*jetStream, error) {
	own, ok := js.(*jetStream)
	if !ok || own == nil {
		return nil, &OptionError{Option: "js", Reason: "was not made by New"}
	}
	return own, nil
}
