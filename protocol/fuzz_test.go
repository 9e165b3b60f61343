package protocol

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tight are limits that short inputs reach.
var tight = Limits{ControlLine: 40, Info: 60, Payload: 30, Header: 24}

// addStreams seeds a fuzz target with the streams of one direction, valid and
// broken.
func addStreams(f *testing.F, client bool, add func(stream []byte)) {
	server, whole := goldenStreams()
	if !client {
		whole = server
	}
	add([]byte(whole))
	frames := serverFrames
	if client {
		frames = clientFrames
	}
	for _, c := range frames {
		add([]byte(c.stream))
	}
	for _, c := range brokenStreams {
		if c.client == client {
			add([]byte(c.good + c.bad))
		}
	}
	add([]byte("MSG " + strings.Repeat("a", 40) + " 1 1\r\nx\r\n"))
	add([]byte("PUB a 31\r\n" + strings.Repeat("x", 31) + "\r\n"))
}

// fuzzParse checks what holds for every stream.
func fuzzParse(t *testing.T, parser func(Limits) *Parser, stream []byte) {
	for _, limits := range []Limits{{}, tight} {
		p := parser(limits)
		got := readCut(t, p, stream, nil)
		if p.Offset() != int64(got.Consumed) {
			t.Fatalf("offset %d after %d bytes", p.Offset(), got.Consumed)
		}
		for _, r := range got.Readings {
			if len(r.Header)+len(r.Payload) > p.limits.Payload || len(r.Header) > p.limits.Header {
				t.Fatalf("above the limits: %+v", r)
			}
			if strings.ContainsAny(r.Subject+r.Reply+r.Queue, " \t\r\n") {
				t.Fatalf("blank or line end in %+v", r)
			}
		}
		e := got.Failure
		if e == nil {
			continue
		}
		if e.Offset != int64(got.Consumed) || !errors.Is(e, ErrProtocol) || e.Error() == "" {
			t.Fatalf("failure %+v after %d bytes", e, got.Consumed)
		}
		if (e.Limit != 0) != (e.Got > e.Limit) {
			t.Fatalf("limit %d exceeded by %d", e.Limit, e.Got)
		}
	}
}

func FuzzParseServer(f *testing.F) {
	addStreams(f, false, func(stream []byte) { f.Add(stream) })
	f.Fuzz(func(t *testing.T, stream []byte) { fuzzParse(t, NewServerParser, stream) })
}

func FuzzParseClient(f *testing.F) {
	addStreams(f, true, func(stream []byte) { f.Add(stream) })
	f.Fuzz(func(t *testing.T, stream []byte) { fuzzParse(t, NewClientParser, stream) })
}

// FuzzSplit checks that the way a stream is cut changes nothing: each single cut,
// a cut at every byte and cuts drawn from the seed.
func FuzzSplit(f *testing.F) {
	addStreams(f, false, func(stream []byte) { f.Add(stream, false, uint64(len(stream))) })
	addStreams(f, true, func(stream []byte) { f.Add(stream, true, uint64(len(stream))) })
	f.Fuzz(func(t *testing.T, stream []byte, client bool, seed uint64) {
		stream = stream[:min(len(stream), 400)] // each cut reads it again
		parser := NewServerParser
		if client {
			parser = NewClientParser
		}
		random := rand.New(rand.NewPCG(seed, 0))
		for _, limits := range []Limits{{}, tight} {
			whole := readCut(t, parser(limits), stream, nil)
			check := func(cuts []int) {
				got := readCut(t, parser(limits), stream, cuts)
				if diff := cmp.Diff(whole, got, sameFailure); diff != "" {
					t.Fatalf("%q cut at %v (-whole +cut):\n%s", stream, cuts, diff)
				}
			}
			for i := range stream {
				check([]int{i})
			}
			check(everyByte(stream))
			for range 5 {
				check(randomCuts(random, len(stream)))
			}
		}
	})
}

func randomCuts(random *rand.Rand, length int) []int {
	cuts := make([]int, random.IntN(6))
	for i := range cuts {
		cuts[i] = random.IntN(length + 1)
	}
	slices.Sort(cuts)
	return cuts
}

