package jetstream

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
)

// readcall.go - how a call that only reads outlives an answer that is lost, as in an
// election or with a link.

// readTriesMax is how often a call that only reads is sent.
const readTriesMax = 3

// readSubjects are what the subjects of such calls begin with.
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
// link was lost. All of them wait for their answers; the first one counts. ctx has a
// deadline.
func (js *jetStream) read(ctx context.Context, m *api.Msg) (*api.Msg, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deadline, _ := ctx.Deadline()
	came := make(chan answered, readTriesMax)
	again := time.NewTimer(0)
	defer again.Stop()
	waiting := 0
	for try := 0; ; {
		select {
		case <-again.C:
			try++
			waiting++
			if try < readTriesMax {
				again.Reset(min(time.Until(deadline)/4, time.Duration(try)*js.opts.DefaultTimeout/2))
			}
			js.traceRequest(m)
			go func() {
				answer, err := js.nc.RequestMsgWithContext(ctx, m)
				came <- answered{answer, err}
			}()
		case a := <-came:
			waiting--
			lost := errors.Is(a.err, api.ErrDisconnected)
			if lost && try < readTriesMax {
				again.Reset(0)
				continue
			}
			if !lost || waiting == 0 {
				return a.msg, a.err
			}
		}
	}
}
