package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// publishsync.go - publishes and waits: a request, and its answer on the caller's
// goroutine.

// Publish publishes and waits for the acknowledgement.
func (js *jetStream) Publish(ctx context.Context, subject string, payload []byte, opts ...PublishOpt) (*PubAck, error) {
	m := api.Msg{Subject: subject, Data: payload}
	return js.publishSync(ctx, &m, opts)
}

// PublishMsg publishes a message and waits for the acknowledgement.
func (js *jetStream) PublishMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (*PubAck, error) {
	if msg == nil {
		return nil, api.ErrInvalidMsg
	}
	m := api.Msg{Subject: msg.Subject, Header: msg.Header, Data: msg.Data}
	return js.publishSync(ctx, &m, opts)
}

// publishSync publishes m, which it owns.
func (js *jetStream) publishSync(ctx context.Context, m *api.Msg, opts []PublishOpt) (*PubAck, error) {
	p := js.pub
	t := trial{p: p, msg: m, out: outgoing{retries: DefaultPubRetryAttempts, pause: DefaultPubRetryWait}}
	if !p.plain(m, opts) {
		d := p.draft()
		defer p.putAway(d)
		header, err := p.compose(d, m, &t.out, opts)
		if err != nil {
			return nil, err
		}
		if t.out.stall > 0 {
			return nil, &OptionError{Option: "WithStallWait", Reason: "is for PublishAsync"}
		}
		m.Header = header
	}
	if ctx == nil {
		ctx = context.Background()
	}
	t.began = time.Now()
	if deadline, ok := ctx.Deadline(); ok {
		t.limit = deadline.Sub(t.began)
	} else {
		t.limit = js.opts.DefaultTimeout
	}
	return t.run(ctx)
}

// trial is the attempts to get one message acknowledged.
type trial struct {
	p     *publisher
	msg   *api.Msg
	out   outgoing
	began time.Time
	tries int
	maybe bool          // an attempt may have taken effect
	limit time.Duration // for all attempts
}

// attemptMin is the least time for one of several attempts.
const attemptMin = 50 * time.Millisecond

// run tries until there is an outcome.
func (t *trial) run(ctx context.Context) (*PubAck, error) {
	attempt := t.attemptTime()
	for {
		t.tries++
		ack, err := t.once(ctx, attempt)
		if err == nil {
			return ack, nil
		}
		pause, again := t.decide(ctx, err)
		if !again {
			return nil, t.failure(err)
		}
		if cause := t.rest(ctx, pause); cause != nil {
			return nil, t.failure(fmt.Errorf("%w: %w", err, cause))
		}
	}
}

// attemptTime is how long one attempt may take: without an id there is only one.
func (t *trial) attemptTime() time.Duration {
	if t.out.id == "" {
		return t.limit
	}
	return min(max(t.limit/4, attemptMin), resendAfter)
}

// left is how much time remains for attempts. The timer of a context may fire after its deadline:
// a message sent then would take effect although the caller learns that it failed.
func (t *trial) left() time.Duration { return t.limit - time.Since(t.began) }

// rest waits before the next attempt, or returns why there is to be none.
func (t *trial) rest(ctx context.Context, pause time.Duration) error {
	if pause > 0 && !sleep(ctx, min(pause, t.left())) {
		return context.Cause(ctx)
	}
	if t.left() > 0 {
		return nil
	}
	if _, ok := ctx.Deadline(); ok {
		<-ctx.Done() // its deadline has passed
		return context.Cause(ctx)
	}
	return api.ErrTimeout
}

// once sends the message and reads the answer.
func (t *trial) once(ctx context.Context, attempt time.Duration) (*PubAck, error) {
	answer, err := t.ask(ctx, attempt)
	if err != nil {
		if errors.Is(err, api.ErrNoResponders) {
			return nil, ErrNoStreamResponse
		}
		t.maybe = t.maybe || kind.MayHaveSent(err)
		return nil, err
	}
	var r ackReader
	ack, err := r.read(answer.Data)
	if err != nil {
		t.maybe = t.maybe || errors.Is(err, ErrInvalidJSAck)
		return nil, err
	}
	return &ack, nil
}

// ask sends the message and waits for the answer. Only the context ends an attempt that lasts
// until its deadline.
func (t *trial) ask(ctx context.Context, attempt time.Duration) (*api.Msg, error) {
	left := t.left()
	if _, ok := ctx.Deadline(); ok && attempt >= left {
		return t.p.js.nc.RequestMsgWithContext(ctx, t.msg)
	}
	return t.p.js.nc.RequestMsgWithin(ctx, t.msg, max(1, min(attempt, left)))
}

// decide says whether to try again after err, and after which pause.
func (t *trial) decide(ctx context.Context, err error) (pause time.Duration, again bool) {
	patient := t.p.opts.idempotent && t.out.id != ""
	if ctx.Err() != nil || t.left() <= 0 || t.maybe && time.Since(t.began) > t.p.resendUntil() {
		return 0, false
	}
	switch {
	case errors.Is(err, ErrNoStreamResponse):
		again = patient || t.out.retries > 0
		t.out.retries--
	case errors.Is(err, ErrDuplicateMsgInProcess):
		again = t.out.id != ""
	case errors.Is(err, ErrAPI):
		again = patient && kind.CanRetry(err)
	default:
		return 0, t.out.id != "" && (errors.Is(err, api.ErrTimeout) || errors.Is(err, api.ErrDisconnected))
	}
	pause = t.out.pause
	if patient {
		t.out.pause = min(2*pause, retryPauseMax)
	}
	return pause, again
}

// failure is the error for a message that was not acknowledged.
func (t *trial) failure(err error) error {
	if wrong, ok := errors.AsType[*WrongLastSequenceError](err); ok {
		wrong.Expected = t.out.expected
	}
	return &PublishError{Subject: t.msg.Subject, MsgID: t.out.id, Stream: t.out.stream, Attempts: t.tries, Unknown: t.maybe, Err: err}
}

// sleep waits for d. It returns false as soon as ctx is done.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
