package micro

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/api"
)

// TestStanding: what the tree shows after events, the worst first.
func TestStanding(t *testing.T) {
	why := errors.New("troupe: why")
	began, ended := api.Event{Kind: api.SlowConsumerBegan, Cause: why}, api.Event{Kind: api.SlowConsumerEnded}
	denied, restored := api.Event{Kind: api.PermissionDenied, Cause: why}, api.Event{Kind: api.SubscriptionRestored}
	blocked, unblocked := api.Event{Kind: api.HandlerBlocked, Cause: why}, api.Event{Kind: api.HandlerUnblocked}
	stopped := api.Event{Kind: api.SubscriptionStopped, Cause: why}
	for name, c := range map[string]struct {
		from   standing
		events []api.Event
		state  string
		level  api.Level
		reason string
	}{
		"nothing":                {standing{}, nil, stateServing, api.Well, ""},
		"another event":          {standing{}, []api.Event{{Kind: api.HandlerPanicked, Cause: why}}, stateServing, api.Well, ""},
		"full":                   {standing{}, []api.Event{began}, stateOverloaded, api.Degraded, "why"},
		"room again":             {standing{}, []api.Event{began, ended}, stateServing, api.Well, ""},
		"refused":                {standing{}, []api.Event{denied}, stateRefused, api.Down, "why"},
		"accepted":               {standing{}, []api.Event{denied, restored}, stateServing, api.Well, ""},
		"full and refused":       {standing{}, []api.Event{began, denied}, stateRefused, api.Down, "why"},
		"accepted, and full yet": {standing{}, []api.Event{began, denied, restored}, stateOverloaded, api.Degraded, "why"},
		"blocked":                {standing{}, []api.Event{blocked, blocked}, stateBlocked, api.Degraded, "handlers that do not return: 2"},
		"one is back":            {standing{}, []api.Event{blocked, blocked, unblocked}, stateBlocked, api.Degraded, "handlers that do not return: 1"},
		"all are back":           {standing{}, []api.Event{blocked, unblocked, unblocked}, stateServing, api.Well, ""},
		"no link":                {standing{unlinked: true}, []api.Event{began}, stateWaiting, api.Degraded, "no link"},
		"draining":               {standing{draining: true, unlinked: true}, nil, stateDraining, api.Well, ""},
		"failed":                 {standing{draining: true}, []api.Event{denied, stopped}, stateFailed, api.Down, "why"},
		"ended":                  {standing{draining: true}, []api.Event{{Kind: api.SubscriptionStopped}}, stateDraining, api.Well, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.from
			for i := range c.events {
				s = s.after(&c.events[i])
			}
			if state, level, reason := s.shown(); state != c.state || level != c.level || reason != c.reason {
				t.Errorf("%s, %v, %s", state, level, reason)
			}
		})
	}
}

// TestBuckets: each duration is counted in its bucket, and no bucket is wider than it says.
func TestBuckets(t *testing.T) {
	for bucket := 1; bucket < bucketOf(math.MaxInt64); bucket++ {
		from, next := bucketFrom(bucket), bucketFrom(bucket+1)
		if bucketOf(from) != bucket || bucketOf(next-1) != bucket || bucketOf(from-1) != bucket-1 || next <= from || float64(next-from) > float64(from)/4+1 {
			t.Errorf("bucket %d from %d to %d", bucket, from, next)
		}
	}
	if bucketOf(-1) != 0 || bucketOf(0) != 0 || bucketOf(math.MaxInt64) >= bucketCount {
		t.Error("the ends are not where they should be")
	}
}

// TestQuantiles: no more than a quarter below the truth, and not above it.
func TestQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h histogram
		took := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Hour)), 1, 300).Draw(t, "took")
		for _, d := range took {
			h.add(time.Duration(d))
		}
		slices.Sort(took)
		l := h.snapshot()
		for thousandths, got := range map[int]time.Duration{500: l.P50, 900: l.P90, 990: l.P99, 999: l.P999} {
			truth := took[(len(took)*thousandths+999)/1000-1]
			if int64(got) > truth || float64(got) < float64(truth)*0.79-1 {
				t.Errorf("quantile %d is %d, not %d", thousandths, got, truth)
			}
		}
		if int64(l.Max) != took[len(took)-1] || !sort.SliceIsSorted(l.Buckets, func(i, k int) bool { return l.Buckets[i].From < l.Buckets[k].From }) {
			t.Errorf("%+v", l)
		}
		h.reset()
		if l := h.snapshot(); l.Max != 0 || l.P999 != 0 || len(l.Buckets) != 0 {
			t.Errorf("after a reset: %+v", l)
		}
	})
}

