package proof_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	stranger "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// taker has what one watcher yielded, in that order.
type taker struct {
	name      string
	history   bool          // it is told of all revisions
	conflated bool          // it may be told of the last ones only
	channel   bool          // it is not told of syncs
	dawdles   time.Duration // how long it rests behind each twentieth event

	mu     sync.Mutex
	events []kv.Event
	err    error         // why it has ended
	change chan struct{} // closed and replaced with each event; nil if nobody waits
}

// note takes one event.
func (k *taker) note(e kv.Event) {
	k.mu.Lock()
	k.events = append(k.events, e)
	n := len(k.events)
	if k.change != nil {
		close(k.change)
		k.change = nil
	}
	k.mu.Unlock()
	if k.dawdles > 0 && n%20 == 0 {
		<-time.After(k.dawdles)
	}
}

// begun reports whether it yielded anything.
func (k *taker) begun() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.events) > 0
}

// ended notes why there is nothing more, if there was anything.
func (k *taker) ended(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.events) > 0 && !errors.Is(err, context.Canceled) {
		k.err = err
	}
}

// comesTo waits for the last value that is stored, and a Ready after the last Resync.
func (k *taker) comesTo(revision uint64, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		k.mu.Lock()
		there := k.has(revision)
		if k.change == nil {
			k.change = make(chan struct{})
		}
		change := k.change
		k.mu.Unlock()
		if there {
			return true
		}
		select {
		case <-change:
		case <-timer.C:
			return false
		}
	}
}

// has reports whether the present sync is ready, and has that revision of the last values. The lock is held.
func (k *taker) has(revision uint64) bool {
	ready, there := false, false
	for _, e := range slices.Backward(k.events) {
		switch {
		case e.Kind == kv.EventReady:
			ready = true
		case e.Entry != nil && e.Entry.Revision() == revision && strings.HasPrefix(string(e.Entry.Value()), "last-"):
			there = true
		}
		if ready && there || e.Kind == kv.EventResync {
			break
		}
	}
	return ready && there
}

// judge returns what is wrong with what a watcher yielded of a bucket, in which there is truth
// now. intact says that nothing was removed from it.
func (k *taker) judge(truth stored, intact bool) (wrong []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	j := judgement{taker: k, truth: truth, sync: map[uint64]kv.Entry{}}
	for _, e := range k.events {
		j.hear(e)
	}
	j.close(intact)
	if intact && j.resyncs > 0 {
		j.fault("it began anew %d times, though nothing was removed", j.resyncs)
	}
	if k.err != nil {
		j.fault("it has ended: %v", k.err)
	}
	return j.wrong
}

// judgement goes through the events of a watcher.
type judgement struct {
	*taker

	truth stored
	wrong []string

	sync    map[uint64]kv.Entry // of the present sync
	last    uint64              // revision in it
	high    uint64              // the highest of this stream
	ready   int                 // in it
	until   uint64              // the last revision before it was ready
	resyncs int
}

// faultsMax is how many faults of one watcher are reported.
const faultsMax = 10

func (j *judgement) fault(format string, args ...any) {
	if len(j.wrong) < faultsMax {
		j.wrong = append(j.wrong, fmt.Sprintf(format, args...))
	}
}

func (j *judgement) hear(e kv.Event) {
	switch e.Kind {
	case kv.EventReady:
		if j.ready++; j.ready > 1 {
			j.fault("ready %d times in a sync, behind revision %d", j.ready, j.last)
		}
		j.until = j.last
	case kv.EventResync:
		j.resyncs++
		if e.Gap == jetstream.GapReplaced || e.Gap == jetstream.GapRegressed {
			j.high = 0
		}
		j.sync, j.last, j.ready, j.until = map[uint64]kv.Entry{}, 0, 0, 0
	case kv.EventUndecoded:
		j.fault("%v", e.Err)
	default:
		j.entry(e)
	}
}

func (j *judgement) entry(e kv.Event) {
	revision := e.Entry.Revision()
	if revision <= j.last {
		j.fault("revision %d behind %d", revision, j.last)
	}
	if seen := revision <= j.high; seen != e.Seen && !j.channel {
		j.fault("revision %d is said to be seen: %v, as %d was handed on", revision, e.Seen, j.high)
	}
	j.last, j.high = revision, max(j.high, revision)
	j.sync[revision] = e.Entry
}