// FuzzRoundTrip checks that what the encoders accept is read back as it was.
//
//style:allow params a fuzz target takes each value by itself
func FuzzRoundTrip(f *testing.F) {
	f.Add("foo.bar", "", "", "", "", []byte("payload"), uint64(1), 0)
	f.Add("foo", "_INBOX.x", "Key", "value", "queue", []byte(""), uint64(1<<64-1), 5)
	f.Add("1", "2", "A", " b", "3", []byte("PING\r\n"), uint64(0), UnsubMax)
	f.Add("a b", "\r\n", "a:", "\n", " ", []byte("\r\n"), uint64(7), -1)
	f.Add("foo.*", "a.>", "A", "\tb ", "q", make([]byte, 200), uint64(7), UnsubMax+1)
	f.Fuzz(func(t *testing.T, subject, reply, key, value, queue string, payload []byte, sid uint64, maxMsgs int) {
		subject, reply = subject[:min(len(subject), 1000)], reply[:min(len(reply), 1000)]
		queue = queue[:min(len(queue), 1000)]
		header := Header{key: {value, "second"}}
		var stream []byte
		var want []reading
		expect := func(out []byte, err error, r reading) {
			if err != nil && len(out) != len(stream) {
				t.Fatalf("an error, and %d bytes more: %v", len(out)-len(stream), err)
			}
			if len(out) > len(stream) {
				want = append(want, complete(r))
			}
			stream = out
		}
		out, err := AppendPub(stream, subject, reply, payload)
		expect(out, err, reading{Op: OpPub, Subject: subject, Reply: reply, Payload: string(payload)})
		block, blockErr := AppendHeader(nil, header)
		out, err = AppendHPub(stream, subject, reply, header, payload)
		expect(out, err, reading{Op: OpHPub, Subject: subject, Reply: reply, Header: string(block), Payload: string(payload)})
		if err == nil {
			expect(AppendHPubChecked(stream, subject, reply, block, payload), nil, want[len(want)-1])
		}
		out, err = AppendSub(stream, subject, queue, sid)
		expect(out, err, reading{Op: OpSub, Subject: subject, Queue: queue, SID: sid})
		expect(AppendUnsub(stream, sid, maxMsgs), nil, reading{Op: OpUnsub, SID: sid, Max: max(maxMsgs, 0)})
		expect(AppendPing(stream), nil, reading{Op: OpPing})
		expect(AppendPong(stream), nil, reading{Op: OpPong})

		got := readCut(t, NewClientParser(Limits{}), stream, nil)
		if diff := cmp.Diff(outcome{Readings: want, Consumed: len(stream)}, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if blockErr == nil {
			checkHeaderRoundTrip(t, header, block)
		}
		checkServerRoundTrip(t, reading{
			Subject: subject, Reply: reply, SID: sid, Header: string(block), Payload: string(payload),
		})
	})
}

// checkHeaderRoundTrip checks that a block is decoded to the header it was made from,
// except for blanks in front of values.
func checkHeaderRoundTrip(t *testing.T, header Header, block []byte) {
	t.Helper()
	want := Header{}
	for key, values := range header {
		for _, value := range values {
			want.Add(key, strings.TrimLeft(value, " \t"))
		}
	}
	got, err := ParseHeader(block)
	if err != nil {
		t.Fatalf("%q: %v", block, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q (-want +got):\n%s", block, diff)
	}
}

// checkServerRoundTrip checks the frames of a fake server, which checks nothing,
// where subject and reply can be written at all.
func checkServerRoundTrip(t *testing.T, r reading) {
	t.Helper()
	if CheckPublishSubject(r.Subject) != nil || r.Reply != "" && CheckPublishSubject(r.Reply) != nil {
		return
	}
	plain, withHeader := r, r
	plain.Op, plain.Header = OpMsg, ""
	withHeader.Op = OpHMsg
	stream := AppendMsg(nil, r.Subject, r.SID, r.Reply, []byte(r.Payload))
	stream = AppendHMsg(stream, r.Subject, r.SID, r.Reply, []byte(r.Header), []byte(r.Payload))
	stream = AppendOK(stream)
	got := readCut(t, NewServerParser(Limits{}), stream, nil)
	all := []reading{complete(plain), complete(withHeader), {Op: OpOK}}
	if diff := cmp.Diff(outcome{Readings: all, Consumed: len(stream)}, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

// headerBlocks seed the header targets.
var headerBlocks = []string{
	"", "NATS/1.0", "NATS/1.0\r\n", "NATS/1.0\r\n\r\n", "NATS/1.0\n\n", "NATS/1.0 503\r\n\r\n", "NATS/1.0 5\r\n\r\n",
	"NATS/1.0 100 Idle Heartbeat\r\nA: b\r\n\r\n", "NATS/1.0503\r\n\r\n", "NATS/1.0 503x\r\n\r\n", "NATS/1.0 abc\r\n\r\n",
	"NATS/1.0\r\nA: b\rC: d\r\n\r\n", "NATS/1.0\r\nA: b\r\nA: c\r\n\r\n", "NATS/1.0\r\n: x\r\n\r\n", "NATS/1.0\r\nfoo\r\n\r\n",
	"NATS/1.0\r\nA: b\r\n\r\nrest", "NATS/1.0 503\r\nStatus: 1\r\nDescription: x\r\n\r\n", "NATS/1.0\r\nA:\t b \r\n\n", "NATS/1.0 503 \rx\r\n\r\n",
	"NATS/1.0\x0b503\r\n\r\n", "NATS/1.0 503\xc2\xa0\r\n\r\n", "NATS/1.0 \xe2\x80\x83503\r\n\r\n",
}

// FuzzHeader checks that the views of a header block agree with each other.
func FuzzHeader(f *testing.F) {
	for _, block := range headerBlocks {
		f.Add([]byte(block))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		h, err := ParseHeader(block)
		code, description, ok := ParseStatus(block)
		if err != nil {
			if h != nil || !errors.Is(err, ErrBadHeaderMsg) {
				t.Fatalf("got %v, %v", h, err)
			}
			return
		}
		if ok != (inlineStatus(block) != "") {
			t.Fatalf("status %d %q %v of %v", code, description, ok, h)
		}
		if ok && (h.Get(StatusKey) != inlineStatus(block) || len(description) > 0 && h.Get(DescriptionKey) != string(description)) {
			t.Fatalf("status %d %q of %v", code, description, h)
		}
		for key, values := range h {
			value, found := LookupHeader(block, key)
			inline := ok && (key == StatusKey || key == DescriptionKey)
			if !inline && (!found || string(value) != values[0]) {
				t.Fatalf("field %q: got %q %v, want %q", key, value, found, values[0])
			}
		}
		again, err := AppendHeader(nil, h)
		if err == nil && len(h) > 0 {
			checkHeaderRoundTrip(t, h, again)
		}
	})
}

// inlineStatus returns the three digits after NATS/1.0 of a valid block.
func inlineStatus(block []byte) string {
	line, _, _ := strings.Cut(string(block), "\n")
	status := strings.Trim(strings.TrimPrefix(line, "NATS/1.0"), " \t\r")
	return status[:min(len(status), 3)]
}

func FuzzInfo(f *testing.F) {
	for _, text := range []string{recordedInfo, "{}", "null", "[]", "", `{"port":-1}`, `{"max_payload":1e30}`, `{"connect_urls":[null]}`, `{"a":{"a":{"a":1}}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := ParseInfo(data)
		if err != nil {
			checkJSONError(t, "INFO", err)
			return
		}
		frame := AppendInfo(nil, info)
		var fr Frame
		if n, err := NewServerParser(Limits{Info: limitMax}).Next(frame, &fr); n != len(frame) || err != nil {
			t.Fatalf("%q: %d, %v", frame, n, err)
		}
		again, err := ParseInfo(fr.Arg.Of(frame))
		if err != nil {
			t.Fatalf("%q: %v", frame, err)
		}
		if len(info.ConnectURLs) == 0 { // an empty list is left out and read back as none
			again.ConnectURLs = info.ConnectURLs
		}
		if len(info.WSConnectURLs) == 0 {
			again.WSConnectURLs = info.WSConnectURLs
		}
		if diff := cmp.Diff(info, again); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func FuzzConnect(f *testing.F) {
	f.Add([]byte("{}"), "app", "secret")
	f.Add([]byte("null"), "\r\nPING\r\n", "\xff")
	f.Add([]byte(`{"verbose":false,"user":"u","pass":"p","protocol":1}`), "<&>", "\u2028")
	f.Fuzz(func(t *testing.T, data []byte, name, password string) {
		c, err := ParseConnect(data)
		if err != nil {
			checkJSONError(t, "CONNECT", err)
			c = &Connect{}
		}
		c.Name, c.Password = name, password
		frame, err := AppendConnect(nil, c)
		if err != nil {
			checkJSONError(t, "CONNECT", err)
			return
		}
		var fr Frame
		if n, err := NewClientParser(Limits{Info: limitMax}).Next(frame, &fr); n != len(frame) || err != nil {
			t.Fatalf("%q: %d, %v", frame, n, err)
		}
		again, err := ParseConnect(fr.Arg.Of(frame))
		if err != nil {
			t.Fatalf("%q: %v", frame, err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func FuzzServerError(f *testing.F) {
	for _, c := range serverTexts {
		f.Add([]byte(c.text))
		f.Add([]byte("'" + c.text + "'"))
	}
	f.Add([]byte("permissions violation for publish to \"\xff\\xff\""))
	f.Add([]byte("\u0130nvalid Subject")) // a letter whose lower case is longer
	f.Fuzz(func(t *testing.T, text []byte) {
		got := ClassifyServerError(text)
		if got.Kind == nil || !errors.Is(got, got.Kind) || got.Error() == "" || got.Reaction > ReactStop {
			t.Fatalf("got %+v", got)
		}
		if !strings.Contains(string(text), got.Text) {
			t.Fatalf("text %q is not in %q", got.Text, text)
		}
		if !got.Closes && got.Reaction != ReactIgnoreReport {
			t.Fatalf("reacts with %s though the server stays: %+v", got.Reaction, got)
		}
		if got.Kind != ErrPermissionViolation && (got.Subject != "" || got.Queue != "" || got.SID != 0) {
			t.Fatalf("details without a permission text: %+v", got)
		}
	})
}
