package protocol

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const block = "NATS/1.0\r\nA: b\r\n\r\n" // 18 bytes

// serverFrames are what servers send, in every form that is accepted.
var serverFrames = []struct {
	name, stream string
	want         reading
}{
	{"info", "INFO {\"a\":1}\r\n", reading{Op: OpInfo, Arg: `{"a":1}`}},
	{"info in lower case, more blanks", "info \t {} \t\r\n", reading{Op: OpInfo, Arg: "{}"}},
	{"info with bare LF", "INFO {}\n", reading{Op: OpInfo, Arg: "{}"}},
	{"message", "MSG foo.bar 9 11\r\nHello World\r\n", reading{Op: OpMsg, Subject: "foo.bar", SID: 9, Payload: "Hello World"}},
	{"message with reply", "MSG foo.bar 9 GREETING.34 11\r\nHello World\r\n",
		reading{Op: OpMsg, Subject: "foo.bar", SID: 9, Reply: "GREETING.34", Payload: "Hello World"}},
	{"empty message", "MSG foo 1 0\r\n\r\n", reading{Op: OpMsg, Subject: "foo", SID: 1}},
	{"message with reply that is a number", "MSG foo 1 22 3\r\nabc\r\n",
		reading{Op: OpMsg, Subject: "foo", SID: 1, Reply: "22", Payload: "abc"}},
	{"message with reply that begins as a number", "MSG foo 1 2x 3\r\nabc\r\n",
		reading{Op: OpMsg, Subject: "foo", SID: 1, Reply: "2x", Payload: "abc"}},
	{"message with reply of many digits", "MSG foo 1 12345678901234567890123 3\r\nabc\r\n",
		reading{Op: OpMsg, Subject: "foo", SID: 1, Reply: "12345678901234567890123", Payload: "abc"}},
	{"message with runs of blanks and tabs", "mSg \t foo\t1 \t 3  \r\nabc\r\n",
		reading{Op: OpMsg, Subject: "foo", SID: 1, Payload: "abc"}},
	{"message with bare LF behind its line", "MSG foo 1 3\nabc\r\n", reading{Op: OpMsg, Subject: "foo", SID: 1, Payload: "abc"}},
	{"message whose payload looks like frames", "MSG foo 1 12\r\nPING\r\nPONG\r\n\r\n",
		reading{Op: OpMsg, Subject: "foo", SID: 1, Payload: "PING\r\nPONG\r\n"}},
	{"message with leading zeros", "MSG foo 007 003\r\nabc\r\n", reading{Op: OpMsg, Subject: "foo", SID: 7, Payload: "abc"}},
	{"message with the largest number of a subscription", "MSG foo 18446744073709551615 1\r\nx\r\n",
		reading{Op: OpMsg, Subject: "foo", SID: 1<<64 - 1, Payload: "x"}},
	{"message with a subject of 19 digits and a control byte", "MSG 1234567890123456789\x01 1 1\r\nx\r\n",
		reading{Op: OpMsg, Subject: "1234567890123456789\x01", SID: 1, Payload: "x"}},
	{"message with a UTF-8 subject", "MSG größe.ß 1 1\r\nx\r\n", reading{Op: OpMsg, Subject: "größe.ß", SID: 1, Payload: "x"}},
	{"header message", "HMSG foo 1 18 21\r\n" + block + "abc\r\n",
		reading{Op: OpHMsg, Subject: "foo", SID: 1, Header: block, Payload: "abc"}},
	{"header message with reply", "HMSG foo 1 $JS.ACK.a 18 18\r\n" + block + "\r\n",
		reading{Op: OpHMsg, Subject: "foo", SID: 1, Reply: "$JS.ACK.a", Header: block}},
	{"header message with reply that is a number", "HMSG foo 1 9 18 19\r\n" + block + "x\r\n",
		reading{Op: OpHMsg, Subject: "foo", SID: 1, Reply: "9", Header: block, Payload: "x"}},
	{"header message in mixed form", "hMsg\tfoo  1 18\t19 \n" + block + "x\r\n",
		reading{Op: OpHMsg, Subject: "foo", SID: 1, Header: block, Payload: "x"}},
	{"header message with an empty block", "HMSG foo 1 0 1\r\nx\r\n", reading{Op: OpHMsg, Subject: "foo", SID: 1, Payload: "x"}},
	{"ping", "PING\r\n", reading{Op: OpPing}},
	{"ping with trailing text", "PING  \r  x\n", reading{Op: OpPing}},
	{"pong", "PONG\r\n", reading{Op: OpPong}},
	{"pong in lower case with bare LF", "pong\n", reading{Op: OpPong}},
	{"ok", "+OK\r\n", reading{Op: OpOK}},
	{"ok with trailing text", "+okay\r\n", reading{Op: OpOK}},
	{"error", "-ERR 'Stale Connection'\r\n", reading{Op: OpErr, Arg: "Stale Connection"}},
	{"error without quotes", "-err\tStale Connection \r\n", reading{Op: OpErr, Arg: "Stale Connection"}},
	{"error with a quote in front only", "-ERR 'Stale\r\n", reading{Op: OpErr, Arg: "Stale"}},
	{"error with a quote behind only", "-ERR Stale'\r\n", reading{Op: OpErr, Arg: "Stale"}},
	{"error of one quote", "-ERR '\r\n", reading{Op: OpErr}},
	{"error without text", "-ERR\r\n", reading{Op: OpErr}},
}

