package api_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// peer is a connection of troupe or of nats.go, with the calls that rows of a table need, so
// that the same row runs on both.
type peer struct {
	t       *testing.T
	conn    connection
	nilConn connection
	nilSub  func() *held
	async   func(subject string, handler func(data string)) *held
	sync    func(subject string) *held
	channel func(subject string, capacity int) *held
	attempt func(subject string) error // to subscribe
	request func(subject string) error
	publish func(subject string, data string)
	flush   func()
}

// connection is what both have with one signature.
type connection interface {
	Publish(subject string, data []byte) error
	PublishRequest(subject, reply string, data []byte) error
	Flush() error
	FlushTimeout(time.Duration) error
	RTT() (time.Duration, error)
	Buffered() (int, error)
	Drain() error
	ForceReconnect() error
	Barrier(func()) error
	Servers() []string
	DiscoveredServers() []string
	LastError() error
	IsClosed() bool
	IsConnected() bool
	IsReconnecting() bool
	IsDraining() bool
	NumSubscriptions() int
	MaxPayload() int64
	HeadersSupported() bool
	AuthRequired() bool
	TLSRequired() bool
	ConnectedUrl() string
	ConnectedUrlRedacted() string
	ConnectedAddr() string
	ConnectedServerId() string
	ConnectedServerName() string
	ConnectedServerVersion() string
	ConnectedClusterName() string
	GetClientID() (uint64, error)
	Close()
}

// subscription is what both have with one signature.
type subscription interface {
	Unsubscribe() error
	AutoUnsubscribe(max int) error
	Drain() error
	IsValid() bool
	IsDraining() bool
	SetPendingLimits(msgs, bytes int) error
	PendingLimits() (int, int, error)
	Pending() (int, int, error)
	MaxPending() (int, int, error)
	ClearMaxPending() error
	Delivered() (int64, error)
	Dropped() (int, error)
	QueuedMsgs() (int, error)
	SetClosedHandler(func(subject string))
}

// held is a subscription of either.
type held struct {
	subscription
	t      *testing.T
	typ    func() int
	status func() <-chan string
	next   func(time.Duration) (string, error)
}

// read returns the data of the next message, or the name of the error.
func (h *held) read() string {
	data, err := h.next(patience)
	if err != nil {
		return name(err)
	}
	return data
}

// poll is read for when nothing is expected.
func (h *held) poll() string {
	data, err := h.next(50 * time.Millisecond)
	if err != nil {
		return name(err)
	}
	return data
}

// ending returns what is told of the end of the subscription.
func (h *held) ending() <-chan string {
	ended := make(chan string, 10)
	h.SetClosedHandler(func(subject string) { ended <- subject })
	return ended
}

func ours(t *testing.T, s *natsserver.Server, options ...api.Option) *peer {
	nc := dial(t, s, options...)
	hold := func(sub *api.Subscription) *held {
		h := &held{subscription: sub, t: t, typ: func() int { return int(sub.Type()) }}
		h.status = func() <-chan string {
			states := sub.StatusChanged()
			return texts(func() (fmt.Stringer, bool) { s, ok := <-states; return s, ok })
		}
		h.next = func(d time.Duration) (string, error) {
			m, err := sub.NextMsg(d)
			if err != nil {
				return "", err
			}
			return string(m.Data), nil
		}
		return h
	}
	p := &peer{t: t, conn: nc, nilConn: (*api.Conn)(nil), nilSub: func() *held { return hold(nil) }}
	p.async = func(subject string, f func(string)) *held {
		return hold(must.Get(nc.Subscribe(subject, func(m *api.Msg) { f(string(m.Data)) }))(t))
	}
	p.sync = func(subject string) *held { return hold(must.Get(nc.SubscribeSync(subject))(t)) }
	p.channel = func(subject string, n int) *held {
		return hold(must.Get(nc.ChanSubscribe(subject, make(chan *api.Msg, n)))(t))
	}
	p.attempt = func(subject string) error { _, err := nc.SubscribeSync(subject); return err }
	p.request = func(subject string) error { _, err := nc.Request(subject, nil, 100*time.Millisecond); return err }
	return p.ready()
}

func theirs(t *testing.T, s *natsserver.Server, options ...nats.Option) *peer {
	nc := must.Get(nats.Connect(s.URL(), append(options, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
		nats.ReconnectJitter(0, 0))...))(t)
	t.Cleanup(nc.Close)
	hold := func(sub *nats.Subscription) *held {
		h := &held{subscription: sub, t: t, typ: func() int { return int(sub.Type()) }}
		h.status = func() <-chan string {
			states := sub.StatusChanged()
			return texts(func() (fmt.Stringer, bool) { s, ok := <-states; return s, ok })
		}
		h.next = func(d time.Duration) (string, error) {
			m, err := sub.NextMsg(d)
			if err != nil {
				return "", err
			}
			return string(m.Data), nil
		}
		return h
	}
	p := &peer{t: t, conn: nc, nilConn: (*nats.Conn)(nil), nilSub: func() *held { return hold(nil) }}
	p.async = func(subject string, f func(string)) *held {
		return hold(must.Get(nc.Subscribe(subject, func(m *nats.Msg) { f(string(m.Data)) }))(t))
	}
	p.sync = func(subject string) *held { return hold(must.Get(nc.SubscribeSync(subject))(t)) }
	p.channel = func(subject string, n int) *held {
		return hold(must.Get(nc.ChanSubscribe(subject, make(chan *nats.Msg, n)))(t))
	}
	p.attempt = func(subject string) error { _, err := nc.SubscribeSync(subject); return err }
	p.request = func(subject string) error { _, err := nc.Request(subject, nil, 100*time.Millisecond); return err }
	return p.ready()
}

