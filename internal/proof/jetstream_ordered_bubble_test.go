package proof_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// orderedWorld is a stream S, a client that consumes it in order, and one that stores and
// counts what the first asks of the server.
type orderedWorld struct {
	t      *testing.T
	b      *faults.Env
	nc     *api.Conn
	js     jetstream.JetStream
	other  jetstream.JetStream
	stored int

	mu               sync.Mutex
	got              []int
	errs             []error
	created, deleted []time.Time
}

func orderly(t *testing.T, f func(w *orderedWorld), options ...faults.Option) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		if b.Server == nil { // a real one keeps its clients from lying about deliveries
			b.Attach("s1", fakeserver.Run(b.T, fakeserver.Options{DontListen: true}))
		}
		w := &orderedWorld{t: b.T, b: b}
		w.nc = w.dial("client")
		defer w.nc.Close()
		other := w.dial("other")
		defer other.Close()
		w.js, w.other = must.Get(jetstream.New(w.nc))(b.T), must.Get(jetstream.New(other))(b.T)
		must.Get(other.Subscribe("$JS.API.CONSUMER.CREATE.>", func(*api.Msg) { w.note(&w.created) }))(b.T)
		must.Get(other.Subscribe("$JS.API.CONSUMER.DELETE.>", func(*api.Msg) { w.note(&w.deleted) }))(b.T)
		f(w)
	}, options...)
}

func (w *orderedWorld) dial(name string) *api.Conn {
	return must.Get(api.Connect(w.b.URL("s1"), api.System(w.b.System), api.SetCustomDialer(w.b.Dialer(name)), api.MaxReconnects(-1)))(w.t)
}

func (w *orderedWorld) note(times *[]time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*times = append(*times, time.Now())
}

func (w *orderedWorld) makeStream(cfg jetstream.StreamConfig) {
	w.t.Helper()
	cfg.Name, cfg.Subjects = "S", []string{"s.>"}
	must.Get(w.other.CreateStream(w.t.Context(), cfg))(w.t)
}

