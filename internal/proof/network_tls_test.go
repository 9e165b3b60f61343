package proof_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/proxy"
	"github.com/troupe-go/troupe/faults/wire"
	"github.com/troupe-go/troupe/internal/must"
)

// The rows that need sockets, through a proxy: TLS, and once more what was found out in
// bubbles.

// office signs certificates.
type office struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, key: must.Get(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)}
	o.cert = o.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "office"}, IsCA: true, BasicConstraintsValid: true}).Leaf
	return o
}

// sign makes a certificate from a template, for 127.0.0.1 and an hour unless it says
// otherwise.
func (o *office) sign(template *x509.Certificate) tls.Certificate {
	o.t.Helper()
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent := o.cert
	if parent == nil {
		parent = template
	}
	template.SerialNumber = must.Get(rand.Int(rand.Reader, big.NewInt(1<<62)))(o.t)
	der := must.Get(x509.CreateCertificate(rand.Reader, template, parent, &o.key.PublicKey, o.key))(o.t)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: o.key, Leaf: must.Get(x509.ParseCertificate(der))(o.t)}
}

// issue makes a certificate for a server or a client, changed as wanted.
func (o *office) issue(changes ...func(*x509.Certificate)) tls.Certificate {
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, change := range changes {
		change(template)
	}
	return o.sign(template)
}

// trusting is what a client that trusts the office connects with.
func (o *office) trusting() api.Option {
	pool := x509.NewCertPool()
	pool.AddCert(o.cert)
	return api.Secure(&tls.Config{RootCAs: pool})
}

// issued is the configuration of a server with a certificate.
func (o *office) issued(changes ...func(*x509.Certificate)) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{o.issue(changes...)}}
}

// secured starts a server with TLS, which has the patience for handshakes that a busy machine needs.
func secured(t *testing.T, config *tls.Config, edits ...func(so *server.Options)) *natsserver.Server {
	t.Helper()
	return natsserver.Run(t, natsserver.Options{TLS: config, Edit: func(so *server.Options) {
		so.TLSTimeout = patience.Seconds()
		for _, edit := range edits {
			edit(so)
		}
	}})
}

// behind starts a proxy in front of a server.
func behind(t *testing.T, s *natsserver.Server) *proxy.Proxy {
	t.Helper()
	return proxy.Run(t, s.URL(), proxy.Options{})
}

// ruled gives a proxy a rule.
func ruled(t *testing.T, p *proxy.Proxy, rule string) *wire.Injection {
	t.Helper()
	return must.Get(p.Inject(rule))(t)
}

// tireless are the options of a client that comes back soon, always.
func tireless(options ...api.Option) []api.Option {
	return append([]api.Option{api.MaxReconnects(-1), api.ReconnectWait(10 * time.Millisecond), api.ReconnectJitter(0, 0)}, options...)
}

// TestN06HalfOpenOnTCP: the writes of a real socket succeed, and nothing comes back.
func TestN06HalfOpenOnTCP(t *testing.T) {
	p := behind(t, natsserver.Run(t, natsserver.Options{}))
	events := newTape()
	nc := must.Get(api.Connect(p.URL(), tireless(events.option(), api.PingInterval(500*time.Millisecond), api.MaxPingsOutstanding(2), api.Timeout(late))...))(t)
	defer nc.Close()
	fault := ruled(t, p, "when conn(1) halfopen")
	must.Do(t, nc.Publish("a", nil))
	kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrStaleConnection)
	if n := events.await(t, api.PublishUncertain, 1).Count; n != 1 {
		t.Errorf("%d messages are uncertain", n)
	}
	events.await(t, api.LinkRestored, 2)
	must.Do(t, nc.Flush())
	if fault.Hits() != 1 {
		t.Errorf("%d hits", fault.Hits())
	}
}

// secret is a way in which a connection does not become a secure one.
type secret struct {
	rule   string                  // of the line
	hangs  bool                    // it may be that only the time of the attempt ends it
	edit   func(o *server.Options) // of the server; nil for none
	cert   func(*x509.Certificate) // of the server's certificate; nil for none
	client []api.Option            // instead of one that trusts the server
	stage  string                  // of the error
	kinds  []error
}

