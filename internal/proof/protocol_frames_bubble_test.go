package proof_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// bare makes a server answer PINGs with a PONG and nothing else, so that each byte after the
// first PONG is the test's own.
func bare(s *fakeserver.Server) *fakeserver.Control {
	return s.Control(protocol.OpPing, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict {
		return fakeserver.Answer("PONG\r\n")
	})
}

// TestP11BrokenMessages: MSG with everything wrong that can be. G11: the link is lost with an
// error of the protocol at the exact byte; G9: nothing is allocated because a size was
// announced; G6: what came before is delivered, what came after is not; G8: the connection comes
// back.
func TestP11BrokenMessages(t *testing.T) {
	const good = "MSG a 1 2\r\nok\r\n"
	const gigabyte = 1 << 30
	for name, c := range map[string]struct {
		bytes string
		kind  error
	}{
		"no arguments":           {"MSG\r\n", api.ErrBadArguments},
		"no sid":                 {"MSG a\r\n", api.ErrBadArguments},
		"no size":                {"MSG a 1\r\n", api.ErrBadArguments},
		"too many arguments":     {"MSG a 1 r 2 3\r\n", api.ErrBadArguments},
		"sid is no number":       {"MSG a one 2\r\nok\r\n", api.ErrBadArguments},
		"sid is negative":        {"MSG a -1 2\r\nok\r\n", api.ErrBadArguments},
		"sid overflows":          {"MSG a 18446744073709551616 2\r\nok\r\n", api.ErrBadArguments},
		"size is no number":      {"MSG a 1 two\r\nok\r\n", api.ErrBadArguments},
		"size is negative":       {"MSG a 1 -2\r\nok\r\n", api.ErrBadArguments},
		"size has a sign":        {"MSG a 1 +2\r\nok\r\n", api.ErrBadArguments},
		"size is hexadecimal":    {"MSG a 1 0x2\r\nok\r\n", api.ErrBadArguments},
		"size overflows 64 bits": {"MSG a 1 99999999999999999999999999\r\n", api.ErrBadArguments},
		"size overflows 63 bits": {fmt.Sprintf("MSG a 1 %d\r\n", uint64(math.MaxInt64)+1), api.ErrMaxPayload},
		"size overflows 32 bits": {fmt.Sprintf("MSG a 1 %d\r\n", math.MaxInt32+1), api.ErrMaxPayload},
		"a gigabyte":             {fmt.Sprintf("MSG a 1 %d\r\n", gigabyte), api.ErrMaxPayload},
		"one above the limit":    {fmt.Sprintf("MSG a 1 %d\r\n", protocol.PayloadMax+1), api.ErrMaxPayload},
		"longer than told":       {"MSG a 1 2\r\nokay\r\n", api.ErrBadFrameEnd},
		"shorter than told":      {"MSG a 1 3\r\nok\r\nMSG a 1 2\r\nno\r\n", api.ErrBadFrameEnd},
		"no CR behind it":        {"MSG a 1 2\r\nok\nMSG", api.ErrBadFrameEnd},
		"a blank behind it":      {"MSG a 1 2\r\nok \r\n", api.ErrBadFrameEnd},
		"CR in the line":         {"MSG a\r 1 2\r\nok\r\n", api.ErrBadArguments},
		"another operation":      {"MSH a 1 2\r\nok\r\n", api.ErrUnknownOp},
		"an operation of ours":   {"PUB a 2\r\nok\r\n", api.ErrUnknownOp},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				bare(s)
				nc, events := observed(t, s)
				sub := must.Get(nc.SubscribeSync("a"))(t)
				must.Do(t, nc.Flush())
				behind := "\r\nMSG a 1 6\r\nbehind\r\n"
				var lost api.Event
				allocated := allocates(func() {
					must.Do(t, s.Client(1).Send([]byte(good+c.bytes+behind)))
					lost = events.await(t, api.LinkLost, 1)
				})
				kinds(t, lost.Cause, c.kind, api.ErrProtocol)
				// The flush has had its PONG from this reader, too.
				if broken := as[*api.ProtocolError](t, lost.Cause); broken.Offset != int64(len("PONG\r\n")+len(good)) {
					t.Errorf("the broken frame is said to be at %d: %v", broken.Offset, broken)
				}
				if allocated > 1<<20 {
					t.Errorf("%d bytes were allocated", allocated)
				}
				events.await(t, api.LinkRestored, 2)
				must.Do(t, nc.Publish("a", []byte("after")))
				receives(t, sub, "ok", "after")
				nc.Close()
			})
		})
	}
}

