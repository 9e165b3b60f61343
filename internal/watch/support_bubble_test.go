package watch_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/supervisor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a bucket in a bubble, a client that watches it, and another one that stores.
type house struct {
	t     *testing.T
	b     *faults.Env
	nc    *api.Conn
	js    jetstream.JetStream
	other jetstream.JetStream
	named int

	mu   sync.Mutex
	seen []string
}

// bucket is what a store of keys is.
func bucket() jetstream.StreamConfig {
	return jetstream.StreamConfig{Name: "KV_B", Subjects: []string{"$KV.B.>"}, MaxMsgsPerSubject: 1, AllowRollup: true, AllowDirect: true,
		Discard: jetstream.DiscardNew}
}

func inHouse(t *testing.T, cfg jetstream.StreamConfig, f func(h *house)) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		connect := func(name string) *api.Conn {
			return must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer(name)), api.MaxReconnects(-1)))(b.T)
		}
		nc, other := connect("client"), connect("other")
		defer nc.Close()
		defer other.Close()
		h := &house{t: b.T, b: b, nc: nc, js: must.Get(jetstream.New(nc))(b.T), other: must.Get(jetstream.New(other))(b.T)}
		h.create(cfg)
		f(h)
	})
}

func (h *house) create(cfg jetstream.StreamConfig) {
	h.t.Helper()
	must.Get(h.other.CreateStream(h.t.Context(), cfg))(h.t)
}

// stream is the bucket's, of the other client.
func (h *house) stream() jetstream.Stream {
	h.t.Helper()
	return must.Get(h.other.Stream(h.t.Context(), "KV_B"))(h.t)
}

// put stores values: "key=value".
func (h *house) put(pairs ...string) {
	h.t.Helper()
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		must.Get(h.other.Publish(h.t.Context(), "$KV.B."+key, []byte(value)))(h.t)
	}
}

// config is what is watched unless a test wants it otherwise.
func (h *house) config() watch.Config[string] {
	h.t.Helper()
	h.named++
	return watch.Config[string]{Name: fmt.Sprintf("watcher-B-%d", h.named), JetStream: h.js, Stream: must.Get(h.js.Stream(h.t.Context(), "KV_B"))(h.t),
		Deliver: jetstream.DeliverLastPerSubjectPolicy, Missing: jetstream.MissingWait, Decode: decode}
}

// decode makes "key=value@revision" of a message. A value "bad" is none, "skip" is left out.
func decode(m jetstream.Msg, meta *jetstream.MsgMetadata) (string, bool, error) {
	if string(m.Data()) == "bad" {
		return "", false, fmt.Errorf("it is bad")
	}
	return fmt.Sprintf("%s=%s@%d", strings.TrimPrefix(m.Subject(), "$KV.B."), m.Data(), meta.Sequence.Stream), string(m.Data()) != "skip", nil
}

// text shows an event.
func text(e watch.Event[string]) string {
	switch e.Kind {
	case watch.Entry:
		if e.Seen {
			return e.Value + " again"
		}
		return e.Value
	case watch.Resync:
		return "resync: " + e.Gap.String()
	case watch.Undecoded:
		return e.Err.Error()
	}
	return e.Kind.String()
}

// start starts a watcher whose events are noted, and the error that ends it.
func (h *house) start(cfg watch.Config[string]) *watch.Watcher[string] {
	h.t.Helper()
	return h.startWith(h.t.Context(), cfg)
}

func (h *house) startWith(ctx context.Context, cfg watch.Config[string]) *watch.Watcher[string] {
	h.t.Helper()
	w := must.Get(watch.Start(ctx, cfg))(h.t)
	h.loop(w)
	return w
}

// loop notes the events of a watcher.
func (h *house) loop(w *watch.Watcher[string]) {
	go func() {
		for e, err := range w.Events() {
			if err != nil {
				h.note("error: " + err.Error())
				return
			}
			h.note(text(e))
		}
		h.note("end")
	}()
}

func (h *house) note(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, what)
}

// expect checks what was noted since the last time, when nothing moves any more.
func (h *house) expect(want ...string) {
	h.t.Helper()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if got, want := strings.Join(h.seen, "; "), strings.Join(want, "; "); got != want {
		h.t.Errorf("noted\n\t%s\nwant\n\t%s", got, want)
	}
	h.seen = nil
}

// forget drops what was noted.
func (h *house) forget() {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = nil
}

// expectInOrder is expect for entries with one Ready somewhere among them.
func (h *house) expectInOrder(want []string) {
	h.t.Helper()
	synctest.Wait()
	h.mu.Lock()
	ready := slices.Index(h.seen, "ready")
	if ready >= 0 {
		h.seen = slices.Delete(h.seen, ready, ready+1)
	}
	h.mu.Unlock()
	if ready < 50 {
		h.t.Errorf("ready after %d entries", ready)
	}
	h.expect(want...)
}

// must fails the test if a call did.
func (h *house) must(_ any, err error) {
	h.t.Helper()
	must.Do(h.t, err)
}

// putSomehow stores a value once there is a server.
func (h *house) putSomehow(pair string) {
	h.t.Helper()
	key, value, _ := strings.Cut(pair, "=")
	for {
		_, err := h.other.Publish(h.t.Context(), "$KV.B."+key, []byte(value), jetstream.WithMsgID(pair))
		if err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (h *house) deleteConsumers() {
	h.t.Helper()
	lister := h.stream().ConsumerNames(h.t.Context())
	for name := range lister.Name() {
		_ = h.other.DeleteConsumer(h.t.Context(), "KV_B", name) // deleted meanwhile
	}
	must.Do(h.t, lister.Err())
}

// expectConsumers checks how many consumers the stream has.
func (h *house) expectConsumers(want int) {
	h.t.Helper()
	synctest.Wait()
	if got := must.Get(h.stream().Info(h.t.Context()))(h.t).State.Consumers; got != want {
		h.t.Errorf("%d consumers, want %d", got, want)
	}
}

// node returns what the tree shows of a watcher; an empty node if it is not there.
func (h *house) node(name string) supervisor.Node {
	n, _ := h.nc.Tree().Find("consumers/" + name)
	return n
}

// expectState checks the state of a watcher, and a part of its reason.
func (h *house) expectState(w string, state, reason string) {
	h.t.Helper()
	synctest.Wait()
	if n := h.node(w); n.State != state || !strings.Contains(n.Reason, reason) {
		h.t.Errorf("%s is %s: %q, want %s: %q", w, n.State, n.Reason, state, reason)
	}
}