// clientFrames are what clients send.
var clientFrames = []struct {
	name, stream string
	want         reading
}{
	{"connect", "CONNECT {\"verbose\":false}\r\n", reading{Op: OpConnect, Arg: `{"verbose":false}`}},
	{"publish", "PUB FOO 11\r\nHello NATS!\r\n", reading{Op: OpPub, Subject: "FOO", Payload: "Hello NATS!"}},
	{"publish with reply", "PUB FRONT.DOOR JOKE.22 11\r\nKnock Knock\r\n",
		reading{Op: OpPub, Subject: "FRONT.DOOR", Reply: "JOKE.22", Payload: "Knock Knock"}},
	{"publish nothing", "PUB NOTIFY 0\r\n\r\n", reading{Op: OpPub, Subject: "NOTIFY"}},
	{"publish in mixed form", "pUb\ta  b \t 1\nx\r\n", reading{Op: OpPub, Subject: "a", Reply: "b", Payload: "x"}},
	{"publish to a number with a number as reply", "PUB 1 2 3\r\nabc\r\n", reading{Op: OpPub, Subject: "1", Reply: "2", Payload: "abc"}},
	{"publish with header", "HPUB FOO 18 20\r\n" + block + "ab\r\n", reading{Op: OpHPub, Subject: "FOO", Header: block, Payload: "ab"}},
	{"publish with header and reply", "HPUB FOO 2 18 18\r\n" + block + "\r\n",
		reading{Op: OpHPub, Subject: "FOO", Reply: "2", Header: block}},
	{"subscribe", "SUB FOO 1\r\n", reading{Op: OpSub, Subject: "FOO", SID: 1}},
	{"subscribe with an empty queue as the reference client writes it", "SUB foo.*  2\r\n", reading{Op: OpSub, Subject: "foo.*", SID: 2}},
	{"subscribe in a queue group", "SUB BAR G1 44\r\n", reading{Op: OpSub, Subject: "BAR", Queue: "G1", SID: 44}},
	{"unsubscribe", "UNSUB 1\r\n", reading{Op: OpUnsub, SID: 1}},
	{"unsubscribe with a trailing blank", "UNSUB 1 \r\n", reading{Op: OpUnsub, SID: 1}},
	{"unsubscribe after five", "unsub 1 5\r\n", reading{Op: OpUnsub, SID: 1, Max: 5}},
	{"ping", "PING\r\n", reading{Op: OpPing}},
	{"pong", "PONG\r\n", reading{Op: OpPong}},
}

// complete fills the fields of a wanted reading that follow from the others.
func complete(r reading) reading {
	r.HasSubject, r.HasReply, r.HasHeaderBlock = r.Subject != "", r.Reply != "", r.Header != ""
	return r
}