// store stores n more messages, each once, however often the server is away.
func (w *orderedWorld) store(n int) {
	w.t.Helper()
	for range n {
		w.stored++
		id := fmt.Sprint(w.stored)
		m := &api.Msg{Subject: "s.a", Data: []byte(id), Header: api.Header{"Nats-Msg-Id": {id}}}
		for {
			if _, err := w.other.Conn().RequestMsg(m, time.Second); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

func (w *orderedWorld) consume(opts ...jetstream.PullConsumeOpt) jetstream.ConsumeContext {
	w.t.Helper()
	c := must.Get(w.js.OrderedConsumer(w.t.Context(), "S", jetstream.OrderedConsumerConfig{}))(w.t)
	return must.Get(c.Consume(w.handle, append(opts, w.told())...))(w.t)
}

func (w *orderedWorld) handle(m jetstream.Msg) {
	var n int
	if err := json.Unmarshal(m.Data(), &n); err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, n)
}

func (w *orderedWorld) told() jetstream.ConsumeErrHandler {
	return func(_ jetstream.ConsumeContext, err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.errs = append(w.errs, err)
	}
}

// complete is G7 and G16: everything has come once and in order, and of all consumers the
// server has one.
func (w *orderedWorld) complete() {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	var want []int
	for i := 1; i <= w.stored; i++ {
		want = append(want, i)
	}
	if diff := cmp.Diff(want, w.got); diff != "" {
		w.t.Errorf("(-stored +handled):\n%s\n%v", diff, w.errs)
	}
	w.mu.Unlock()
	if names := w.consumers(); len(names) != 1 {
		w.t.Errorf("the server has the consumers %v", names)
	}
	must.Do(w.t, w.nc.Health())
}

func (w *orderedWorld) consumers() (names []string) {
	w.t.Helper()
	l := must.Get(w.other.Stream(w.t.Context(), "S"))(w.t).ConsumerNames(w.t.Context())
	for name := range l.Name() {
		names = append(names, name)
	}
	must.Do(w.t, l.Err())
	return names
}

// attempts returns how often the server was asked for a consumer.
func (w *orderedWorld) attempts() int {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.created)
}

func (w *orderedWorld) end(cc jetstream.ConsumeContext) {
	w.t.Helper()
	cc.Stop()
	<-cc.Closed()
	synctest.Wait()
	if names := w.consumers(); len(names) != 0 {
		w.t.Errorf("after the end the server has the consumers %v", names)
	}
}

// TestJ11OrderedConsumer: messages are lost on the way, the consumer is deleted, the server that
// has it in memory dies. G7: it is created again after the last message; G14: one at a time;
// G16: the old one is deleted.
func TestJ11OrderedConsumer(t *testing.T) {
	for name, fault := range map[string]func(w *orderedWorld){
		"gap":             func(w *orderedWorld) { w.b.Inject("when op(HMSG) index(7) link(client,s1) drop") },
		"gap at the end":  func(w *orderedWorld) { w.b.Inject("when op(HMSG) index(50) link(client,s1) drop") },
		"many gaps":       func(w *orderedWorld) { w.b.Inject("for 10s when op(HMSG) prob(0.2) link(client,s1) drop") },
		"consumer gone":   func(w *orderedWorld) { w.deleteConsumers() },
		"node dead":       func(w *orderedWorld) { w.b.Inject("for 5s server(s1) kill") },
		"cut at messages": func(w *orderedWorld) { w.b.Inject("when op(HMSG) index(9) link(client,s1) reset") },
	} {
		t.Run(name, func(t *testing.T) {
			orderly(t, func(w *orderedWorld) {
				w.makeStream(jetstream.StreamConfig{})
				w.store(20)
				cc := w.consume()
				synctest.Wait()
				fault(w)
				for range 10 {
					w.store(5)
					time.Sleep(time.Second)
				}
				time.Sleep(time.Minute)
				w.complete()
				// While the server is away nothing is counted: the consumer's number shows that it is a new one.
				if n, names := w.attempts(), w.consumers(); n > 12 || len(names) == 1 && strings.HasSuffix(names[0], "_1") {
					t.Errorf("%d consumers were asked for, now there is %v", n, names)
				}
				w.end(cc)
			}, faults.Seed(11))
		})
	}
}

func (w *orderedWorld) deleteConsumers() {
	w.t.Helper()
	for _, name := range w.consumers() {
		must.Do(w.t, w.other.DeleteConsumer(w.t.Context(), "S", name))
	}
}

// TestB11OrderedAfterARestart: an ordered consumer was not created again after its server had
// been restarted. G7, G8: it starts over with the first message, each time.
func TestB11OrderedAfterARestart(t *testing.T) {
	orderly(t, func(w *orderedWorld) {
		w.makeStream(jetstream.StreamConfig{})
		cc := w.consume()
		for range 5 {
			w.b.Inject("for 3s server(s1) kill")
			time.Sleep(4 * time.Second)
			w.store(3)
			time.Sleep(20 * time.Second)
			w.complete()
		}
		w.end(cc)
	})
}

// TestB12NoStormOfConsumers: watchers were created again in a loop, 262 of them in a second, and
// the old ones left. G14: each has a pause that grows; G16: none is left, though consumers are
// deleted as soon as they are made.
func TestB12NoStormOfConsumers(t *testing.T) {
	const many = 10
	orderly(t, func(w *orderedWorld) {
		w.makeStream(jetstream.StreamConfig{})
		var all []jetstream.ConsumeContext
		for range many {
			c := must.Get(w.js.OrderedConsumer(w.t.Context(), "S", jetstream.OrderedConsumerConfig{}))(t)
			all = append(all, must.Get(c.Consume(func(jetstream.Msg) {}))(t))
		}
		before := w.attempts()
		most := 0
		for range 600 { // a minute
			for _, name := range w.consumers() {
				_ = w.other.DeleteConsumer(w.t.Context(), "S", name) // or it has been by its owner
			}
			time.Sleep(100 * time.Millisecond)
			most = max(most, len(w.consumers()))
		}
		if n := w.attempts() - before; n > many*30 {
			t.Errorf("%d consumers were asked for in a minute", n)
		}
		if most > 2*many {
			t.Errorf("there were %d consumers", most)
		}
		time.Sleep(time.Minute)
		if names := w.consumers(); len(names) != many || w.nc.Health() != nil {
			t.Errorf("%d consumers, %v", len(names), w.nc.Health())
		}
		for _, cc := range all {
			cc.Stop()
			<-cc.Closed()
		}
		synctest.Wait()
		if names := w.consumers(); len(names) != 0 {
			t.Errorf("after the end: %v", names)
		}
	})
}

// TestJ18ConsumerQuota: there may be no more consumers. G11: that is reported, with its kind;
// G14: attempts are few; G16: they leave nothing; G8: when there is room it continues.
func TestJ18ConsumerQuota(t *testing.T) {
	orderly(t, func(w *orderedWorld) {
		w.makeStream(jetstream.StreamConfig{MaxConsumers: 2})
		w.store(5)
		cc := w.consume()
		synctest.Wait()
		w.deleteConsumers()
		time.Sleep(10 * time.Second)
		w.complete()
		w.b.Inject("for 20s link(client,s1) refuse")
		w.b.Inject("link(client,s1) reset")
		time.Sleep(time.Second)
		w.deleteConsumers()
		for _, name := range []string{"one", "two"} {
			must.Get(w.other.CreateConsumer(w.t.Context(), "S", jetstream.ConsumerConfig{Durable: name}))(t)
		}
		before := w.attempts()
		time.Sleep(time.Hour)
		if n := w.attempts() - before; n > 3600/5 {
			t.Errorf("%d attempts in an hour", n)
		}
		told := 0
		for _, err := range w.errs {
			if errors.Is(err, jetstream.ErrMaximumConsumersLimit) {
				told++
			}
		}
		if told != 1 || !errors.Is(w.nc.Health(), api.ErrUnhealthy) {
			t.Errorf("told %d times; %v; %v", told, w.errs, w.nc.Health())
		}
		for _, name := range []string{"one", "two"} {
			must.Do(t, w.other.DeleteConsumer(w.t.Context(), "S", name))
		}
		w.store(5)
		time.Sleep(time.Minute)
		w.complete()
		w.end(cc)
	})
}

// TestS16ChangesUnderneath: the stream is purged, deleted and made again, under an ordered
// consumer. G11: each that matters is reported with its kind; G14, G16: no endless making of
// consumers; G8: what is new is delivered.
func TestS16ChangesUnderneath(t *testing.T) {
	orderly(t, func(w *orderedWorld) {
		w.makeStream(jetstream.StreamConfig{})
		w.store(50)
		cc := w.consume()
		time.Sleep(time.Second)
		s := must.Get(w.other.Stream(w.t.Context(), "S"))(t)
		must.Do(t, s.Purge(w.t.Context()))
		w.store(10)
		time.Sleep(time.Minute)
		w.complete() // a purge changes nothing for who has everything
		before := w.attempts()
		must.Do(t, w.other.DeleteStream(w.t.Context(), "S"))
		time.Sleep(time.Hour)
		if n := w.attempts() - before; n > 3600/5 {
			t.Errorf("%d consumers of a stream that is gone were asked for", n)
		}
		if len(w.errs) == 0 || len(w.errs) > 3 || !errors.Is(w.errs[len(w.errs)-1], jetstream.ErrStreamNotFound) || w.nc.Health() == nil {
			t.Errorf("told %v; %v", w.errs, w.nc.Health())
		}
		w.makeStream(jetstream.StreamConfig{})
		w.store(10)
		time.Sleep(time.Minute)
		w.complete()
		if last := w.errs[len(w.errs)-1]; !errors.Is(last, jetstream.ErrStreamRegressed) {
			t.Errorf("the last that was told is %v", last)
		}
		w.end(cc)
	})
}

// liar is a JetStream that says what it wants: a client that answers as a server would.
type liar struct {
	nc *api.Conn

	mu    sync.Mutex
	seqs  []uint64 // of the messages
	at    []time.Time
	start map[string]int // index of the first message for a consumer
	sent  map[string]uint64
	twist func(dseq, sseq uint64) (uint64, uint64) // what it says instead
}

func (l *liar) store(n int) {
	for range n {
		l.mu.Lock()
		last := uint64(0)
		if len(l.seqs) > 0 {
			last = l.seqs[len(l.seqs)-1]
		}
		l.seqs, l.at = append(l.seqs, last+1), append(l.at, time.Now())
		l.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

// lose forgets the last n messages.
func (l *liar) lose(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seqs, l.at = l.seqs[:len(l.seqs)-n], l.at[:len(l.at)-n]
}

func (l *liar) answer(m *api.Msg) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tokens := strings.Split(m.Subject, ".")
	switch {
	case strings.HasPrefix(m.Subject, "$JS.API.STREAM.INFO."):
		last := uint64(0)
		if len(l.seqs) > 0 {
			last = l.seqs[len(l.seqs)-1]
		}
		_ = m.Respond(fmt.Appendf(nil, `{"config":{"name":"S"},"state":{"last_seq":%d}}`, last))
	case strings.HasPrefix(m.Subject, "$JS.API.CONSUMER.CREATE."):
		l.create(m, tokens[5])
	case strings.HasPrefix(m.Subject, "$JS.API.CONSUMER.DELETE."):
		_ = m.Respond([]byte(`{"success":true}`))
	case strings.HasPrefix(m.Subject, "$JS.API.CONSUMER.MSG.NEXT."):
		l.deliver(m.Reply, tokens[6])
	}
}

func (l *liar) create(m *api.Msg, name string) {
	var r struct {
		Config struct {
			Policy string    `json:"deliver_policy"`
			Seq    uint64    `json:"opt_start_seq"`
			Time   time.Time `json:"opt_start_time"`
		} `json:"config"`
	}
	if err := json.Unmarshal(m.Data, &r); err != nil {
		panic(err)
	}
	first := 0
	for first < len(l.seqs) && (l.seqs[first] < r.Config.Seq || l.at[first].Before(r.Config.Time)) {
		first++
	}
	l.start[name], l.sent[name] = first, 0
	before := uint64(0)
	if first > 0 {
		before = l.seqs[first-1]
	}
	config := string(m.Data[strings.Index(string(m.Data), `"config":`)+len(`"config":`):])
	var cfg json.RawMessage
	_ = json.NewDecoder(strings.NewReader(config)).Decode(&cfg)
	_ = m.Respond(fmt.Appendf(nil, `{"stream_name":"S","name":%q,"created":"2026-01-01T00:00:00Z","config":%s,"delivered":{"consumer_seq":0,"stream_seq":%d}}`, name, cfg, before))
}

func (l *liar) deliver(inbox, name string) {
	for i := l.start[name] + int(l.sent[name]); i < len(l.seqs); i++ {
		l.sent[name]++
		dseq, sseq := l.twist(l.sent[name], l.seqs[i])
		ack := fmt.Sprintf("$JS.ACK.S.%s.1.%d.%d.%d.0", name, sseq, dseq, l.at[i].UnixNano())
		_ = l.nc.PublishRequest(inbox, ack, fmt.Append(nil, sseq))
	}
}

// TestS15LyingServer: it has lost the end of a stream, numbers deliveries as it likes, or
// repeats them. G7: nothing is handed on twice or out of order; a stream that regressed is
// told, and what is new is handed on; G12: whatever it says.
func TestS15LyingServer(t *testing.T) {
	honest := func(d, s uint64) (uint64, uint64) { return d, s }
	for name, lie := range map[string]struct {
		do        func(l *liar)
		regressed int // how often it is told
	}{
		"the end is lost":        {func(l *liar) { l.lose(5); l.store(3) }, 1},
		"all is lost":            {func(l *liar) { l.lose(20); l.store(2) }, 1},
		"lost twice":             {func(l *liar) { l.lose(5); l.store(3); time.Sleep(time.Minute); l.lose(3); l.store(1) }, 2},
		"deliveries are skipped": {func(l *liar) { l.setTwist(func(d, s uint64) (uint64, uint64) { return d + d/3, s }) }, 0},
		"deliveries are set back": {func(l *liar) {
			l.setTwist(func(d, s uint64) (uint64, uint64) { return max(d, 2) - 1, s })
		}, 0},
		"messages are repeated": {func(l *liar) { l.setTwist(func(d, s uint64) (uint64, uint64) { return d, s - s%2 }) }, 0},
		"numbers without sense": {func(l *liar) { l.setTwist(func(d, s uint64) (uint64, uint64) { return 1 << 62, 1<<63 - 1 }) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			orderly(t, func(w *orderedWorld) {
				l := &liar{nc: w.other.Conn(), start: map[string]int{}, sent: map[string]uint64{}, twist: honest}
				must.Get(l.nc.Subscribe("$JS.API.>", l.answer))(t)
				must.Do(t, l.nc.Flush())
				l.store(20)
				cc := w.consume(jetstream.PullExpiry(time.Second))
				time.Sleep(time.Second)
				lie.do(l)
				time.Sleep(time.Minute)
				l.setTwist(honest)
				l.store(5)
				time.Sleep(time.Minute)
				w.rises(lie.regressed)
				cc.Stop()
				<-cc.Closed()
			}, faults.NoServer())
		})
	}
}

func (l *liar) setTwist(f func(dseq, sseq uint64) (uint64, uint64)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.twist = f
}

// rises checks that the numbers of what was handed on rise, except for the given number of
// reported regressions, and that the last message has come.
func (w *orderedWorld) rises(regressions int) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	told, fell := 0, 0
	for _, err := range w.errs {
		if errors.Is(err, jetstream.ErrStreamRegressed) {
			told++
		}
	}
	for i := 1; i < len(w.got); i++ {
		if w.got[i] <= w.got[i-1] {
			fell++
		}
	}
	if told != regressions || fell > regressions || len(w.got) < 20 {
		w.t.Errorf("regressed %d times, told %d, want %d: %v %v", fell, told, regressions, w.got, w.errs)
	}
}

// TestJ15FlowControl: each other request of flow control is lost, and the handler does not
// return. G8: the server is answered all the same, so that everything arrives; G9: no more
// than 64 MiB wait.
func TestJ15FlowControl(t *testing.T) {
	const size, count = 500_000, 200
	orderly(t, func(w *orderedWorld) {
		must.Get(w.other.CreateStream(w.t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, Storage: jetstream.MemoryStorage}))(t)
		c := must.Get(w.js.CreatePushConsumer(w.t.Context(), "S", jetstream.ConsumerConfig{Durable: "c", DeliverSubject: "deliver",
			AckPolicy: jetstream.AckNonePolicy, FlowControl: true, IdleHeartbeat: 5 * time.Second}))(t)
		w.b.Inject("for 1h when op(HMSG) every(2) link(client,s1) drop") // heartbeats, too
		gate := make(chan struct{})
		handled := 0
		cc := must.Get(c.Consume(func(jetstream.Msg) { <-gate; handled++ }))(t)
		for range count {
			must.Do(t, w.other.Conn().Publish("s.a", make([]byte, size)))
		}
		must.Do(t, w.other.Conn().Flush())
		time.Sleep(10 * time.Minute)
		sent := int(must.Get(c.Info(w.t.Context()))(t).Delivered.Consumer)
		if sent*size < 32<<20 || sent*size > 64<<20 {
			t.Errorf("%d bytes were sent while the handler did nothing", sent*size)
		}
		close(gate)
		time.Sleep(10 * time.Minute)
		cc.Stop()
		<-cc.Closed()
		if handled != count {
			t.Errorf("%d of %d handled", handled, count)
		}
	})
}

