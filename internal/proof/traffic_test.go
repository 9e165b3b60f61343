package proof_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/internal/must"
)

// traffic is a small system at work: a writer that publishes numbered values, readers
// and a responder that get them, and an asker whose requests are answered. What happens
// goes into a history, which is judged at the end.
type traffic struct {
	t       *testing.T
	history *check.History
	writer  *api.Conn
	reader  *api.Conn
	events  map[*api.Conn]*tape

	answer     time.Duration // that a request has
	work, jobs *check.Publisher
	stopped    chan struct{}
	running    sync.WaitGroup
	seen       *counter // values that came
}

// pace is how long the writer and the asker wait between two calls, and askTimeout is
// what a request has, unless it has to succeed.
const (
	pace       = time.Millisecond
	askTimeout = 2 * time.Second
)

// begin connects two clients and lets them work until stop. Options are those of both.
func begin(t *testing.T, url string, options ...api.Option) *traffic {
	t.Helper()
	return beginAsking(t, url, askTimeout, options...)
}

// beginAsking is begin with another time for each request.
func beginAsking(t *testing.T, url string, answer time.Duration, options ...api.Option) *traffic {
	t.Helper()
	tr := &traffic{t: t, answer: answer, events: map[*api.Conn]*tape{}, stopped: make(chan struct{}), seen: newCounter(), history: check.New(time.Now, check.Options{
		Minimum: 100, Late: late, Recovery: recovery,
		Typed: func(err error) bool { return api.CategoryOf(err) != api.CategoryNone },
	})}
	h := tr.history
	tr.work, tr.jobs = h.Publisher("work", "work"), h.Publisher("jobs", "jobs")
	tr.reader = tr.connect(url, "reader", options)
	tr.writer = tr.connect(url, "writer", options)
	tr.read()
	must.Do(t, tr.reader.FlushWithContext(must.Within(t, patience)))
	h.Healed()
	tr.running.Go(tr.publish)
	tr.running.Go(tr.ask)
	t.Cleanup(tr.stop)
	return tr
}

// late is how long after its time a call may still return: what a busy machine takes.
const late = 10 * time.Second

// recovery is how long the system may stand still once a server is there again. The
// client needs a part of it only, the machine may be busy.
const recovery = patience

func (tr *traffic) connect(url, name string, options []api.Option) *api.Conn {
	tr.t.Helper()
	events := newTape()
	note := api.OnEvent(func(e api.Event) {
		if name == "writer" && e.Kind == api.LinkLost {
			tr.work.NewConnection()
			tr.jobs.NewConnection()
		}
		tr.uncertain(e)
		events.add(e)
	})
	// The first attempt may find a machine so busy that its time is over.
	nc, err := api.Connect(url, append([]api.Option{api.Name(name), api.NeverGiveUp(), api.RetryOnFailedConnect(true), system(), note}, options...)...)
	must.Do(tr.t, err)
	tr.t.Cleanup(nc.Close)
	events.await(tr.t, api.LinkRestored, 1)
	tr.events[nc] = events
	return nc
}

// uncertain takes down what a client says may be lost: of the reader answers only.
func (tr *traffic) uncertain(e api.Event) {
	if e.Kind == api.PublishUncertain {
		// Which of the two it is about is not known.
		tr.work.Uncertain(int(e.Count))
		tr.jobs.Uncertain(int(e.Count))
	}
}

// read subscribes the reader: alone, as two members of a group, and to answer.
func (tr *traffic) read() {
	tr.t.Helper()
	alone := tr.history.Subscription("reader", "work", check.AtMostOnce)
	must.Get(tr.reader.Subscribe("work", func(m *api.Msg) {
		alone.Delivered(m.Data)
		tr.seen.add(1)
	}))(tr.t)
	group := tr.history.Group("workers", "jobs", check.AtMostOnce)
	for i := range 2 {
		member := group.Member(fmt.Sprint("worker ", i))
		must.Get(tr.reader.QueueSubscribe("jobs", "workers", func(m *api.Msg) { member.Delivered(m.Data) }))(tr.t)
	}
	must.Get(tr.reader.QueueSubscribe("ask", "responders", func(m *api.Msg) { _ = m.Respond(m.Data) }))(tr.t)
}

// publish publishes until stop, and flushes now and then.
func (tr *traffic) publish() {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := 1; ; i++ {
		select {
		case <-tr.stopped:
			return
		case <-tick.C:
		}
		for subject, publisher := range map[string]*check.Publisher{"work": tr.work, "jobs": tr.jobs} {
			o := publisher.Publish(patience)
			if err := tr.writer.Publish(subject, o.Payload(64)); err != nil {
				o.Rejected(err)
			} else {
				o.Accepted()
			}
		}
		if i%50 == 0 {
			tr.flush()
		}
	}
}