func TestFramesAreReadAsDocumented(t *testing.T) {
	check := func(name, stream string, p *Parser, want reading) {
		got := readCut(t, p, []byte(stream), nil)
		if diff := cmp.Diff(outcome{Readings: []reading{complete(want)}, Consumed: len(stream)}, got); diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", name, stream, diff)
		}
		if p.Offset() != int64(len(stream)) {
			t.Errorf("%s: offset %d after %d bytes", name, p.Offset(), len(stream))
		}
	}
	for _, c := range serverFrames {
		check(c.name, c.stream, NewServerParser(Limits{}), c.want)
	}
	for _, c := range clientFrames {
		check(c.name, c.stream, NewClientParser(Limits{}), c.want)
	}
}

// goldenStreams returns all frames of each direction, one after the other.
func goldenStreams() (server, client string) {
	for _, c := range serverFrames {
		server += c.stream
	}
	for _, c := range clientFrames {
		client += c.stream
	}
	return server, client
}

func TestEveryCutGivesTheSameFrames(t *testing.T) {
	check := func(name, stream string, parser func(Limits) *Parser) {
		whole := readCut(t, parser(Limits{}), []byte(stream), nil)
		if whole.Failure != nil || whole.Consumed != len(stream) {
			t.Fatalf("%s: the whole stream is not read: %+v", name, whole)
		}
		for i := range len(stream) {
			if diff := cmp.Diff(whole, readCut(t, parser(Limits{}), []byte(stream), []int{i})); diff != "" {
				t.Fatalf("%s cut at %d (-whole +cut):\n%s", name, i, diff)
			}
		}
		if diff := cmp.Diff(whole, readCut(t, parser(Limits{}), []byte(stream), everyByte([]byte(stream)))); diff != "" {
			t.Errorf("%s cut at every byte (-whole +cut):\n%s", name, diff)
		}
	}
	server, client := goldenStreams()
	check("server", server, NewServerParser)
	check("client", client, NewClientParser)
}

func TestEveryPairOfCutsGivesTheSameFrame(t *testing.T) {
	for _, c := range serverFrames {
		for pair := range len(c.stream) * len(c.stream) {
			first, second := pair/len(c.stream), pair%len(c.stream)
			if first > second {
				continue
			}
			got := readCut(t, NewServerParser(Limits{}), []byte(c.stream), []int{first, second})
			if len(got.Readings) != 1 || got.Readings[0] != complete(c.want) {
				t.Fatalf("%s cut at %d and %d: %+v", c.name, first, second, got)
			}
		}
	}
}