// TestOrderedLeftovers: the line takes each request to remove a consumer. G16: it is asked
// for until the server confirms it, by an actor that is seen, and that ends.
func TestOrderedLeftovers(t *testing.T) {
	orderly(t, func(w *orderedWorld) {
		w.makeStream(jetstream.StreamConfig{})
		w.store(5)
		cc := w.consume()
		synctest.Wait()
		w.b.Inject(`for 20s when op(PUB) subject("$JS.API.CONSUMER.DELETE.>") link(client,s1) drop`)
		cc.Stop()
		<-cc.Closed()
		time.Sleep(10 * time.Second)
		if names := w.consumers(); len(names) != 1 || w.janitors() != 1 {
			t.Errorf("in the meantime the server has the consumers %v, and %d actors are to remove them", names, w.janitors())
		}
		time.Sleep(20 * time.Second)
		if names := w.consumers(); len(names) != 0 || w.janitors() != 0 {
			t.Errorf("after all the server has the consumers %v, and %d actors are to remove them", names, w.janitors())
		}
		must.Do(t, w.nc.Health())
	})
}

// janitors counts the actors that have consumers removed.
func (w *orderedWorld) janitors() (n int) {
	for node := range w.nc.Tree().All() {
		if strings.Contains(node.Name, "janitor") {
			n++
		}
	}
	return n
}