func (tr *traffic) flush() {
	call := tr.history.Begin(check.Sync, "writer", patience)
	work, jobs := tr.work.Flush(), tr.jobs.Flush()
	err := tr.writer.FlushTimeout(patience)
	call.End(err)
	for _, f := range []check.Flush{work, jobs} {
		if err != nil {
			f.Unknown(err)
		} else {
			f.Confirmed()
		}
	}
}

// ask makes requests until stop.
func (tr *traffic) ask() {
	for i := 0; ; i++ {
		select {
		case <-tr.stopped:
			return
		default:
		}
		want := fmt.Sprint("question ", i)
		call := tr.history.Begin(check.Request, "asker", tr.answer)
		answer, err := tr.writer.Request("ask", []byte(want), tr.answer)
		call.End(err)
		if err == nil && string(answer.Data) != want {
			tr.t.Errorf("%s is answered by %q", want, answer.Data)
		}
		if errors.Is(err, api.ErrNoResponders) { // the responder is on its way back
			select {
			case <-tr.stopped:
			case <-time.After(pace):
			}
		}
	}
}

// flow waits until n more values have come.
func (tr *traffic) flow(n int) {
	tr.t.Helper()
	tr.seen.await(tr.t, tr.seen.now()+n)
}

// each calls f for both connections.
func (tr *traffic) each(f func(nc *api.Conn, events *tape)) {
	for nc, events := range tr.events {
		f(nc, events)
	}
}

// restored waits until both connections have had n links, and judges the subscriptions
// that a server has of the reader (G5).
func (tr *traffic) restored(n int, srv *server.Server) {
	tr.t.Helper()
	tr.each(func(_ *api.Conn, events *tape) { events.await(tr.t, api.LinkRestored, n) })
	must.Do(tr.t, tr.reader.FlushWithContext(must.Within(tr.t, patience))) // the server has read them
	if srv == nil {
		return
	}
	tr.history.Interest("reader", []check.Interest{{Subject: "work"}, {Subject: "jobs", Queue: "workers"},
		{Subject: "jobs", Queue: "workers"}, {Subject: "ask", Queue: "responders"}}, interest(tr.t, srv, "reader"))
}

// interest returns what a server knows of the subscriptions of a client, which is to be
// connected once, when the server has seen the ends of its other connections.
func interest(t testing.TB, srv *server.Server, client string) (found []check.Interest) {
	t.Helper()
	await(t, client+" is connected once", func() bool {
		list := must.Get(srv.Connz(&server.ConnzOptions{SubscriptionsDetail: true}))(t)
		connections := 0
		found = nil
		for _, c := range list.Conns {
			if c.Name == client {
				connections++
				found = append(found, wanted(c.SubsDetail)...)
			}
		}
		return connections == 1
	})
	return found
}

// wanted returns the subscriptions that are not a client's own.
func wanted(subs []server.SubDetail) (found []check.Interest) {
	for _, s := range subs {
		if !strings.HasPrefix(s.Subject, api.InboxPrefix) {
			found = append(found, check.Interest{Subject: s.Subject, Queue: s.Queue, Max: int(s.Max)})
		}
	}
	return found
}

// stop ends the work, and waits for what is under way.
func (tr *traffic) stop() {
	select {
	case <-tr.stopped:
	default:
		close(tr.stopped)
	}
	tr.running.Wait()
}

// judge ends the work and fails the test for what broke a guarantee.
func (tr *traffic) judge() {
	tr.t.Helper()
	tr.stop()
	tr.flush()
	must.Do(tr.t, tr.reader.FlushWithContext(must.Within(tr.t, patience)))
	handleAll(tr.t, tr.reader) // a Close discards what still waits for a handler
	for nc := range tr.events {
		call := tr.history.Begin(check.Close, nc.Opts.Name, 2*time.Second)
		report, err := nc.CloseContext(must.Within(tr.t, patience))
		call.Unfinished(len(report.Unfinished))
		call.End(err)
	}
	if err := tr.history.Check(); err != nil {
		tr.t.Errorf("%v\n%v", err, tr.history.Report())
	}
}

// handleAll waits until the handlers of a client have finished with what has come.
func handleAll(t testing.TB, nc *api.Conn) {
	t.Helper()
	handled := make(chan struct{})
	must.Do(t, nc.Barrier(func() { close(handled) }))
	<-handled
}

// counter is a number that can be waited for.
type counter struct {
	mu     sync.Mutex
	n      int
	change chan struct{} // closed and replaced by each add
}

func newCounter() *counter { return &counter{change: make(chan struct{})} }

func (c *counter) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	close(c.change)
	c.change = make(chan struct{})
}

func (c *counter) look() (int, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n, c.change
}

func (c *counter) now() int {
	n, _ := c.look()
	return n
}

func (c *counter) await(t testing.TB, want int) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		n, change := c.look()
		if n >= want {
			return
		}
		select {
		case <-change:
		case <-timer.C:
			t.Fatalf("%d, want %d", n, want)
		}
	}
}