// TestN17TLS: handshakes that stall, are refused, come to the wrong name or the wrong
// time, or are talked out of. G11: it is a TLSError of the stage concerned. And in no
// case is anything said in plain text: the line reads no operation of the client.
func TestN17TLS(t *testing.T) {
	o, stranger := newOffice(t), newOffice(t)
	plain := `when op(INFO) rewrite("INFO {\"server_id\":\"x\",\"max_payload\":1000000,\"headers\":true}\r\n")`
	for name, s := range map[string]secret{
		"stalls":      {rule: "when bytes(5) blackhole(out)", hangs: true, stage: "handshake"},
		"reset in it": {rule: "when bytes(100) reset(out)", stage: "handshake"},
		"end in it":   {rule: "when bytes(100) fin(out)", stage: "handshake"},
		"damaged":     {rule: "corrupt(0.05, out)", hangs: true, stage: "handshake"},
		"expired":     {cert: func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Unix(1, 0), time.Unix(2, 0) }, stage: "verify"},
		"not yet valid": {cert: func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		}, stage: "verify"},
		"wrong name":         {cert: func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example"} }, stage: "verify"},
		"wrong use":          {cert: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, stage: "verify"},
		"unknown authority":  {client: []api.Option{stranger.trusting()}, stage: "verify"},
		"talked out of":      {rule: plain, stage: "offer", kinds: []error{api.ErrSecureConnWanted}},
		"first, but only we": {client: []api.Option{o.trusting(), api.TLSHandshakeFirst()}, stage: "first"},
		"no certificate":     {edit: func(o *server.Options) { o.TLSConfig.ClientAuth = tls.RequireAnyClientCert }, stage: "handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.check(t, o)
		})
	}
}

func (s secret) check(t *testing.T, o *office) {
	var changes []func(*x509.Certificate)
	if s.cert != nil {
		changes = append(changes, s.cert)
	}
	var edits []func(*server.Options)
	if s.edit != nil {
		edits = append(edits, s.edit)
	}
	p := behind(t, secured(t, o.issued(changes...), edits...))
	if s.rule != "" {
		ruled(t, p, s.rule)
	}
	options := s.client
	if options == nil {
		options = []api.Option{o.trusting()}
	}
	timeout := patience
	if s.hangs {
		timeout = 8 * time.Second // in which a busy machine comes as far as that
	}
	url := strings.Replace(p.URL(), "tls://", "nats://", 1) // what a client knows that is told by INFO
	_, err := api.Connect(url, append(options, api.Timeout(timeout))...)
	if s.kinds == nil {
		s.kinds = []error{api.ErrTLS}
	}
	kinds(t, err, append(s.kinds, api.ErrNoServers)...)
	failed := as[*api.TLSError](t, err)
	if failed.Stage != s.stage || api.CategoryOf(failed) != api.CategoryTLS || api.MaybeSent(err) {
		t.Errorf("stage %q, want %q, category %v: %v", failed.Stage, s.stage, api.CategoryOf(failed), err)
	}
	if stats := p.Stats(); stats.Out.Frames > 0 || stats.Out.Read > 0 && stats.Out.Unread == 0 {
		t.Errorf("said in plain text: %+v", stats.Out)
	}
}

// TestN17ServerWantsTheHandshakeFirst, and we wait for an INFO: that is silence.
func TestN17ServerWantsTheHandshakeFirst(t *testing.T) {
	o := newOffice(t)
	p := behind(t, secured(t, o.issued(), func(so *server.Options) { so.TLSHandshakeFirst = true }))
	_, err := api.Connect(p.URL(), o.trusting(), api.Timeout(4*time.Second)) // for a busy machine to come as far as that
	kinds(t, err, api.ErrNoServers, os.ErrDeadlineExceeded)
	if dial := as[*api.DialError](t, err); dial.Phase != "info" || p.Stats().Out.Read > 0 {
		t.Errorf("%v in %s, %d bytes were said", err, dial.Phase, p.Stats().Out.Read)
	}
	nc := must.Get(api.Connect(p.URL(), o.trusting(), api.TLSHandshakeFirst(), api.Timeout(patience)))(t)
	must.Do(t, nc.Flush())
	nc.Close()
}

// TestN17RotatedCertificate: on a reconnect the server has a certificate that is not
// trusted. G8: attempts go on, each refused, until it has a good one; nothing of what
// waits is said to the wrong one.
func TestN17RotatedCertificate(t *testing.T) {
	o, stranger := newOffice(t), newOffice(t)
	var now atomic.Pointer[tls.Certificate]
	good, bad := o.issue(), stranger.issue()
	now.Store(&good)
	p := behind(t, secured(t, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return now.Load(), nil }}))
	events := newTape()
	nc := must.Get(api.Connect(p.URL(), tireless(events.option(), o.trusting(), api.Timeout(patience))...))(t)
	defer nc.Close()
	sub := must.Get(nc.SubscribeSync("a"))(t)
	must.Do(t, nc.Flush())
	now.Store(&bad)
	ruled(t, p, "reset")
	events.await(t, api.LinkLost, 1)
	must.Do(t, nc.Publish("a", []byte("secret")))
	for n := range 3 {
		failed := as[*api.TLSError](t, events.await(t, api.ConnectAttemptFailed, n+1).Cause)
		if failed.Stage != "verify" {
			t.Errorf("attempt %d: %v", n, failed)
		}
	}
	now.Store(&good)
	events.await(t, api.LinkRestored, 2)
	if m := must.Get(sub.NextMsg(patience))(t); string(m.Data) != "secret" {
		t.Errorf("got %q", m.Data)
	}
	if stats := p.Stats(); stats.Out.Frames > 0 {
		t.Errorf("said in plain text: %+v", stats.Out)
	}
}

