package jetstream

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/api"
)

// RawStreamMsg is a message as a stream stores it. The caller owns it.
type RawStreamMsg struct {
	Subject  string
	Sequence uint64 // in the stream
	Header   api.Header
	Data     []byte
	Time     time.Time // when it was stored
}

// GetMsgOpt is an option of Stream.GetMsg. A nil one is skipped.
type GetMsgOpt func(*getMsgRequest) error

type getMsgRequest struct {
	Seq     uint64 `json:"seq,omitempty"`
	LastFor string `json:"last_by_subj,omitempty"`
	NextFor string `json:"next_by_subj,omitempty"`
	leader  bool
}

// WithGetMsgSubject gets the first message of the subject from the sequence on. The
// subject may have wildcards. ErrInvalidSubject if it is not valid.
func WithGetMsgSubject(subject string) GetMsgOpt {
	return func(r *getMsgRequest) error {
		if err := checkSubject(subject); err != nil {
			return err
		}
		r.NextFor = subject
		return nil
	}
}

// WithGetMsgLast gets the last message of the subject, which may have wildcards; the sequence
// must be 0. ErrInvalidSubject if it is not valid.
func WithGetMsgLast(subject string) GetMsgOpt {
	return func(r *getMsgRequest) error {
		if err := checkSubject(subject); err != nil {
			return err
		}
		r.LastFor = subject
		return nil
	}
}

// WithGetMsgLeader makes the leader of the stream answer, which has every acknowledged message.
// Default: with AllowDirect any replica, which may lag behind.
func WithGetMsgLeader() GetMsgOpt {
	return func(r *getMsgRequest) error {
		r.leader = true
		return nil
	}
}

// GetMsg returns a message by its sequence.
func (s *stream) GetMsg(ctx context.Context, seq uint64, opts ...GetMsgOpt) (*RawStreamMsg, error) {
	req := getMsgRequest{Seq: seq}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&req); err != nil {
			return nil, err
		}
	}
	return s.getMsg(ctx, req)
}

// GetLastMsgForSubject returns the last message of a subject.
func (s *stream) GetLastMsgForSubject(ctx context.Context, subject string) (*RawStreamMsg, error) {
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	return s.getMsg(ctx, getMsgRequest{LastFor: subject})
}

// getMsg reads a message: from any replica if the stream lets them answer, else from its
// leader.
func (s *stream) getMsg(ctx context.Context, req getMsgRequest) (*RawStreamMsg, error) {
	if info := s.info.Load(); info != nil && info.Config.AllowDirect && !req.leader {
		return s.js.directGet(ctx, s.name, directRequest{Seq: req.Seq, LastFor: req.LastFor, NextFor: req.NextFor})
	}
	r := s.request("get message", "STREAM.MSG.GET.", req)
	answer, err := call[struct {
		Message *storedMsg `json:"message"`
	}](ctx, s.js, r)
	if err != nil {
		return nil, withSeq(err, req.Seq)
	}
	if answer.Message == nil {
		return nil, s.js.callError(r, &ResponseError{Err: errNoInfo})
	}
	raw, err := answer.Message.raw()
	if err != nil {
		return nil, s.js.callError(r, &ResponseError{Err: err})
	}
	return raw, nil
}

// storedMsg is a message in an answer of the API.
type storedMsg struct {
	Subject  string    `json:"subject"`
	Sequence uint64    `json:"seq"`
	Header   []byte    `json:"hdrs"` // as it was published
	Data     []byte    `json:"data"`
	Time     time.Time `json:"time"`
}

func (m *storedMsg) raw() (*RawStreamMsg, error) {
	raw := &RawStreamMsg{Subject: m.Subject, Sequence: m.Sequence, Data: m.Data, Time: m.Time}
	if len(m.Header) == 0 {
		return raw, nil
	}
	header, err := api.DecodeHeadersMsg(m.Header)
	if err != nil {
		return nil, err
	}
	raw.Header = header
	return raw, nil
}

// DeleteMsg removes a message.
func (s *stream) DeleteMsg(ctx context.Context, seq uint64) error {
	return s.deleteMsg(ctx, msgDeleteRequest{Seq: seq, NoErase: true})
}

// SecureDeleteMsg removes a message and overwrites it.
func (s *stream) SecureDeleteMsg(ctx context.Context, seq uint64) error {
	return s.deleteMsg(ctx, msgDeleteRequest{Seq: seq})
}

type msgDeleteRequest struct {
	Seq     uint64 `json:"seq"`
	NoErase bool   `json:"no_erase,omitempty"`
}

func (s *stream) deleteMsg(ctx context.Context, req msgDeleteRequest) error {
	r := s.request("delete message", "STREAM.MSG.DELETE.", req)
	answer, err := call[done](ctx, s.js, r)
	switch {
	case err != nil:
		return withSeq(err, req.Seq)
	case !answer.Success:
		return s.js.callError(r, ErrMsgDeleteUnsuccessful)
	default:
		return nil
	}
}

// withSeq notes the sequence in a refusal.
func withSeq(err error, seq uint64) error {
	if refusal, ok := err.(*APIError); ok {
		refusal.Seq = seq
	}
	return err
}
