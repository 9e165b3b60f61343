package jetstream

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
)

// readcall.go - how a call that only reads survives a lost answer, as in an election or when a
// link is lost.

// readTriesMax is how often a call that only reads is sent.
const readTriesMax = 3

// readSubjects are the prefixes of the subjects of such calls.
var readSubjects = [...]string{
	"STREAM.INFO.", "STREAM.NAMES", "STREAM.LIST", "STREAM.MSG.GET.",
	"CONSUMER.INFO.", "CONSUMER.NAMES.", "CONSUMER.LIST.",
}

// reads reports whether a call changes nothing, so that it may be sent again.
func (r request) reads() bool {
	for _, begin := range readSubjects {
		if strings.HasPrefix(r.subject, begin) {
			return true
		}
	}
	return r.subject == "INFO"
}

// answered is how one request ended.
type answered struct {
	msg *api.Msg
	err error
}

// read sends a request, and sends it again when a share of the time has passed, or the
// link was lost. All of them keep waiting for answers; the first one counts. ctx must have a
// deadline.
func (js *jetStream) read(ctx context.Context, m *api.Msg) (*api.Msg, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deadline, _ := ctx.Deadline()
	came := make(chan answered, readTriesMax)
	again := time.NewTimer(time.Until(deadline))
	defer again.Stop()
	tries, waiting := 0, 0
	send := func() {
		tries++
		waiting++
		again.Stop()
		left := time.Until(deadline)
		if tries < readTriesMax && left > 0 {
			again.Reset(min(left/4, time.Duration(tries)*js.opts.DefaultTimeout/2))
		}
		js.traceRequest(m)
		go func() {
			answer, err := js.nc.RequestMsgWithContext(ctx, m)
			came <- answered{answer, err}
		}()
	}
	for send(); ; {
		select {
		case <-again.C:
			send()
		case a := <-came:
			waiting--
			lost := errors.Is(a.err, api.ErrDisconnected)
			if lost && tries < readTriesMax {
				send()
				continue
			}
			if !lost || waiting == 0 {
				return a.msg, a.err
			}
		}
	}
}