// brokenStreams are streams that end in an error, after the frames in good.
var brokenStreams = []struct {
	name   string
	client bool
	good   string
	bad    string
	kind   error
	op     Op
}{
	{"unknown operation at the start", false, "", "GARBAGE\r\n", ErrNotNATS, OpNone},
	{"unknown operation later", false, "PING\r\n", "GARBAGE\r\n", ErrUnknownOp, OpNone},
	{"HTTP response", false, "", "HTTP/1.1 400 Bad Request\r\n", ErrNotNATS, OpNone},
	{"HTTP request", true, "", "GET / HTTP/1.1\r\n", ErrNotNATS, OpNone},
	{"HTTP post", true, "", "POST / HTTP/1.1\r\n", ErrNotNATS, OpNone},
	{"TLS handshake record", false, "", "\x16\x03\x01\x02\x00", ErrNotNATS, OpNone},
	{"TLS alert after a frame", false, "INFO {}\r\n", "\x15\x03\x01\x00\x02", ErrNotNATS, OpNone},
	{"zeros", false, "", "\x00\x00\x00\x00", ErrNotNATS, OpNone},
	{"zeros later", false, "PING\r\n", "\x00\x00", ErrUnknownOp, OpNone},
	{"SSH banner", false, "", "SSH-2.0-x\r\n", ErrNotNATS, OpNone},
	{"blank in front of an operation", false, "PING\r\n", " PING\r\n", ErrUnknownOp, OpNone},
	{"empty line", false, "PING\r\n", "\r\n", ErrUnknownOp, OpNone},
	{"control byte that folds to a plus sign", false, "PING\r\n", "\x0bOK\r\n", ErrUnknownOp, OpNone},
	{"client's operation from a server", false, "PING\r\n", "PUB a 1\r\nx\r\n", ErrUnknownOp, OpNone},
	{"server's operation from a client", true, "PING\r\n", "MSG a 1 1\r\nx\r\n", ErrUnknownOp, OpNone},
	{"message without arguments", false, "PING\r\n", "MSG\r\n", ErrBadArguments, OpMsg},
	{"message without blank", false, "PING\r\n", "MSGfoo 1 1\r\n", ErrBadArguments, OpMsg},
	{"message with one argument", false, "", "MSG foo\r\n", ErrBadArguments, OpMsg},
	{"message with two arguments", false, "", "MSG foo 1\r\n", ErrBadArguments, OpMsg},
	{"message with five arguments", false, "", "MSG a 1 b 1 1\r\n", ErrBadArguments, OpMsg},
	{"message with six arguments", false, "", "MSG a 1 b c 1 1\r\n", ErrBadArguments, OpMsg},
	{"message with a word as number", false, "", "MSG a b c\r\n", ErrBadArguments, OpMsg},
	{"message with a negative number", false, "", "MSG a -1 1\r\nx\r\n", ErrBadArguments, OpMsg},
	{"message with a number above 64 bits", false, "", "MSG a 18446744073709551616 1\r\nx\r\n", ErrBadArguments, OpMsg},
	{"message with a negative size", false, "", "MSG a 1 -1\r\n", ErrBadArguments, OpMsg},
	{"message with a signed size", false, "", "MSG a 1 +1\r\nx\r\n", ErrBadArguments, OpMsg},
	{"message with a hexadecimal size", false, "", "MSG a 1 0x1\r\nx\r\n", ErrBadArguments, OpMsg},
	{"message with a size above 64 bits", false, "", "MSG a 1 18446744073709551616\r\n", ErrBadArguments, OpMsg},
	{"message with the largest size of 64 bits", false, "", "MSG a 1 18446744073709551615\r\n", ErrMaxPayload, OpMsg},
	{"message with a size near the end of 63 bits", false, "", "MSG a 1 9223372036854775807\r\n", ErrMaxPayload, OpMsg},
	{"message with a CR amid its line", false, "", "MSG a 1\r 1\r\nx\r\n", ErrBadArguments, OpMsg},
	{"message with two CR behind its line", false, "", "MSG a 1 1\r\r\nx\r\n", ErrBadArguments, OpMsg},
	{"message with a CR amid its subject", false, "", "MSG a\rb 1 1\r\nx\r\n", ErrBadArguments, OpMsg},
	{"message with a CR and no LF behind its line", false, "", "MSG a 1 1\rXa\r\n", ErrBadArguments, OpMsg},
	{"message with reply, a CR and no LF behind its line", false, "", "MSG a 1 r 1\rXa\r\n", ErrBadArguments, OpMsg},
	{"message with a size that wraps around to one", false, "", "MSG a 1 18446744073709551617\r\nx\r\n", ErrBadArguments, OpMsg},
	{"message with reply and a size that wraps around to one", false, "", "MSG a 1 r 18446744073709551617\r\nx\r\n", ErrBadArguments, OpMsg},
	{"message with a number that wraps around to one", false, "", "MSG a 18446744073709551617 1\r\nx\r\n", ErrBadArguments, OpMsg},
	{"header message with a number that wraps around to one", false, "", "HMSG a 18446744073709551617 1 1\r\nx\r\n", ErrBadArguments, OpHMsg},
	{"header message with a header size that wraps around to one", false, "", "HMSG a 1 18446744073709551617 1\r\nx\r\n", ErrBadArguments, OpHMsg},
	{"header message with a size that wraps around to one", false, "", "HMSG a 1 1 18446744073709551617\r\nx\r\n", ErrBadArguments, OpHMsg},
	{"header message with a CR and no LF behind its line", false, "", "HMSG a 1 1 1\rXa\r\n", ErrBadArguments, OpHMsg},
	{"header message without blank", false, "", "HMSGxfoo 1 0 0\r\n\r\n", ErrBadArguments, OpHMsg},
	{"payload longer than announced", false, "", "MSG a 1 1\r\nxy\r\n", ErrBadFrameEnd, OpMsg},
	{"payload shorter than announced", false, "", "MSG a 1 3\r\nx\r\nPING\r\n", ErrBadFrameEnd, OpMsg},
	{"payload followed by bare LF", false, "", "MSG a 1 1\r\nx\n\n", ErrBadFrameEnd, OpMsg},
	{"payload followed by CR CR", false, "", "MSG a 1 1\r\nx\r\r\n", ErrBadFrameEnd, OpMsg},
	{"header message with three arguments", false, "", "HMSG a 1 1\r\n", ErrBadArguments, OpHMsg},
	{"header message with six arguments", false, "", "HMSG a 1 b c 1 1\r\n", ErrBadArguments, OpHMsg},
	{"header larger than the message", false, "", "HMSG a 1 5 4\r\nabcd\r\n", ErrBadArguments, OpHMsg},
	{"header message with a bad header size", false, "", "HMSG a 1 r x 4\r\nabcd\r\n", ErrBadArguments, OpHMsg},
	{"header message with a bad size", false, "", "HMSG a 1 4 x\r\nabcd\r\n", ErrBadArguments, OpHMsg},
	{"header message with a bad number", false, "", "HMSG a x 4 4\r\nabcd\r\n", ErrBadArguments, OpHMsg},
	{"header message longer than announced", false, "", "HMSG a 1 2 2\r\nabcd\r\n", ErrBadFrameEnd, OpHMsg},
	{"info without JSON", false, "", "INFO\r\n", ErrBadArguments, OpInfo},
	{"info with blanks only", false, "", "INFO  \t\r\n", ErrBadArguments, OpInfo},
	{"info without blank", false, "", "INFO{}\r\n", ErrBadArguments, OpInfo},
	{"error without blank", false, "", "-ERRfoo\r\n", ErrBadArguments, OpErr},
	{"connect without blank", true, "", "CONNECT{}\r\n", ErrBadArguments, OpConnect},
	{"publish without size", true, "", "PUB a\r\n", ErrBadArguments, OpPub},
	{"publish with four arguments", true, "", "PUB a b c 1\r\n", ErrBadArguments, OpPub},
	{"publish with a bad size", true, "", "PUB a b\r\n", ErrBadArguments, OpPub},
	{"publish with a wrong size", true, "", "PUB a 1\r\nab\r\n", ErrBadFrameEnd, OpPub},
	{"publish header with two arguments", true, "", "HPUB a 1\r\n", ErrBadArguments, OpHPub},
	{"publish header with five arguments", true, "", "HPUB a b c 1 1\r\n", ErrBadArguments, OpHPub},
	{"publish header larger than the message", true, "", "HPUB a 2 1\r\nab\r\n", ErrBadArguments, OpHPub},
	{"subscribe without number", true, "", "SUB a\r\n", ErrBadArguments, OpSub},
	{"subscribe with four arguments", true, "", "SUB a b c 1\r\n", ErrBadArguments, OpSub},
	{"subscribe with a word as number", true, "", "SUB a b\r\n", ErrBadArguments, OpSub},
	{"unsubscribe without number", true, "", "UNSUB\r\n", ErrBadArguments, OpUnsub},
	{"unsubscribe with a word as number", true, "", "UNSUB a\r\n", ErrBadArguments, OpUnsub},
	{"unsubscribe with a word as count", true, "", "UNSUB 1 a\r\n", ErrBadArguments, OpUnsub},
	{"unsubscribe with a count above 31 bits", true, "", "UNSUB 1 2147483648\r\n", ErrBadArguments, OpUnsub},
	{"unsubscribe with three arguments", true, "", "UNSUB 1 2 3\r\n", ErrBadArguments, OpUnsub},
}