// TestN17EndWithoutFarewell: TCP ends, TLS has not. G11: it is an unexpected end. G5, G8.
func TestN17EndWithoutFarewell(t *testing.T) {
	o := newOffice(t)
	p := behind(t, secured(t, o.issued()))
	events := newTape()
	nc := must.Get(api.Connect(p.URL(), tireless(events.option(), o.trusting(), api.Timeout(patience))...))(t)
	defer nc.Close()
	sub := must.Get(nc.SubscribeSync("a"))(t)
	must.Do(t, nc.Flush())
	ruled(t, p, "fin(in)")
	kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrUnexpectedEOF)
	events.await(t, api.LinkRestored, 2)
	must.Do(t, nc.Publish("a", nil))
	must.Get(sub.NextMsg(patience))(t)
}

// recordMax is more than there can be in a record of TLS.
const recordMax = 20 << 10

// TestN12BitFlipsUnderTLS: a flipped bit is always an error, at the side that sees it first; no
// damaged payload comes through. G3, G6, G11, G12.
func TestN12BitFlipsUnderTLS(t *testing.T) {
	o := newOffice(t)
	s := secured(t, o.issued())
	witness := must.Get(api.Connect(s.URL(), o.trusting(), api.Timeout(patience)))(t)
	defer witness.Close()
	for _, dir := range []string{"in", "out"} {
		t.Run(dir, func(t *testing.T) {
			p := behind(t, s)
			h := check.New(time.Now, check.Options{Typed: typed})
			shop := h.Publisher("shop", "orders."+dir).Unordered() // several connections
			seen, got := h.Witness("server", "orders."+dir), h.Subscription("till", "orders."+dir, check.AtMostOnce)
			must.Get(witness.Subscribe("orders."+dir, func(m *api.Msg) { seen.Saw(m.Data, 0) }))(t)
			must.Do(t, witness.Flush())
			events := newTape()
			nc := must.Get(api.Connect(p.URL(), tireless(events.option(), o.trusting(), api.Timeout(5*time.Second))...))(t)
			defer nc.Close()
			got.Active()
			must.Get(nc.Subscribe("orders."+dir, func(m *api.Msg) { got.Delivered(m.Data) }))(t)
			must.Do(t, nc.Flush())
			fault := ruled(t, p, "corrupt(0.0005, "+dir+")")
			size := 100
			for n := 0; len(events.of(api.LinkLost)) < 5 && n < 10_000; n++ {
				v := shop.Publish(0)
				if err := nc.Publish("orders."+dir, v.Payload(size)); err != nil {
					v.Rejected(err)
					continue
				}
				v.Accepted()
				size = 100
				err := nc.FlushTimeout(time.Second)
				if err != nil {
					h.Failed("flush", err)
				}
				if errors.Is(err, api.ErrFlushTimeout) {
					size = recordMax // the length of a record may be damaged: whoever reads it waits for more
				}
			}
			p.Clear()
			must.Do(t, nc.ForceReconnect()) // it may be waiting for the rest of a damaged record
			err := nc.FlushTimeout(patience)
			for errors.Is(err, api.ErrDisconnected) {
				err = nc.FlushTimeout(patience)
			}
			must.Do(t, err)
			must.Do(t, witness.Flush())
			for _, e := range events.of(api.LinkLost) {
				if h.Failed("link", e.Cause); !errors.Is(e.Cause, api.ErrForcedReconnect) && !strings.Contains(e.Cause.Error(), "tls: ") {
					t.Errorf("lost by %v", e.Cause)
				}
			}
			if lost := len(events.of(api.LinkLost)); lost < 5 || fault.Hits() < 5 {
				t.Errorf("lost %d times, %d flips", lost, fault.Hits())
			}
			nc.Close()
			judge(t, h, "bit flips "+dir, check.G3, check.G6, check.G11, check.G12)
		})
	}
}
