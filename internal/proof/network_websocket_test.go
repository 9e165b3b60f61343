package proof_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/proxy"
	"github.com/troupe-go/troupe/internal/must"
)

// webSocket starts a server with WebSockets, and a proxy before those.
func webSocket(t *testing.T) (*natsserver.Server, *proxy.Proxy) {
	t.Helper()
	s := natsserver.Run(t, natsserver.Options{WebSocket: true})
	return s, proxy.Run(t, s.WebSocketURL(), proxy.Options{})
}

// wsURL is the address of a proxy for WebSockets without TLS.
func wsURL(p *proxy.Proxy) string { return strings.Replace(p.URL(), "wss://", "ws://", 1) }

// TestN21Splits: the frames of a WebSocket come in any pieces, compressed or not. G4, G6:
// the messages are the same.
func TestN21Splits(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		_, p := webSocket(t)
		nc := must.Get(api.Connect(wsURL(p), api.Compression(compressed), api.Timeout(late)))(t)
		sub := must.Get(nc.SubscribeSync("a"))(t)
		for _, rules := range [][]string{{"slice(1)"}, {"slice(2)"}, {"slice(3)"}, {"slice(7)"}, {"slice(1000)"}, {"coalesce(5ms)"},
			{"latency(2ms, 2ms)", "slice(100)"}} {
			p.Clear()
			for _, rule := range rules {
				ruled(t, p, rule)
			}
			sizes(t, nc, sub, fmt.Sprintf("%v, compressed %v", rules, compressed))
		}
		nc.Close()
	}
}

// sizes publishes messages of many sizes to a subscription.
func sizes(t *testing.T, nc *api.Conn, sub *api.Subscription, what string) {
	t.Helper()
	for size := 0; size < 5000; size = 2*size + 1 {
		data := make([]byte, size)
		_, _ = rand.Read(data[:size/2]) // half of it can be compressed
		must.Do(t, nc.PublishMsg(&api.Msg{Subject: "a", Header: api.Header{"Size": {fmt.Sprint(size)}}, Data: data}))
		if m := must.Get(sub.NextMsg(patience))(t); !bytes.Equal(m.Data, data) || m.Header.Get("Size") != fmt.Sprint(size) {
			t.Fatalf("%s: %d bytes came as %d", what, size, len(m.Data))
		}
	}
}

// TestN21CutsAndFlips: the connection is reset or ends after byte k, for many k, or bits flip.
// As N04, N05 and N12: G3, G6, G5, G8, G11.
func TestN21CutsAndFlips(t *testing.T) {
	s, p := webSocket(t)
	witness := must.Get(api.Connect(s.URL(), api.Timeout(late)))(t)
	defer witness.Close()
	step := sized(97, 97, 331)
	for _, rule := range []string{"when conn(%d) bytes(%d) reset(in)", "when conn(%d) bytes(%d) reset(out)", "when conn(%d) bytes(%d) fin(in)",
		"when conn(%d) bytes(%d) corrupt(0.05, in)", "when conn(%d) bytes(%d) corrupt(0.05, out)"} {
		for k := 1; k < 1500; k += step {
			webSocketTrip(t, p, witness, fmt.Sprintf(rule, p.Stats().Connections+1, k))
		}
	}
}

// webSocketTrip publishes over a connection that is cut, and judges what comes of it.
func webSocketTrip(t *testing.T, p *proxy.Proxy, witness *api.Conn, rule string) {
	t.Helper()
	h := check.New(time.Now, check.Options{Typed: typed, Damaged: check.Tolerated})
	subject := "orders." + strings.NewReplacer(" ", "-", ".", "_", ",", "").Replace(rule)
	shop := h.Publisher("shop", subject).Unordered()
	seen, got := h.Witness("server", subject), h.Subscription("till", subject, check.AtMostOnce)
	sight := must.Get(witness.Subscribe(subject, func(m *api.Msg) { seen.Saw(m.Data, 0) }))(t)
	must.Do(t, witness.Flush())
	fault := ruled(t, p, rule)
	events := newTape()
	nc, err := api.Connect(wsURL(p), tireless(events.option(), api.RetryOnFailedConnect(true))...)
	must.Do(t, err)
	got.Active()
	must.Get(nc.Subscribe(subject, func(m *api.Msg) { got.Delivered(m.Data) }))(t)
	for range 5 {
		v := shop.Publish(0)
		if err := nc.Publish(subject, v.Payload(50)); err != nil {
			v.Rejected(err)
			continue
		}
		v.Accepted()
		if err := nc.FlushTimeout(200 * time.Millisecond); err != nil {
			h.Failed("flush", err)
		}
	}
	p.Clear()
	must.Do(t, nc.ForceReconnect()) // who knows what the server has understood
	for err = nc.FlushTimeout(patience); errors.Is(err, api.ErrDisconnected); {
		err = nc.FlushTimeout(patience)
	}
	must.Do(t, err)
	must.Do(t, witness.Flush())
	must.Do(t, sight.Unsubscribe())
	for _, e := range append(events.of(api.LinkLost), events.of(api.ConnectAttemptFailed)...) {
		h.Failed("link", e.Cause)
	}
	nc.Close()
	judge(t, h, fmt.Sprintf("%s, %d hits", rule, fault.Hits()), check.G3, check.G6, check.G11, check.G12)
}