// close compares the last sync with what there is.
func (j *judgement) close(intact bool) {
	if j.ready != 1 {
		j.fault("the last sync was ready %d times", j.ready)
	}
	newest := j.truth.newest()
	for revision, want := range j.truth {
		got := j.sync[revision]
		switch {
		case got == nil && (newest[want.Key()] == want || j.history || revision > j.until && !j.conflated):
			j.fault("revision %d of %s was missed", revision, want.Key())
		case got != nil && (got.Key() != want.Key() || string(got.Value()) != string(want.Value()) || int(got.Operation()) != int(want.Operation())):
			j.fault("revision %d is %v, want %v", revision, got, want)
		}
	}
	// What is not there any more was there: its key has something newer since.
	for revision, got := range j.sync {
		if _, there := j.truth[revision]; !there && (intact || newest[got.Key()] == nil) {
			j.fault("revision %d of %s was told, and there is nothing of it", revision, got.Key())
		}
	}
}

// noted is an entry for the test of the judge.
type noted struct {
	kv.Entry
	key      string
	revision uint64
}

func (n noted) Key() string      { return n.key }
func (n noted) Revision() uint64 { return n.revision }
func (n noted) Value() []byte    { return []byte(n.key) }
func (n noted) Operation() kv.Op { return kv.OpPut }
func (n noted) String() string   { return fmt.Sprint(n.key, "@", n.revision) }

// theirs is noted, as the other client has it.
type theirs struct {
	stranger.KeyValueEntry
	noted
}

func (e theirs) Key() string                    { return e.noted.Key() }
func (e theirs) Revision() uint64               { return e.noted.Revision() }
func (e theirs) Value() []byte                  { return e.noted.Value() }
func (e theirs) Operation() stranger.KeyValueOp { return stranger.KeyValuePut }
func (e theirs) String() string                 { return e.noted.String() }

// TestTheJudgeOfWatchers finds each thing that a watcher may not do. The bucket has a@1, b@2, a@3 and c@4.
func TestTheJudgeOfWatchers(t *testing.T) {
	truth := stored{}
	for i, key := range []string{"a", "b", "a", "c"} {
		revision := uint64(i + 1)
		truth[revision] = theirs{noted: noted{key: key, revision: revision}}
	}
	for name, c := range map[string]struct{ told, want string }{
		"all":               {"a1 b2 a3 ready c4", ""},
		"begun anew":        {"a1 b2 ready removed b2+ a3 c4 ready", ""},
		"interrupted":       {"b2 replaced b2 a3 c4 ready", ""},
		"twice":             {"b2 a3 ready c4 c4", "revision 4 behind 4"},
		"back":              {"b2 a3 ready c4 a3+", "revision 3 behind 4"},
		"never ready":       {"b2 a3 c4", "the last sync was ready 0 times"},
		"ready twice":       {"b2 ready a3 ready c4", "ready 2 times in a sync, behind revision 3"},
		"not ready again":   {"b2 a3 ready removed b2+ a3+ c4", "the last sync was ready 0 times"},
		"missed":            {"b2 a3 ready", "revision 4 of c was missed"},
		"missed in between": {"b2 ready c4", "revision 3 of a was missed"},
		"not known as seen": {"b2 a3 ready removed b2 a3+ c4 ready", "revision 2 is said to be seen: false"},
		"not seen":          {"b2 a3 ready replaced b2 a3+ c4 ready", "revision 3 is said to be seen: true"},
		"something else":    {"x2 a3 ready c4", "revision 2 is x@2, want b@2"},
		"out of thin air":   {"b2 a3 ready c4 x5", "revision 5 of x was told, and there is nothing of it"},
	} {
		k := &taker{}
		for word := range strings.FieldsSeq(c.told) {
			switch word {
			case "ready":
				k.note(kv.Event{Kind: kv.EventReady})
			case "removed":
				k.note(kv.Event{Kind: kv.EventResync, Gap: jetstream.GapRemoved})
			case "replaced":
				k.note(kv.Event{Kind: kv.EventResync, Gap: jetstream.GapReplaced})
			default:
				k.note(kv.Event{Kind: kv.EventValue, Seen: strings.HasSuffix(word, "+"), Entry: noted{key: word[:1], revision: uint64(word[1] - '0')}})
			}
		}
		got := strings.Join(k.judge(truth, false), "; ")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