func (p *peer) ready() *peer {
	p.publish = func(subject, data string) { must.Do(p.t, p.conn.Publish(subject, []byte(data))) }
	p.flush = func() { must.Do(p.t, p.conn.FlushTimeout(patience)) }
	return p
}

// send publishes the numbers from first to last and waits until they have come.
func (p *peer) send(subject string, first, last int) {
	for i := first; i <= last; i++ {
		p.publish(subject, string(number(i)))
	}
	p.flush()
}

// texts turns what next returns until it is closed into a channel of texts. It has
// room for all, so nobody waits for a reader.
func texts(next func() (fmt.Stringer, bool)) <-chan string {
	out := make(chan string, 100)
	go func() {
		defer close(out)
		for s, ok := next(); ok; s, ok = next() {
			out <- s.String()
		}
	}()
	return out
}

// sentinels are the errors that rows name.
var sentinels = []struct {
	name         string
	ours, theirs error
}{
	{"ConnectionClosed", api.ErrConnectionClosed, nats.ErrConnectionClosed},
	{"ConnectionDraining", api.ErrConnectionDraining, nats.ErrConnectionDraining},
	{"ConnectionReconnecting", api.ErrConnectionReconnecting, nats.ErrConnectionReconnecting},
	{"MaxMessages", api.ErrMaxMessages, nats.ErrMaxMessages},
	{"TypeSubscription", api.ErrTypeSubscription, nats.ErrTypeSubscription},
	{"SyncSubRequired", api.ErrSyncSubRequired, nats.ErrSyncSubRequired},
	{"BadSubscription", api.ErrBadSubscription, nats.ErrBadSubscription},
	{"SlowConsumer", api.ErrSlowConsumer, nats.ErrSlowConsumer},
	{"BadTimeout", api.ErrBadTimeout, nats.ErrBadTimeout},
	{"Timeout", api.ErrTimeout, nats.ErrTimeout},
	{"InvalidArg", api.ErrInvalidArg, nats.ErrInvalidArg},
	{"InvalidConnection", api.ErrInvalidConnection, nats.ErrInvalidConnection},
	{"InvalidMsg", api.ErrInvalidMsg, nats.ErrInvalidMsg},
	{"InvalidContext", api.ErrInvalidContext, nats.ErrInvalidContext},
	{"NoDeadlineContext", api.ErrNoDeadlineContext, nats.ErrNoDeadlineContext},
	{"BadSubject", api.ErrBadSubject, nats.ErrBadSubject},
	{"BadQueueName", api.ErrBadQueueName, nats.ErrBadQueueName},
	{"MaxPayload", api.ErrMaxPayload, nats.ErrMaxPayload},
	{"BadHeaderMsg", api.ErrBadHeaderMsg, nats.ErrBadHeaderMsg},
	{"ReconnectBufExceeded", api.ErrReconnectBufExceeded, nats.ErrReconnectBufExceeded},
	{"Disconnected", api.ErrDisconnected, nats.ErrDisconnected},
	{"NoResponders", api.ErrNoResponders, nats.ErrNoResponders},
	{"ConnectionNotTLS", api.ErrConnectionNotTLS, nats.ErrConnectionNotTLS},
}

// name is the name of an error without its prefix: all sentinels that it is, joined.
func name(err error) string {
	if err == nil {
		return "ok"
	}
	var all []string
	for _, s := range sentinels {
		if errors.Is(err, s.ours) || errors.Is(err, s.theirs) {
			all = append(all, s.name)
		}
	}
	if len(all) == 0 {
		return err.Error()
	}
	if len(all) > 1 { // which ours are besides
		all = slices.DeleteFunc(all, func(s string) bool { return s == "InvalidArg" })
	}
	return strings.Join(all, "+")
}

// row is one rule: what it does with a peer comes out as the same text on both,
// unless theirs says what nats.go does instead, and why we do not.
type row struct {
	name   string
	run    func(p *peer) string
	want   string
	theirs string // empty: as ours; "-": not run
	why    string // of the difference
}

// runRows runs rows on a real server, ours before theirs.
func runRows(t *testing.T, rows []row) {
	s := start(t)
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if got := r.run(ours(t, s)); got != r.want {
				t.Errorf("got  %s\nwant %s", got, r.want)
			}
		})
		if r.theirs == "-" {
			continue
		}
		t.Run(r.name+" in nats.go", func(t *testing.T) {
			want := r.want
			if r.theirs != "" {
				want = r.theirs
			}
			if got := r.run(theirs(t, s, nats.ReconnectWait(0))); got != want {
				t.Errorf("nats.go says %s\nthe table     %s", got, want)
			}
		})
	}
}

// list joins what a row has seen.
func list(parts ...any) string {
	for i, p := range parts {
		if err, ok := p.(error); ok || p == nil {
			parts[i] = name(err)
		}
	}
	return strings.TrimSuffix(fmt.Sprintln(parts...), "\n")
}