func TestBrokenStreamsGiveTypedErrors(t *testing.T) {
	for _, c := range brokenStreams {
		t.Run(c.name, func(t *testing.T) {
			parser := NewServerParser
			if c.client {
				parser = NewClientParser
			}
			stream := []byte(c.good + c.bad)
			whole := readCut(t, parser(Limits{}), stream, nil)
			e := whole.Failure
			if e == nil {
				t.Fatalf("no error: %+v", whole)
			}
			if e.Kind != c.kind || e.Op != c.op || e.Offset != int64(len(c.good)) {
				t.Errorf("got %v in %v at %d, want %v in %v at %d", e.Kind, e.Op, e.Offset, c.kind, c.op, len(c.good))
			}
			if !errors.Is(e, c.kind) || !errors.Is(e, ErrProtocol) {
				t.Errorf("%v matches not both its kind and ErrProtocol", e)
			}
			for i := range len(stream) {
				if diff := cmp.Diff(whole, readCut(t, parser(Limits{}), stream, []int{i}), sameFailure); diff != "" {
					t.Fatalf("cut at %d (-whole +cut):\n%s", i, diff)
				}
			}
			if diff := cmp.Diff(whole, readCut(t, parser(Limits{}), stream, everyByte(stream)), sameFailure); diff != "" {
				t.Fatalf("cut at every byte (-whole +cut):\n%s", diff)
			}
		})
	}
}

