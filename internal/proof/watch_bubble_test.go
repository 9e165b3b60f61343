package proof_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// TestJ12ReadyOnce has something happen when a watcher has taken k events, for each k: before its
// Ready, which may be lost with what goes wrong, and behind it. G7: it is ready once, behind what
// was there, and is told of each revision once.
func TestJ12ReadyOnce(t *testing.T) {
	for name, happen := range map[string]func(b *faults.Env, js jetstream.JetStream){
		"the server is killed":     func(b *faults.Env, _ jetstream.JetStream) { restart(b) },
		"the link is lost":         func(b *faults.Env, _ jetstream.JetStream) { must.Get(b.Link("client", "s1").Inject("reset"))(b.T) },
		"what comes next is lost":  func(b *faults.Env, _ jetstream.JetStream) { b.Inject("for 2s when op(MSG) link(client,s1) drop") },
		"the link hangs":           func(b *faults.Env, _ jetstream.JetStream) { b.Inject("for 20s link(client,s1) blackhole") },
		"the consumer is deleted":  func(b *faults.Env, js jetstream.JetStream) { deleteAll(b.T, js, "KV_B") },
		"its actors are restarted": func(b *faults.Env, _ jetstream.JetStream) { b.Inject("actor(actor) panic") },
	} {
		for k := range readyKeys + 3 {
			faults.Bubble(t, func(b *faults.Env) {
				r := readyOnce{b: b, writer: must.Get(jetstream.New(enter(b, "writer")))(b.T)}
				r.run(k, happen)
				if !slices.Equal(r.got, r.want) {
					b.T.Errorf("%s behind %d events: %q", name, k, r.got)
				}
			})
		}
	}
}

// readyKeys is how many keys there are at first.
const readyKeys = 6

// readyOnce is a bucket that is watched while something happens.
type readyOnce struct {
	b         *faults.Env
	writer    jetstream.JetStream
	store     kv.Store
	want, got []string
}

// run watches until all has come; after k events something happens.
func (r *readyOnce) run(k int, happen func(b *faults.Env, js jetstream.JetStream)) {
	t := r.b.T
	r.store = must.Get(kv.Create(t.Context(), r.writer, kv.Config{Bucket: "B"}))(t)
	for i := range readyKeys {
		r.put(i)
	}
	r.want = append(r.want, "ready")
	store := must.Get(kv.Open(t.Context(), must.Get(jetstream.New(enter(r.b, "client")))(t), "B"))(t)
	for e, err := range store.Events(t.Context(), nil, kv.WhenSlow(kv.SlowWait, 1)) {
		must.Do(t, err)
		if len(r.got) == k {
			happen(r.b, r.writer)
		}
		r.take(e)
		if len(r.got) == readyKeys+3 {
			break
		}
	}
	time.Sleep(time.Minute)
}

func (r *readyOnce) take(e kv.Event) {
	if e.Entry != nil {
		r.got = append(r.got, e.Entry.Key())
		return
	}
	r.got = append(r.got, e.Kind.String())
	if e.Kind == kv.EventReady {
		r.put(readyKeys)
		r.put(readyKeys + 1)
	}
}

func (r *readyOnce) put(i int) {
	must.Get(r.store.Put(r.b.T.Context(), fmt.Sprint("k", i), nil))(r.b.T)
	r.want = append(r.want, fmt.Sprint("k", i))
}

// restart kills the server, and starts it again.
func restart(b *faults.Env) {
	b.Server.Kill()
	must.Do(b.T, b.Server.Restart())
	time.Sleep(5 * time.Second) // all are back
}

// deleteAll deletes the consumers of a stream.
func deleteAll(t *testing.T, js jetstream.JetStream, stream string) {
	t.Helper()
	s := must.Get(js.Stream(t.Context(), stream))(t)
	for name := range s.ConsumerNames(t.Context()).Name() {
		must.Do(t, s.DeleteConsumer(t.Context(), name))
	}
}

