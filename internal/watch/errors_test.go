package watch_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// errNoJSON is why a message is not understood.
var errNoJSON = errors.New("it is no JSON")

var (
	slow      = &watch.SlowError{Watcher: "w-1", Waiting: 7}
	undecoded = &watch.DecodeError{Subject: "a.b", Revision: 7, Err: errNoJSON}
	gap       = &watch.GapError{Stream: "S", Gap: jetstream.GapReplaced}
)

func TestEveryErrorHasItsAnswers(t *testing.T) {
	errortest.List{
		Kinds: map[string]errortest.Verdict{
			"ErrSlow":      errortest.Says(watch.ErrSlow, kind.Limit, "retry", jetstream.ErrJetStream),
			"ErrUndecoded": errortest.Says(watch.ErrUndecoded, kind.Protocol, "", jetstream.ErrJetStream),
		},
		Data: map[string][]errortest.Verdict{
			"SlowError":   {errortest.Says(slow, kind.Limit, "retry", watch.ErrSlow)},
			"DecodeError": {errortest.Says(undecoded, kind.Protocol, "", watch.ErrUndecoded, errNoJSON)},
			"GapError":    {errortest.Says(gap, kind.Conflict, "retry", jetstream.ErrStreamRegressed)},
		},
	}.Check(t)
}

func TestTextsOfErrors(t *testing.T) {
	for want, err := range map[string]error{
		"7 events of w-1":                  slow,
		`"a.b", revision 7: it is no JSON`: undecoded,
		`"S" changed while it was read: the stream was created again`: gap,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("says %q, want %q", err, want)
		}
	}
}