// gateway is a server of WebSockets that says frames as a script wants, over memory.
type gateway struct {
	says     []byte // on the first connection, once it is asked for messages
	accept   string // the extensions that it agrees to
	accepted atomic.Int32
	heard    chan string // of the client's control frames: opcode and payload
}

// InProcessConn accepts a connection.
func (g *gateway) InProcessConn() (net.Conn, error) {
	ours, theirs := net.Pipe()
	go g.serve(theirs, int(g.accepted.Add(1)))
	return ours, nil
}

// frame is one frame of a server. first is its first byte: FIN, RSV and opcode.
func frame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	default:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	}
	return append(b, payload...)
}

// serve upgrades, greets, and answers what has to be answered.
func (g *gateway) serve(conn net.Conn, n int) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	request, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
		base64.StdEncoding.EncodeToString(sum[:]), g.accept)
	_, _ = conn.Write(frame(0x82, "INFO {\"max_payload\":1000000}\r\n"))
	var said bytes.Buffer
	for answered, spoken := 0, false; ; {
		op, payload, err := readFrame(r)
		if err != nil {
			return
		}
		if op >= 8 {
			select {
			case g.heard <- fmt.Sprintf("%d %s", op, payload):
			default:
			}
			if op == 8 {
				return
			}
			continue
		}
		said.Write(payload)
		for ; answered < bytes.Count(said.Bytes(), []byte("PING\r\n")); answered++ {
			_, _ = conn.Write(frame(0x82, "PONG\r\n"))
		}
		if n == 1 && !spoken && bytes.Contains(said.Bytes(), []byte("SUB a ")) {
			spoken = true
			go conn.Write(g.says)
		}
	}
}

// readFrame reads one frame of a client.
func readFrame(r *bufio.Reader) (op byte, payload []byte, err error) {
	var head [14]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return 0, nil, err
	}
	size := uint64(head[1] & 0x7f)
	if size >= 126 {
		more := map[uint64]int{126: 2, 127: 8}[size]
		if _, err := io.ReadFull(r, head[6:6+more]); err != nil {
			return 0, nil, err
		}
		size = 0
		for _, b := range head[6 : 6+more] {
			size = size<<8 | uint64(b)
		}
	}
	var mask [4]byte
	if _, err := io.ReadFull(r, mask[:]); err != nil {
		return 0, nil, err
	}
	payload = make([]byte, min(size, 1<<20))
	_, err = io.ReadFull(r, payload)
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return head[0] & 0xf, payload, err
}

// script is what a server says, and what has to come of it.
type script struct {
	says, accept string
	kind         error         // of the loss; nil: there is none
	close        int           // code of a close frame that came
	after        time.Duration // in which the loss is found out; 0 is at once
	messages     int
}

// areYouThere is a PING of WebSockets.
const areYouThere = "\x89\x0dare you there"

