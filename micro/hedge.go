package micro

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/api"
)

// Hedge sends the request again whenever there is no answer for the time after, at most further
// times. The first answer counts; the others are not waited for. After an answer of an endpoint
// that called no handler (see RefusedHeader), the next request is sent at once. A failure of a
// service (see ServiceError.Answered) is returned only if no other answer can come. Hedge is for
// requests that may be handled more than once, and helps if several instances share the subject.
// Errors: ErrConfigValidation unless both are positive.
func Hedge(after time.Duration, further int) RequestOpt {
	return func(o *requestOpts) error {
		if after <= 0 || further < 1 {
			return &ConfigError{Field: "hedge", Value: after.String() + ", " + strconv.Itoa(further), Reason: "sends no further request", Err: ErrConfigValidation}
		}
		o.after, o.hedges = after, further
		return nil
	}
}

// reply is the outcome of one of several requests.
type reply struct {
	m   *api.Msg
	err error
}

// hedged sends up to 1 + o.hedges requests and returns the first answer, or else the first
// failure, because that request may have been handled.
func (c *Client) hedged(ctx context.Context, m *api.Msg, o requestOpts) (*api.Msg, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	replies := make(chan reply, 1+o.hedges)
	asked, open := 0, 0
	pause := time.NewTimer(o.after)
	defer pause.Stop()
	askNext := func() {
		asked++
		open++
		pause.Reset(o.after)
		go func() {
			answer, err := c.unexpired(ctx, m)
			replies <- reply{answer, err}
		}()
	}
	askNext()
	var trouble error
	for {
		var r reply
		select {
		case <-pause.C:
			if asked <= o.hedges {
				askNext()
			}
			continue
		case r = <-replies:
			open--
		}
		again := undone(r.err) && asked <= o.hedges && ctx.Err() == nil
		switch {
		case r.err == nil || answered(r.err):
			return r.m, r.err
		case again:
			askNext()
		case trouble == nil && !undone(r.err):
			trouble = r.err
		}
		if open == 0 {
			return nil, cmp.Or(trouble, r.err)
		}
	}
}

// answered reports whether an error is the answer of a working service.
func answered(err error) bool {
	se, ok := err.(*ServiceError)
	return ok && se.Answered()
}

// undone reports whether an error says that nothing was done, so that another instance may do
// it.
func undone(err error) bool {
	return err != nil && !errors.Is(err, api.ErrConnectionClosed) && api.Retryable(err) && !api.MaybeSent(err)
}