// TestJ12APlanForEachSeed plays a plan for each seed on a bucket, those who write to it, those
// who watch it, and its cache: lines that break, hang, lose and are slow, a server that is
// killed, stopped, restarted and sent away, actors that panic. Meanwhile consumers are deleted,
// and with every other seed keys are purged underneath, markers too, and the bucket is created
// again.
//
// After each plan everything continues, and is judged. G7: each watcher is ready once in each
// sync, and is told of no revision twice in it, of none behind a later one, and of each that is
// there; the one with all values of exactly what a client of another make reads, without a
// resync, where nothing was removed. The cache becomes what the bucket is, and has shown each
// change that was made through it when the call returned. G8: all that comes about. G16: no
// consumer is left.
func TestJ12APlanForEachSeed(t *testing.T) {
	const length = time.Minute
	told := 0
	for seed := *firstSeed; seed < *firstSeed+uint64(sized(1000, 8, 4)); seed++ {
		faults.Bubble(t, func(b *faults.Env) { told += watchSeed(b, seed, length) }, faults.Seed(seed))
		if t.Failed() {
			return
		}
	}
	t.Logf("%d events were judged", told)
}

// watchSeed plays the plan of a seed, and returns how many events were judged.
func watchSeed(b *faults.Env, seed uint64, length time.Duration) (events int) {
	r := rand.New(rand.NewPCG(seed, 12))
	w := &watchedBucket{t: b.T, intact: seed%2 == 0, pace: 150 * time.Millisecond, cfg: kv.Config{History: kv.MaxHistory}}
	if !w.intact {
		w.cfg.History = uint8(1 + r.IntN(3))
		if r.IntN(2) == 0 {
			w.cfg.LimitMarkerTTL = 5 * time.Second // who is away for longer begins anew
		}
	}
	w.watch(func(name string) jetstream.JetStream {
		return must.Get(jetstream.New(enter(b, name)))(b.T)
	})
	known := b.Stage.Known()
	p := plan.Random(seed, plan.Space{Links: []plan.Target{plan.Link("writer1", "s1"), plan.Link("reader", "s1"), plan.Link("reader", "s1")},
		Servers: known.Servers, Actors: known.Actors, Length: length, Kinds: lossy()})
	p.Rules = slices.DeleteFunc(p.Rules, unfair)
	run := must.Get(b.Play(p))(b.T)
	var done []string
	for _, at := range moments(r, length) {
		time.Sleep(at)
		done = append(done, w.happens(r))
	}
	run.Stop()
	must.Do(b.T, run.Err())
	time.Sleep(5 * time.Second)
	w.judge(must.Get(nats.Connect(b.URL("s1"), nats.SetCustomDialer(b.Dialer("witness")), nats.NoReconnect()))(b.T))
	if b.T.Failed() {
		b.T.Logf("seed %d: %s, with the plan\n%s", seed, strings.Join(done, ", "), p)
	}
	for _, k := range w.takers {
		events += len(k.events)
	}
	return events
}

// moments are pauses that add up to a length.
func moments(r *rand.Rand, length time.Duration) (all []time.Duration) {
	for n := 1 + r.IntN(5); n > 0; n-- {
		d := time.Duration(r.Int64N(int64(length)))
		length -= d
		all = append(all, d)
	}
	return append(all, length)
}

// happens has something happen to the bucket, and says what.
func (w *watchedBucket) happens(r *rand.Rand) string {
	n := r.IntN(6)
	if w.intact {
		n = r.IntN(3)
	}
	switch n {
	case 0:
		w.late()
		return "another watcher"
	case 1, 2:
		w.deleteConsumers()
		return "no consumers"
	case 3:
		key := keyOf(r.IntN(watchedKeys))
		w.purge(jetstream.WithPurgeSubject("$KV." + watchedName + "." + key))
		return "no " + key
	case 4:
		if r.IntN(2) == 0 {
			w.purgeMarkers()
			return "no markers"
		}
		w.purge()
		return "no keys"
	default:
		w.anew()
		return "another bucket"
	}
}