// TestRoster: whichever instances come and go, the changes add up to those that are there.
func TestRoster(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := roster{misses: rapid.IntRange(1, 3).Draw(t, "misses")}
		told, missed := map[string]Info{}, map[string]int{}
		for range rapid.IntRange(1, 20).Draw(t, "rounds") {
			var infos []Info
			for _, id := range rapid.SliceOfDistinct(rapid.StringMatching("[a-d]"), rapid.ID[string]).Draw(t, "ids") {
				infos = append(infos, Info{ServiceIdentity: ServiceIdentity{ID: id}, Description: rapid.StringMatching("[xy]").Draw(t, "description")})
			}
			complete := rapid.Bool().Draw(t, "complete")
			for _, change := range r.round(infos, complete) {
				applyChange(t, told, change)
			}
			for id := range told {
				there := slices.ContainsFunc(infos, func(i Info) bool { return i.ID == id && i.Description == told[id].Description })
				if there {
					missed[id] = 0
				} else if complete {
					missed[id]++
				}
				if missed[id] >= r.misses || !there && slices.ContainsFunc(infos, func(i Info) bool { return i.ID == id }) {
					t.Errorf("%s is told, and was missed %d times", id, missed[id])
				}
			}
			for _, info := range infos {
				if told[info.ID].Description != info.Description {
					t.Errorf("%s is not told", info.ID)
				}
			}
		}
	})
}

// applyChange follows a change, which has to make sense.
func applyChange(t *rapid.T, told map[string]Info, change Change) {
	before, known := told[change.Info.ID]
	switch change.Kind {
	case InstanceAppeared:
		if known {
			t.Errorf("%s appeared again", change.Info.ID)
		}
		told[change.Info.ID] = change.Info
	case InstanceChanged:
		if !known || before.Description != change.Before.Description || before.Description == change.Info.Description {
			t.Errorf("%+v is no change", change)
		}
		told[change.Info.ID] = change.Info
	case InstanceGone:
		if !known || before.Description != change.Info.Description {
			t.Errorf("%+v is gone, and was not there", change)
		}
		delete(told, change.Info.ID)
	}
}

// TestFleet: the instance with the least to do is chosen, evenly among equals.
func TestFleet(t *testing.T) {
	f := (&loads{}).of(Target{})
	begin := func(tried map[string]bool, any bool) string {
		subject, more, _ := f.begin(tried, any)
		if (subject == "") != (more != nil) {
			t.Errorf("%q, and more to come: %v", subject, more != nil)
		}
		return subject
	}
	if begin(nil, true) != "" {
		t.Error("somebody is there")
	}
	_, more, _ := f.begin(nil, true)
	for subject, busy := range map[string]int{"s.a": 5, "s.b": 1, "s.c": 2} {
		f.learn(subject, busy)
	}
	select {
	case <-more:
	default:
		t.Error("nobody is told of them")
	}
	if got := begin(nil, false); got != "" {
		t.Errorf("chosen %s, who has something to do", got)
	}
	var chosen []string
	for range 3 {
		chosen = append(chosen, begin(nil, true))
	}
	if chosen[0] != "s.b" || chosen[1] == "s.a" || chosen[2] == "s.a" {
		t.Errorf("chosen %v", chosen)
	}
	if got := begin(map[string]bool{"s.b": true, "s.c": true}, true); got != "s.a" {
		t.Errorf("chosen %s, of what is left", got)
	}
	f.end("s.a", true)
	f.end("s.nobody", true)
	if got := begin(map[string]bool{"s.b": true, "s.c": true}, true); got != "" {
		t.Errorf("chosen %s, who is gone", got)
	}
	f.learn("s.d", 0)
	f.learn("s.b", 0)
	f.learn("s.c", 0)
	f.learnt(nil, errNoHandler())
	if _, _, failure := f.begin(map[string]bool{"s.b": true, "s.c": true, "s.d": true}, true); failure == nil || len(f.instances) != 3 {
		t.Errorf("%v, %d instances", failure, len(f.instances))
	}
	f.learnt(map[string]bool{"s.b": true, "s.c": true}, nil)
	counts := map[string]int{}
	for range 200 {
		subject := begin(nil, true)
		counts[subject]++
		if rand.IntN(2) == 0 {
			f.end(subject, false)
		}
	}
	if counts["s.b"] < 20 || counts["s.c"] < 20 {
		t.Errorf("chosen %v", counts)
	}
}