func TestErrorsRepeatUntilReset(t *testing.T) {
	p := NewServerParser(Limits{})
	var f Frame
	_, first := p.Next([]byte("MSG a b c\r\n"), &f)
	if n, again := p.Next([]byte("PING\r\n"), &f); n != 0 || again != first || first == nil {
		t.Errorf("got %d, %v after %v", n, again, first)
	}
	p.Reset()
	if n, err := p.Next([]byte("PING\r\n"), &f); n != 6 || err != nil {
		t.Errorf("got %d, %v after Reset", n, err)
	}
	if p.Offset() != 6 {
		t.Errorf("offset %d after Reset and one frame of 6 bytes", p.Offset())
	}
}

func TestNothingIsNeededAfterAnError(t *testing.T) {
	p := NewServerParser(Limits{})
	const stream = "MSG a 1 3\r\nabcdef"
	if n, err := p.Next([]byte(stream[:13]), new(Frame)); n != 0 || err != nil || p.Need() != 16 {
		t.Fatalf("%d, %v, need %d", n, err, p.Need())
	}
	if _, err := p.Next([]byte(stream), new(Frame)); !errors.Is(err, ErrBadFrameEnd) || p.Need() != 0 {
		t.Errorf("%v, need %d", err, p.Need())
	}
}

func TestResetForgetsAPartialFrame(t *testing.T) {
	for _, partial := range []string{"MSG foo 1", "MSG foo 1 100\r\nabc", "PI", "INFO {"} {
		p := NewServerParser(Limits{})
		var f Frame
		if n, err := p.Next([]byte(partial), &f); n != 0 || err != nil {
			t.Fatalf("%q: %d, %v", partial, n, err)
		}
		p.Reset()
		if p.Need() != 0 {
			t.Errorf("%q: still needs %d bytes", partial, p.Need())
		}
		if n, err := p.Next([]byte("PONG\r\n"), &f); n != 6 || err != nil || f.Op != OpPong {
			t.Errorf("%q: got %d, %v, %v", partial, n, err, f.Op)
		}
	}
}

func TestErrorTextQuotesAtMost32Bytes(t *testing.T) {
	p := NewServerParser(Limits{Payload: 10})
	line := "MSG " + strings.Repeat("a", 100) + " 1 11\r\n"
	_, err := p.Next([]byte(line), new(Frame))
	want := `troupe: maximum payload exceeded in MSG at byte 0 (limit 10, got 11): "MSG ` + strings.Repeat("a", 28) + `"`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if text := (&Error{}).Error(); text != "troupe: protocol error at byte 0" {
		t.Errorf("text of an empty error: %q", text)
	}
}