// TestP11OddMessages: forms that are unusual and no error.
func TestP11OddMessages(t *testing.T) {
	for name, raw := range map[string]string{
		"lower case":      "msg a 1 2\r\nok\r\n",
		"mixed case":      "mSg a 1 2\r\nok\r\n",
		"tabs":            "MSG\ta\t1\t2\r\nok\r\n",
		"runs of blanks":  "MSG   a  1 \t 2  \r\nok\r\n",
		"line feed alone": "MSG a 1 2\nok\r\n",
		"leading zeros":   "MSG a 01 0002\r\nok\r\n",
		"another subject": "MSG what.ever 1 2\r\nok\r\n",
		"not UTF-8":       "MSG \xff\xfe 1 2\r\nok\r\n",
		"reply":           "MSG a 1 12345 2\r\nok\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				nc, events := observed(t, s)
				sub := must.Get(nc.SubscribeSync("a"))(t)
				must.Do(t, nc.Flush())
				for cut := range raw { // in two pieces, cut at each place
					must.Do(t, s.Client(1).Send([]byte(raw[:cut])))
					synctest.Wait()
					must.Do(t, s.Client(1).Send([]byte(raw[cut:])))
					if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != "ok" {
						t.Errorf("cut at %d: got %q", cut, m.Data)
					}
				}
				events.none(t, api.LinkLost)
				nc.Close()
			})
		})
	}
}

// hmsg is a message with a header block as a server sends it, for sid 1.
func hmsg(block, payload string) string {
	return string(protocol.AppendHMsg(nil, "a", 1, "", []byte(block), []byte(payload)))
}

// TestP12BrokenHeaders: where the frame is whole, only its header is at fault: the message is
// delivered without one, with an event (G11), and no other caller is concerned. Where the sizes
// contradict each other, no frame boundary is known: the link is lost.
func TestP12BrokenHeaders(t *testing.T) {
	for name, block := range map[string]string{
		"no version":                 "K: v\r\n\r\n",
		"another version":            "NATS/2.0\r\nK: v\r\n\r\n",
		"lower case":                 "nats/1.0\r\nK: v\r\n\r\n",
		"status of one digit":        "NATS/1.0 5\r\n\r\n",
		"status of two digits":       "NATS/1.0 50\r\n\r\n",
		"status of letters":          "NATS/1.0 abc\r\n\r\n",
		"no blank before the status": "NATS/1.0503\r\n\r\n",
		"no end of the first line":   "NATS/1.0",
		"no blank line":              "NATS/1.0\r\nK: v\r\n",
		"no end of a field":          "NATS/1.0\r\nK: v",
		"lone CR":                    "NATS/1.0\r\nK: v\rX: y\r\n\r\n",
		"lone CR in the first line":  "NATS/1.0\r503\r\n\r\n",
		"no colon":                   "NATS/1.0\r\nK v\r\n\r\n",
		"one byte":                   "N",
		"zeros":                      "\x00\x00\x00\x00",
		"too many fields":            "NATS/1.0\r\n" + strings.Repeat("a:\r\n", protocol.HeaderFieldsMax+1) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				nc, events := observed(t, s)
				sub := must.Get(nc.SubscribeSync("a"))(t)
				must.Do(t, nc.Flush())
				must.Do(t, s.Client(1).Send([]byte(hmsg(block, "hurt")+hmsg("NATS/1.0\r\nK: v\r\n\r\n", "fine"))))
				if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != "hurt" || len(m.Header) != 0 {
					t.Errorf("got %q with %v", m.Data, m.Header)
				}
				if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != "fine" || m.Header.Get("K") != "v" {
					t.Errorf("got %q with %v", m.Data, m.Header)
				}
				as[*api.HeaderError](t, events.await(t, api.ServerErrorReported, 1).Cause)
				events.none(t, api.LinkLost)
				nc.Close()
			})
		})
	}
	for name, raw := range map[string]string{
		"header above total":     "HMSG a 1 20 10\r\nNATS/1.0\r\n\r\n",
		"header is negative":     "HMSG a 1 -1 10\r\n",
		"total overflows":        "HMSG a 1 12 99999999999999999999\r\n",
		"total above the limit":  fmt.Sprintf("HMSG a 1 12 %d\r\n", protocol.PayloadMax+1),
		"header above the limit": fmt.Sprintf("HMSG a 1 %d %d\r\n", protocol.HeaderMax+1, protocol.HeaderMax+1),
		"only one size":          "HMSG a 1 12\r\n",
		"total too small":        "HMSG a 1 12 12\r\nNATS/1.0\r\n\r\nmore\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				nc, events := observed(t, s)
				must.Do(t, nc.Flush())
				must.Do(t, s.Client(1).Send([]byte(raw)))
				as[*api.ProtocolError](t, events.await(t, api.LinkLost, 1).Cause)
				events.await(t, api.LinkRestored, 2)
				must.Do(t, nc.Flush())
				nc.Close()
			})
		})
	}
}

