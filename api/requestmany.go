package api

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
)

// RequestManyOption says when a RequestMany has all replies. Options can be
// combined: the first that applies ends it. A nil RequestManyOption is skipped.
type RequestManyOption func(*manyOptions) error

// manyOptions collects what the options of one RequestMany say.
type manyOptions struct {
	total    time.Duration // noTotal: only the context bounds it
	stall    time.Duration // 0: none
	max      int           // 0: any number
	sentinel func(*Msg) bool
}

// noTotal leaves the end to the context's deadline.
const noTotal = actors.NoTimeout

// RequestManyTotal bounds how long a RequestMany waits for replies in all; the time
// that the loop's body takes does not count. Default: Options.Timeout (2 s) for a
// context without a deadline, and otherwise nothing but that deadline. Not
// positive is an ErrBadTimeout.
func RequestManyTotal(total time.Duration) RequestManyOption {
	return func(o *manyOptions) error {
		if total <= 0 {
			return &BadTimeoutError{Op: "option RequestManyTotal", Value: total}
		}
		o.total = total
		return nil
	}
}

// RequestManyStall ends a RequestMany when, after the first reply, none came for
// so long. A stall that is longer than the total has no effect. Default: none. Not
// positive is an ErrBadTimeout.
func RequestManyStall(stall time.Duration) RequestManyOption {
	return func(o *manyOptions) error {
		if stall <= 0 {
			return &BadTimeoutError{Op: "option RequestManyStall", Value: stall}
		}
		o.stall = stall
		return nil
	}
}

// RequestManyMaxMessages ends a RequestMany after n replies. Default: any number.
// Below 1 is an ErrInvalidArg.
func RequestManyMaxMessages(n int) RequestManyOption {
	return func(o *manyOptions) error {
		if n < 1 {
			return badArg("option RequestManyMaxMessages", fmt.Sprintf("%d is less than 1", n))
		}
		o.max = n
		return nil
	}
}

// RequestManySentinel ends a RequestMany at the first reply for which last returns
// true. That one is not yielded. DefaultSentinel is the usual agreement. Nil is an
// ErrInvalidCallback.
func RequestManySentinel(last func(*Msg) bool) RequestManyOption {
	return func(o *manyOptions) error {
		if last == nil {
			return &InvalidArgError{Kind: ErrInvalidCallback, What: "option RequestManySentinel", Reason: "is nil"}
		}
		o.sentinel = last
		return nil
	}
}

// DefaultSentinel reports whether m has no data, by which responders usually mark
// the end of their replies.
func DefaultSentinel(m *Msg) bool { return len(m.Data) == 0 }

// RequestMany publishes data to subject and yields the replies as they come, from
// any number of responders. It is sent when the range over it begins, and again by
// each further range. However the loop ends, nothing is left behind.
//
// The sequence ends without an error when the time for replies is over or an option
// says so; see RequestManyTotal, RequestManyStall, RequestManyMaxMessages and
// RequestManySentinel. A deadline of ctx is such an end: what came before it is
// still yielded. Anything else is yielded as an error, once, and is the last: those
// of Request, with ErrInvalidContext for nil; ErrNoResponders; context.Canceled when ctx is cancelled;
// ErrDisconnected when the link was lost, and with it the replies;
// ErrSlowConsumer when more replies came than may wait for the loop, which are
// SyncQueueLen (65,536), or 64 MiB, or as PendingBudget leaves room for.
func (nc *Conn) RequestMany(ctx context.Context, subject string, data []byte, options ...RequestManyOption) iter.Seq2[*Msg, error] {
	return nc.RequestManyMsg(ctx, &Msg{Subject: subject, Data: data}, options...)
}

// RequestManyMsg is RequestMany for a message with a header. Its Reply is ignored,
// and it must not be changed until the range over the replies has begun.
func (nc *Conn) RequestManyMsg(ctx context.Context, m *Msg, options ...RequestManyOption) iter.Seq2[*Msg, error] {
	return func(yield func(*Msg, error) bool) {
		r, err := nc.gather(ctx, m, options)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.replies.End()
		for {
			m, err := r.next(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			if m == nil || !yield(m, nil) {
				return
			}
		}
	}
}

// many is one run of a RequestMany.
type many struct {
	nc      *Conn
	subject string
	manyOptions
	replies *actors.Gathering
	got     int
}

// gather checks everything and publishes the request.
func (nc *Conn) gather(ctx context.Context, m *Msg, options []RequestManyOption) (*many, error) {
	switch {
	case ctx == nil:
		return nil, ErrInvalidContext
	case m == nil:
		return nil, ErrInvalidMsg
	case !nc.valid():
		return nil, ErrInvalidConnection
	}
	r := &many{nc: nc, subject: m.Subject, manyOptions: manyOptions{total: nc.Opts.Timeout}}
	if _, ok := ctx.Deadline(); ok {
		r.total = noTotal
	}
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(&r.manyOptions); err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, actors.Interrupted(ctx, "request", m.Subject, time.Now())
	}
	var block []byte
	var err error
	if len(m.Header) > 0 {
		if block, err = protocol.AppendHeader(nil, m.Header); err != nil {
			return nil, err
		}
	}
	limits := actors.Limits{Msgs: nc.Opts.SubChanLen, Bytes: DefaultSubPendingBytesLimit}
	r.replies, err = nc.core.Gather(m.Subject, block, m.Data, limits)
	return r, err
}

// next waits for a reply; nil and nil at the end.
func (r *many) next(ctx context.Context) (*Msg, error) {
	if r.max > 0 && r.got == r.max {
		return nil, nil
	}
	began := time.Now()
	reply, err := r.replies.Next(ctx, r.wait())
	if r.total != noTotal {
		r.total = max(0, r.total-time.Since(began))
	}
	if _, over := err.(*TimeoutError); over { // and not one below, the cause of a lost link
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := r.nc.replyMsg(&reply)
	if err != nil {
		return nil, &NoRespondersError{Subject: r.subject}
	}
	r.got++
	if r.sentinel != nil && r.sentinel(m) {
		return nil, nil
	}
	return m, nil
}

// wait returns how long to wait for the next reply.
func (r *many) wait() time.Duration {
	if r.got == 0 || r.stall == 0 || r.total != noTotal && r.total < r.stall {
		return r.total
	}
	return r.stall
}