// TestN21Frames: fragments with control frames between them, and every frame that a
// server may not send. What is right passes; what is not ends the link with a typed
// error (G11), and the next one works (G8). Nothing crashes (G12).
func TestN21Frames(t *testing.T) {
	const message = "MSG a 1 5\r\nhello\r\n"
	const ping = areYouThere
	closes := func(code uint16, reason string) string {
		return string(frame(0x88, string(binary.BigEndian.AppendUint16(nil, code))+reason))
	}
	deflate := "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
	for name, c := range map[string]script{
		"fragments":                {says: string(frame(0x02, message[:3])) + ping + string(frame(0x00, message[3:9])) + ping + string(frame(0x80, message[9:])), messages: 1},
		"empty frames":             {says: strings.Repeat(string(frame(0x82, "")), 10) + string(frame(0x82, message)), messages: 1},
		"two messages in one":      {says: string(frame(0x82, message+message)), messages: 2},
		"a message in two":         {says: string(frame(0x82, message[:12])) + string(frame(0x82, message[12:])), messages: 1},
		"pongs nobody asked for":   {says: strings.Repeat(string(frame(0x8a, "x")), 1000) + string(frame(0x82, message)), messages: 1},
		"closed in good order":     {says: closes(1000, "bye"), kind: api.ErrUnexpectedEOF, close: 1000},
		"going away":               {says: closes(1001, "maintenance"), kind: api.ErrUnexpectedEOF, close: 1001},
		"policy":                   {says: closes(1008, "no"), kind: api.ErrUnexpectedEOF, close: 1008},
		"too big":                  {says: closes(1009, ""), kind: api.ErrUnexpectedEOF, close: 1009},
		"trouble of its own":       {says: closes(1011, strings.Repeat("x", 123)), kind: api.ErrUnexpectedEOF, close: 1011},
		"closed without a code":    {says: string(frame(0x88, "")), kind: api.ErrUnexpectedEOF, close: 1005},
		"half a code":              {says: string(frame(0x88, "\x03")), kind: api.ErrProtocol},
		"a code that is none":      {says: closes(5, ""), kind: api.ErrProtocol},
		"reserved bits":            {says: string(frame(0xc2, message)), kind: api.ErrProtocol},
		"an unknown frame":         {says: string(frame(0x83, message)), kind: api.ErrProtocol},
		"an unknown control frame": {says: string(frame(0x8b, "")), kind: api.ErrProtocol},
		"a control frame in parts": {says: string(frame(0x09, "x")), kind: api.ErrProtocol},
		"a long control frame":     {says: string(frame(0x89, strings.Repeat("x", 126))), kind: api.ErrProtocol},
		"a part of nothing":        {says: string(frame(0x80, message)), kind: api.ErrProtocol},
		"a beginning in between":   {says: string(frame(0x02, message[:5])) + string(frame(0x82, message)), kind: api.ErrProtocol},
		"bad deflate":              {says: string(frame(0xc2, "\xff\xff\xff\xff")), accept: deflate, kind: api.ErrProtocol},
		"a negative length":        {says: "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", kind: api.ErrProtocol},
		"a huge length":            {says: "\x82\x7f\x00\xff\xff\xff\xff\xff\xff\xff" + message, kind: api.ErrStaleConnection, after: 7 * time.Minute},
		"nonsense inside":          {says: string(frame(0x82, "nonsense\r\n")), kind: api.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) { faults.Bubble(t, c.check, faults.NoServer()) })
	}
}

func (c script) check(b *faults.Env) {
	t := b.T
	g := &gateway{says: []byte(c.says), accept: c.accept, heard: make(chan string, 100)}
	b.Attach("s1", g)
	events := newTape()
	nc := must.Get(api.Connect("ws"+strings.TrimPrefix(b.URL("s1"), "nats"), entry(b, "c", events.option(), api.Compression(c.accept != ""))...))(t)
	defer nc.Close()
	sub := must.Get(nc.SubscribeSync("a"))(t)
	<-time.After(time.Second + c.after)
	synctest.Wait()
	lost := events.of(api.LinkLost)
	if (len(lost) == 1) != (c.kind != nil) || len(lost) > 1 {
		t.Fatalf("lost %v", lost)
	}
	if c.kind != nil {
		if kinds(t, lost[0].Cause, c.kind); !typed(lost[0].Cause) {
			t.Errorf("lost by %v", lost[0].Cause)
		}
		var closed *api.WebSocketCloseError
		if errors.As(lost[0].Cause, &closed) != (c.close != 0) || closed != nil && closed.Code != c.close {
			t.Errorf("lost by %v", lost[0].Cause)
		}
	}
	if n, _, _ := sub.Pending(); n != c.messages && c.after == 0 {
		t.Errorf("%d messages came", n)
	}
	must.Do(t, nc.FlushTimeout(time.Second))
	for range strings.Count(c.says, areYouThere) {
		if heard := <-g.heard; heard != "10 are you there" {
			t.Errorf("answered %q", heard)
		}
	}
}
