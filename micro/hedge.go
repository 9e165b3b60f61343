package micro

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/api"
)

// Hedge asks once more when there is no answer after a while, and again, up to that many
// further times: the first answer counts, and the others are not waited for. An answer of an
// endpoint that called no handler, see RefusedHeader, has the next one asked at once. Trouble of
// a service, see ServiceError.Answered, counts only when nobody is left to answer. It is for
// requests that may be handled more than once, and helps where several instances share the
// subject. Less than one further, or a pause that is not above zero, is an ErrConfigValidation.
func Hedge(after time.Duration, further int) RequestOpt {
	return func(o *requestOpts) error {
		if after <= 0 || further < 1 {
			return &ConfigError{Field: "hedge", Value: after.String() + ", " + strconv.Itoa(further), Reason: "asks nobody else", Err: ErrConfigValidation}
		}
		o.after, o.hedges = after, further
		return nil
	}
}

// reply is what became of one of several requests.
type reply struct {
	m   *api.Msg
	err error
}

// hedged asks up to 1 + o.hedges times and returns the first answer, or else the first trouble:
// something may have been done then.
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

// answered reports whether an error is what a service that is well has to say.
func answered(err error) bool {
	se, ok := err.(*ServiceError)
	return ok && se.Answered()
}

// undone reports whether an error says that nothing was done, and that another instance may
// do it.
func undone(err error) bool {
	return err != nil && !errors.Is(err, api.ErrConnectionClosed) && api.Retryable(err) && !api.MaybeSent(err)
}
