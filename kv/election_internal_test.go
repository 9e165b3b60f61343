package kv

import (
	"cmp"
	"strconv"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

func TestWhatAnObserverIsTold(t *testing.T) {
	for _, row := range []struct{ name, events, want string }{
		{"nothing before all has come", "ann", ""},
		{"the leader", "ann ready", "ann"},
		{"that there is none", "ready", "nobody"},
		{"each change", "ann ready - bob -", "ann nobody bob nobody"},
		{"no renewal", "ann ready ann' ann'", "ann"},
		{"that the same one is elected again", "ann ready ann", "ann ann"},
		{"nothing twice when it begins anew", "ann ready resync ann' ready", "ann"},
		{"who came meanwhile", "ann ready resync bob ready", "ann bob"},
		{"that nobody is left", "ann ready resync ready", "ann nobody"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := told(row.events); got != row.want {
				t.Errorf("told of %q, want %q", got, row.want)
			}
		})
	}
}

// told returns the leaders that an observer yields: "ann" is elected, "ann'" renews it, "-"
// gives it back.
func told(events string) string {
	var o observed
	var all []string
	term := "0"
	for i, event := range strings.Fields(events) {
		e := watch.Event[*entry]{Kind: watch.Entry, Value: &entry{revision: uint64(i + 1)}}
		switch name, renewal := strings.CutSuffix(event, "'"); {
		case event == "ready":
			e.Kind = watch.Ready
		case event == "resync":
			e.Kind, e.Gap = watch.Resync, jetstream.GapAway
		case event == "-":
			e.Value.op = OpPurge
		case renewal:
			e.Value.value, e.Value.header = []byte(name), api.Header{lockTokenHeader: {term}}
		default:
			term = strconv.Itoa(i + 1)
			e.Value.value = []byte(name)
		}
		if leader, changed := o.take(&e); changed {
			all = append(all, cmp.Or(leader.Candidate, "nobody"))
		}
	}
	return strings.Join(all, " ")
}
