package watch_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// answer is what an error has to say.
type answer struct {
	err  error
	want errortest.Want
	text string
}

func TestEveryErrorHasItsAnswers(t *testing.T) {
	cause := errors.New("it is no JSON")
	kinds := map[string]answer{
		"ErrSlow":      {watch.ErrSlow, errortest.Want{Category: kind.Limit, Traits: "retry", Parents: []error{jetstream.ErrJetStream}}, "slow"},
		"ErrUndecoded": {watch.ErrUndecoded, errortest.Want{Category: kind.Protocol, Parents: []error{jetstream.ErrJetStream}}, "not understood"},
	}
	data := map[string]answer{
		"SlowError": {&watch.SlowError{Watcher: "w-1", Waiting: 7}, errortest.Want{Category: kind.Limit, Traits: "retry",
			Parents: []error{watch.ErrSlow}}, "7 events of w-1"},
		"DecodeError": {&watch.DecodeError{Subject: "a.b", Revision: 7, Err: cause}, errortest.Want{Category: kind.Protocol,
			Parents: []error{watch.ErrUndecoded, cause}}, `"a.b", revision 7: it is no JSON`},
		"GapError": {&watch.GapError{Stream: "S", Gap: jetstream.GapReplaced}, errortest.Want{Category: kind.Conflict, Traits: "retry",
			Parents: []error{jetstream.ErrStreamRegressed}}, `"S" changed while it was read: the stream was made anew`},
	}
	for _, all := range []map[string]answer{kinds, data} {
		for name, a := range all {
			t.Run(name, func(t *testing.T) {
				errortest.Check(t, a.err, a.want)
				if !strings.Contains(a.err.Error(), a.text) {
					t.Errorf("says %q", a.err)
				}
			})
		}
	}
	foundKinds, foundData := errortest.Declared(t, ".")
	errortest.Compare(t, "kinds", foundKinds, slices.Collect(maps.Keys(kinds)))
	errortest.Compare(t, "errors with data", foundData, slices.Collect(maps.Keys(data)))
}