// TestP12OddHeaders are headers all the same, and what they say is kept to the byte.
func TestP12OddHeaders(t *testing.T) {
	large := strings.Repeat("x", 64<<10)
	for name, c := range map[string]struct {
		block string
		want  api.Header
	}{
		"none":                    {"NATS/1.0\r\n\r\n", nil},
		"status":                  {"NATS/1.0 100 Idle Heartbeat\r\n\r\n", api.Header{"Status": {"100"}, "Description": {"Idle Heartbeat"}}},
		"a key twice":             {"NATS/1.0\r\nK: 1\r\nX: y\r\nK: 2\r\n\r\n", api.Header{"K": {"1", "2"}, "X": {"y"}}},
		"keys differ by case":     {"NATS/1.0\r\nk: 1\r\nK: 2\r\n\r\n", api.Header{"k": {"1"}, "K": {"2"}}},
		"64 KiB":                  {"NATS/1.0\r\nK: " + large + "\r\n\r\n", api.Header{"K": {large}}},
		"not UTF-8":               {"NATS/1.0\r\n\xff: \xfe\r\n\r\n", api.Header{"\xff": {"\xfe"}}},
		"empty value":             {"NATS/1.0\r\nK:\r\n\r\n", api.Header{"K": {""}}},
		"no blank":                {"NATS/1.0\r\nK:v\r\n\r\n", api.Header{"K": {"v"}}},
		"colons in the value":     {"NATS/1.0\r\nK: a: b\r\n\r\n", api.Header{"K": {"a: b"}}},
		"line feeds alone":        {"NATS/1.0\nK: v\n\n", api.Header{"K": {"v"}}},
		"bytes behind the header": {"NATS/1.0\r\nK: v\r\n\r\nX: y\r\n", api.Header{"K": {"v"}}},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				nc, events := observed(t, s)
				sub := must.Get(nc.SubscribeSync("a"))(t)
				must.Do(t, nc.Flush())
				must.Do(t, s.Client(1).Send([]byte(hmsg(c.block, "x"))))
				m := must.Get(sub.NextMsg(time.Second))(t)
				if !maps.EqualFunc(m.Header, c.want, slices.Equal[[]string]) || string(m.Data) != "x" {
					t.Errorf("got %.200q", m.Header)
				}
				events.none(t, api.LinkLost, api.ServerErrorReported)
				nc.Close()
			})
		})
	}
}

// TestP12NoInjection: a header that would become several is not sent, and nothing of it.
func TestP12NoInjection(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		nc := join(t, s)
		for name, h := range map[string]api.Header{
			"CR LF in a value":   {"K": {"v\r\nX: y"}},
			"LF in a value":      {"K": {"v\nX: y"}},
			"CR in a value":      {"K": {"v\rX"}},
			"in a second value":  {"K": {"v", "w\r\n\r\n"}},
			"LF in a name":       {"K\n": {"v"}},
			"CR in a name":       {"K\r": {"v"}},
			"colon in a name":    {"K: v\r\nX": {"y"}},
			"empty name":         {"": {"v"}},
			"blank in a name":    {"K K": {"v"}},
			"not ASCII in a key": {"Ké": {"v"}},
		} {
			m := &api.Msg{Subject: "a", Header: h, Data: []byte("x")}
			for call, err := range map[string]error{
				"publish": nc.PublishMsg(m),
				"request": func() error { _, err := nc.RequestMsg(m, time.Second); return err }(),
			} {
				if !errors.Is(err, api.ErrBadHeaderMsg) {
					t.Errorf("%s, %s: %v", name, call, err)
				}
			}
		}
		must.Do(t, nc.Flush())
		for _, f := range s.Client(1).Frames() {
			if f.Op == protocol.OpHPub || f.Op == protocol.OpPub {
				t.Errorf("sent %q", f)
			}
		}
		nc.Close()
	})
}