func TestErrorsAboutConnectQuoteNothing(t *testing.T) {
	p := NewClientParser(Limits{Info: 20})
	_, err := p.Next([]byte(`CONNECT {"pass":"secret"}`+"\r\n"), new(Frame))
	if !errors.Is(err, ErrMaxControlLine) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestNeedIsTheWholeLengthOfAKnownFrame(t *testing.T) {
	p := NewServerParser(Limits{})
	stream := []byte("MSG foo 1 5\r\nhello\r\n")
	for i := range len(stream) {
		if n, err := p.Next(stream[:i], new(Frame)); n != 0 || err != nil {
			t.Fatalf("with %d bytes: %d, %v", i, n, err)
		}
		want := 0
		if i >= len("MSG foo 1 5\r\n") {
			want = len(stream)
		}
		if p.Need() != want {
			t.Errorf("with %d bytes: needs %d, want %d", i, p.Need(), want)
		}
	}
	if n, err := p.Next(stream, new(Frame)); n != len(stream) || err != nil || p.Need() != 0 {
		t.Errorf("with all bytes: %d, %v, need %d", n, err, p.Need())
	}
}

// head is what is known of a frame before its payload.
type head struct {
	Op      Op
	Length  int
	Subject string
}

// readHeads reads a stream that arrives in two parts, the first cut bytes and the rest,
// taking each frame as soon as its control line is there.
func readHeads(t *testing.T, p *Parser, stream string, cut int) (heads []head) {
	t.Helper()
	at := 0
	for _, end := range []int{cut, len(stream)} {
		for at < end {
			var f Frame
			buf := []byte(stream[at:end])
			n, err := p.Next(buf, &f)
			n = max(n, p.Head(&f))
			if err != nil || p.Head(&f) != 0 {
				t.Fatalf("at %d: %v, or a frame was taken twice", at, err)
			}
			if n == 0 {
				break
			}
			heads = append(heads, head{f.Op, n, string(f.Subject.Of(buf))})
			at += n
		}
	}
	return heads
}

func TestHeadTakesAFrameBeforeItsPayload(t *testing.T) {
	check := func(parser func(Limits) *Parser, stream string) {
		whole := readHeads(t, parser(Limits{}), stream, len(stream))
		for cut := range stream {
			p := parser(Limits{})
			if diff := cmp.Diff(whole, readHeads(t, p, stream, cut)); diff != "" || p.Offset() != int64(len(stream)) {
				t.Fatalf("cut at %d, offset %d (-whole +cut):\n%s", cut, p.Offset(), diff)
			}
		}
	}
	server, client := goldenStreams()
	check(NewServerParser, server)
	check(NewClientParser, client)
	p := NewServerParser(Limits{})
	var f Frame
	if p.Next([]byte("MSG a 1 99999999999\r\n"), &f); p.Head(&f) != 0 {
		t.Error("a broken frame has a head")
	}
}

func TestByteByByteIsLinear(t *testing.T) {
	for _, stream := range []string{
		"INFO {" + strings.Repeat(" ", 50_000) + "}\r\n",
		"MSG " + strings.Repeat("a", 50_000) + " 1 5\r\nhello\r\n",
		"MSG a 1 50000\r\n" + strings.Repeat("x", 50_000) + "\r\n",
		"HMSG a 1 20000 50000\r\n" + strings.Repeat("\n", 50_000) + "\r\n",
		strings.Repeat("PING\r\n", 1000),
	} {
		p := NewServerParser(Limits{})
		buf := []byte(stream)
		var f Frame
		start := 0
		for i := range len(stream) + 1 {
			n, err := p.Next(buf[start:i], &f)
			if err != nil {
				t.Fatal(err)
			}
			start += n
		}
		if start != len(stream) {
			t.Fatalf("%.20q: read %d of %d bytes", stream, start, len(stream))
		}
		if p.work > int64(len(stream)) {
			t.Errorf("%.20q: looked at %d bytes of a stream of %d", stream, p.work, len(stream))
		}
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	server, client := goldenStreams()
	for name, c := range map[string]struct {
		stream string
		p      *Parser
	}{"server": {server, NewServerParser(Limits{})}, "client": {client, NewClientParser(Limits{})}} {
		stream := []byte(c.stream)
		allocs := testing.AllocsPerRun(20, func() {
			var f Frame
			c.p.Reset()
			for start, end := 0, 0; start < len(stream); end = min(end+7, len(stream)) {
				n, err := c.p.Next(stream[start:end], &f)
				if err != nil {
					t.Fatal(err)
				}
				start += n
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

func TestOpNames(t *testing.T) {
	for op := OpNone; op <= OpUnsub; op++ {
		if name := op.String(); name == "" || name == "unknown" {
			t.Errorf("operation %d is called %q", op, name)
		}
	}
	if Op(200).String() != "unknown" {
		t.Errorf("got %q", Op(200).String())
	}
}
