package api

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
)

// RequestManyOption says when a RequestMany is complete. Options can be combined: the first
// that applies ends it. A nil RequestManyOption is skipped.
type RequestManyOption func(*manyOptions) error

// manyOptions collects the options of one RequestMany.
type manyOptions struct {
	total    time.Duration // noTotal: only the context bounds it
	stall    time.Duration // 0: none
	max      int           // 0: any number
	sentinel func(*Msg) bool
	memory   *Buffers // nil for the heap
}

// noTotal leaves the end to the context's deadline.
const noTotal = actors.NoTimeout

// RequestManyTotal bounds how long a RequestMany waits for replies in total; time spent in
// the body of the loop does not count. A value that is not positive is an ErrBadTimeout.
// Default: Options.Timeout (2 s) if ctx has no deadline, and otherwise only that deadline.
func RequestManyTotal(total time.Duration) RequestManyOption {
	return func(o *manyOptions) error {
		if total <= 0 {
			return &BadTimeoutError{Op: "option RequestManyTotal", Value: total}
		}
		o.total = total
		return nil
	}
}

// RequestManyStall ends a RequestMany when, after the first reply, no further one has arrived
// for stall. A stall longer than the total has no effect. A value that is not positive is an
// ErrBadTimeout. Default: none.
func RequestManyStall(stall time.Duration) RequestManyOption {
	return func(o *manyOptions) error {
		if stall <= 0 {
			return &BadTimeoutError{Op: "option RequestManyStall", Value: stall}
		}
		o.stall = stall
		return nil
	}
}

// RequestManyMaxMessages ends a RequestMany after n replies. Below 1 is an ErrInvalidArg.
// Default: any number.
func RequestManyMaxMessages(n int) RequestManyOption {
	return func(o *manyOptions) error {
		if n < 1 {
			return badArg("option RequestManyMaxMessages", fmt.Sprintf("%d is less than 1", n))
		}
		o.max = n
		return nil
	}
}

// RequestManySentinel ends a RequestMany at the first reply for which last returns true,
// which is not yielded. DefaultSentinel follows the usual convention. Nil is an
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

// Buffers is reusable memory for RequestManyMemory.
type Buffers = actors.Buffers

// RequestManyMemory puts the data of each reply into memory from buffers. The program owns
// that memory and returns it with Buffers.Put when it no longer needs the data, so that large
// replies produce no garbage. Only the data of a message is in it. The memory of replies that
// are not yielded is not returned. Nil is an ErrInvalidArg. Default: each reply has memory of
// its own.
func RequestManyMemory(buffers *Buffers) RequestManyOption {
	return func(o *manyOptions) error {
		if buffers == nil {
			return badArg("option RequestManyMemory", "is nil")
		}
		o.memory = buffers
		return nil
	}
}

// DefaultSentinel reports whether m has no data, which is how responders usually mark the end
// of their replies.
func DefaultSentinel(m *Msg) bool { return len(m.Data) == 0 }

// RequestMany publishes data to subject and yields the replies of any number of responders as
// they arrive. The request is sent when the range over the sequence begins, and again by each
// further range. However the loop ends, nothing is left behind.
//
// The sequence ends without an error when the time for replies is over or an option ends it;
// see RequestManyTotal, RequestManyStall, RequestManyMaxMessages and RequestManySentinel. The
// deadline of ctx is such an end, too: replies that arrived before it are still yielded. Any
// other end is yielded once, as the last element, as an error: those of Request;
// ErrInvalidContext for nil; ErrNoResponders; context.Canceled if ctx is cancelled;
// ErrDisconnected if the link, and the replies with it, was lost; ErrSlowConsumer if more
// replies wait for the loop than are allowed, which is SyncQueueLen (65,536), 64 MiB, or less
// if PendingBudget leaves less room.
func (nc *Conn) RequestMany(ctx context.Context, subject string, data []byte, options ...RequestManyOption) iter.Seq2[*Msg, error] {
	return nc.RequestManyMsg(ctx, &Msg{Subject: subject, Data: data}, options...)
}

// RequestManyMsg is RequestMany for a message with a header. Its Reply is ignored. The
// message must not be changed until the range over the replies has begun.
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
	if err := nc.canRequest(ctx, m); err != nil {
		return nil, err
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
	r.replies, err = nc.core.Gather(&actors.GatherSpec{Subject: m.Subject, Block: block, Payload: m.Data,
		Limits: actors.Limits{Msgs: nc.Opts.SubChanLen, Bytes: DefaultSubPendingBytesLimit}, Memory: r.memory})
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
	if _, over := err.(*TimeoutError); over { // not errors.As: it would find the cause of a lost link
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