// TestP13EndlessLines: a line that does not end costs the link as soon as it is longer
// than may be, at the byte, and not before (G9, G11).
func TestP13EndlessLines(t *testing.T) {
	for name, c := range map[string]struct {
		front string
		limit int
	}{
		"MSG":   {"MSG ", protocol.ServerControlLineMax},
		"HMSG":  {"HMSG ", protocol.ServerControlLineMax},
		"error": {"-ERR '", protocol.ServerControlLineMax},
		"OK":    {"+OK ", protocol.ServerControlLineMax},
		"PONG":  {"PONG ", protocol.ServerControlLineMax},
		"PING":  {"PING ", protocol.ServerControlLineMax},
		"INFO":  {"INFO {", protocol.InfoMax},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				nc, events := observed(t, s)
				must.Do(t, nc.Flush())
				line := append([]byte(c.front), bytes.Repeat([]byte("x"), c.limit+1-len(c.front))...)
				must.Do(t, s.Client(1).Send(line)) // the last byte may be a CR
				synctest.Wait()
				events.none(t, api.LinkLost)
				must.Do(t, s.Client(1).Send([]byte("x")))
				synctest.Wait()
				lost := events.await(t, api.LinkLost, 1)
				kinds(t, lost.Cause, api.ErrMaxControlLine)
				if broken := as[*api.ProtocolError](t, lost.Cause); broken.Limit != c.limit || broken.Got != c.limit+1 {
					t.Errorf("lost by %+v", broken)
				}
				events.await(t, api.LinkRestored, 2)
				must.Do(t, nc.Flush())
				nc.Close()
			})
		})
	}
}

// TestP14NotNATS: what answers is something else. G11: the attempt says so; G14: attempts
// are paced; G8: the server that is one is found.
func TestP14NotNATS(t *testing.T) {
	for name, c := range map[string]struct {
		greeting string
		kind     error
	}{
		"HTTP":              {"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", api.ErrNotNATS},
		"TLS record":        {"\x15\x03\x01\x00\x02\x02\x46", api.ErrNotNATS},
		"SSH":               {"SSH-2.0-OpenSSH_9.6\r\n", api.ErrNotNATS},
		"SMTP":              {"220 mail ready\r\n", api.ErrNotNATS},
		"zeros":             {strings.Repeat("\x00", 64), api.ErrNotNATS},
		"another operation": {"MSG a 1 0\r\n\r\n", api.ErrNoInfoReceived},
		"PONG":              {"PONG\r\n", api.ErrNoInfoReceived},
		"INFO without JSON": {"INFO hello\r\n", api.ErrJSONParse},
		"INFO that is null": {"INFO null\r\n", api.ErrJSONParse},
		"INFO of a list":    {"INFO []\r\n", api.ErrJSONParse},
		"INFO of nothing":   {"INFO\r\n", api.ErrBadArguments},
		"INFO half":         {"INFO {\"max_payload\":10\r\n", api.ErrJSONParse},
		"gateway":           {"INFO {\"server_id\":\"G\",\"gateway\":\"A\",\"max_payload\":1}\r\n-ERR 'attempted to connect to gateway port'\r\n", api.ErrWrongPort},
		"leaf node":         {"INFO {\"server_id\":\"L\",\"max_payload\":1}\r\n-ERR 'attempted to connect to leaf node port'\r\n", api.ErrWrongPort},
		"line without end":  {"INFO {" + strings.Repeat(" ", protocol.InfoMax), api.ErrMaxControlLine},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				odd := fakeserver.Run(t, fakeserver.Options{DontListen: true, Greeting: func(int) fakeserver.Greeting {
					return fakeserver.Greeting{Raw: []byte(c.greeting)}
				}})
				_, err := api.Connect("odd", (&hosts{servers: map[string]provider{"odd": odd}}).options()...)
				kinds(t, err, c.kind, api.ErrNoServers)
				as[*api.DialError](t, err)

				h := &hosts{servers: map[string]provider{"odd": odd}}
				events := newTape()
				nc := must.Get(api.Connect("odd,away", h.options(events.option(), api.NeverGiveUp(), api.RetryOnFailedConnect(true))...))(t)
				defer nc.Close()
				time.Sleep(30 * time.Second)
				if n := len(h.dials()); n > 120 || n < 15 { // a second's pause for each, on the average
					t.Errorf("%d dials of two hosts in half a minute", n)
				}
				h.set("away", fakeserver.Run(t, fakeserver.Options{DontListen: true}))
				began := time.Now()
				events.await(t, api.LinkRestored, 1)
				if d := time.Since(began); d > 3*time.Second {
					t.Errorf("found after %v", d)
				}
				must.Do(t, nc.Flush())
			})
		})
	}
}
