package kv

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// fed feeds a copy: "a=1@3", "a-@4" for a marker, "?@5" for what cannot be decoded, "passed@9",
// "ready", "resync", "replaced". It returns what is shown, which has a '!' in front if the last
// event shows it.
func fed(c *cacheCopy, events string) string {
	shows := false
	for event := range strings.FieldsSeq(events) {
		e := watch.Event[*entry]{Kind: watch.Entry}
		what, at, _ := strings.Cut(event, "@")
		_, _ = fmt.Sscan(at, &e.Revision)
		switch {
		case what == "ready":
			e.Kind = watch.Ready
		case what == "resync":
			e.Kind, e.Gap = watch.Resync, jetstream.GapAway
		case what == "replaced":
			e.Kind, e.Gap = watch.Resync, jetstream.GapReplaced
		case what == "passed":
			e.Kind = watch.Passed
		case what == "?":
			e.Kind = watch.Undecoded
		case strings.HasSuffix(what, "-"):
			e.Value = &entry{key: what[:len(what)-1], revision: e.Revision, op: OpDelete}
		default:
			key, value, _ := strings.Cut(what, "=")
			e.Value = &entry{key: key, value: []byte(value), revision: e.Revision}
		}
		shows, _ = c.take(&e, func(*watch.Event[*entry]) *cached { return nil })
	}
	var all []string
	if c.shown.root != nil {
		c.shown.root.all(func(e *cached) bool {
			all = append(all, e.key+"="+string(e.value))
			return true
		})
	}
	slices.Sort(all)
	text := fmt.Sprintf("%s at %d", strings.Join(all, " "), c.shown.revision)
	if shows {
		return "!" + text
	}
	return text
}

func TestWhatACopyShows(t *testing.T) {
	for _, step := range []struct{ name, events, want string }{
		{"nothing while it loads", "a=1@1 b=2@3", " at 0"},
		{"all when it is ready", "a=1@1 b=2@3 ready", "!a=1 b=2 at 3"},
		{"each entry from then on", "a=1@1 ready a=2@4", "!a=2 at 4"},
		{"no key that is deleted", "a=1@1 b=2@3 ready a-@4", "!b=2 at 4"},
		{"nothing for what nobody understands", "a=1@1 ready ?@2", "!a=1 at 2"},
		{"that nothing is missing", "a=1@1 ready passed@7", "!a=1 at 7"},
		{"the whole of it while it loads again", "a=1@1 b=2@2 ready resync b=3@3", "a=1 b=2 at 2"},
		{"what is left behind that", "a=1@1 b=2@2 ready resync b=3@3 ready", "!b=3 at 3"},
		{"nothing older than before", "a=1@1 b=2@9 ready resync a=1@1 ready", "a=1 b=2 at 9"},
		{"what is newer", "a=1@1 b=2@9 ready resync a=1@1 ready b=2@9", "!a=1 b=2 at 9"},
		{"that what was shown is gone", "a=1@1 b=2@9 ready resync a=1@1 ready passed@11", "!a=1 at 11"},
		{"nothing older, begun anew twice", "a=1@1 b=2@9 ready resync a=1@1 ready resync ready", "a=1 b=2 at 9"},
		{"no revision of a stream that is gone", "a=1@1 b=2@9 ready replaced a=7@1", "a=1 b=2 at 0"},
		{"what is older of another stream", "a=1@1 b=2@9 ready replaced a=7@1 ready", "!a=7 at 1"},
	} {
		t.Run(step.name, func(t *testing.T) {
			if got := fed(newCacheCopy(), step.events); got != step.want {
				t.Errorf("it shows %q, want %q", got, step.want)
			}
		})
	}
}

// TestWhoWaitsIsToldThatRevisionsAreVoidWhenTheyAre: a waiter that is woken reads what is shown,
// and must not find one.
func TestWhoWaitsIsToldThatRevisionsAreVoidWhenTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Cache{s: &store{bucket: "B"}, copy: newCacheCopy(), ready: make(chan struct{})}
		c.version.Store(&cacheVersion{trie: newTrie(), err: ErrCacheLoading})
		c.take(&watch.Event[*entry]{Kind: watch.Entry, Revision: 5, Value: &entry{key: "a", revision: 5}})
		c.take(&watch.Event[*entry]{Kind: watch.Ready})
		w := &cacheWaiter{revision: never, done: make(chan error)}
		must.Do(t, c.join(w))
		go c.take(&watch.Event[*entry]{Kind: watch.Resync, Gap: jetstream.GapReplaced})
		synctest.Wait() // it is about to tell
		if v := c.version.Load(); v.revision != 0 || v.anew != 1 || v.keys != 1 {
			t.Errorf("revision %d, void %d times, %d keys are shown", v.revision, v.anew, v.keys)
		}
		if err := <-w.done; !errors.Is(err, jetstream.ErrStreamRegressed) {
			t.Errorf("it was told %v", err)
		}
	})
}

func TestWhenWhatIsCachedExpires(t *testing.T) {
	server, own := time.Unix(1_000_000, 0), time.Unix(5_000_000, 0)
	clock := cacheClock{server: server, own: own}
	for _, row := range []struct {
		name string
		cfg  jetstream.StreamConfig
		ttl  string
		want time.Duration // behind own; 0 for never
	}{
		{"never", jetstream.StreamConfig{}, "", 0},
		{"with all others", jetstream.StreamConfig{MaxAge: time.Minute}, "", 50 * time.Second},
		{"by itself", jetstream.StreamConfig{}, "15s", 5 * time.Second},
		{"by itself, in seconds", jetstream.StreamConfig{}, "15", 5 * time.Second},
		{"in whole seconds", jetstream.StreamConfig{}, "15.9s", 5 * time.Second},
		{"before the others", jetstream.StreamConfig{MaxAge: time.Minute}, "15s", 5 * time.Second},
		{"not behind the others", jetstream.StreamConfig{MaxAge: time.Minute}, "1h", 50 * time.Second},
		{"never, unlike others", jetstream.StreamConfig{MaxAge: time.Minute}, "never", 0},
		{"as others, with nonsense", jetstream.StreamConfig{MaxAge: time.Minute}, "soon", 50 * time.Second},
		{"when the server says so", jetstream.StreamConfig{MaxAge: time.Minute, SubjectDeleteMarkerTTL: time.Second}, "15s", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			life := lifeOf(&row.cfg, clock)
			e := &entry{created: server.Add(-10 * time.Second)}
			if row.ttl != "" {
				e.header = api.Header{jetstream.MsgTTLHeader: {row.ttl}}
			}
			want := time.Time{}
			if row.want != 0 {
				want = own.Add(row.want)
			}
			if got := life.end(e); !got.Equal(want) {
				t.Errorf("it expires at %v, want %v", got, want)
			}
		})
	}
}
