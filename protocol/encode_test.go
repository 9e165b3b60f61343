package protocol

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestEncodersWriteDocumentedFrames(t *testing.T) {
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	payload := []byte("Hello NATS!")
	header := Header{"B": {"2", "3"}, "A": {""}}
	const encoded = "NATS/1.0\r\nA: \r\nB: 2\r\nB: 3\r\n\r\n" // 29 bytes
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{must(AppendPub(nil, "FOO", "", payload)), "PUB FOO 11\r\nHello NATS!\r\n"},
		{must(AppendPub(nil, "FOO", "R.1", payload)), "PUB FOO R.1 11\r\nHello NATS!\r\n"},
		{must(AppendPub(nil, "FOO", "", nil)), "PUB FOO 0\r\n\r\n"},
		{AppendPubChecked(nil, "FOO", "R", make([]byte, 100))[:13], "PUB FOO R 100"},
		{must(AppendHPub(nil, "FOO", "", header, payload)), "HPUB FOO 29 40\r\n" + encoded + "Hello NATS!\r\n"},
		{must(AppendHPub(nil, "FOO", "R", header, nil)), "HPUB FOO R 29 29\r\n" + encoded + "\r\n"},
		{must(AppendHPub(nil, "FOO", "R", nil, payload)), "PUB FOO R 11\r\nHello NATS!\r\n"},
		{must(AppendHPub(nil, "FOO", "", Header{"A": nil}, nil)), "HPUB FOO 12 12\r\nNATS/1.0\r\n\r\n\r\n"},
		{AppendHPubChecked(nil, "FOO", "R", []byte(encoded), payload), "HPUB FOO R 29 40\r\n" + encoded + "Hello NATS!\r\n"},
		{must(AppendSub(nil, "FOO.*.>", "", 1)), "SUB FOO.*.> 1\r\n"},
		{must(AppendSub(nil, "BAR", "G1", 44)), "SUB BAR G1 44\r\n"},
		{AppendUnsub(nil, 1, 0), "UNSUB 1\r\n"},
		{AppendUnsub(nil, 1, 1), "UNSUB 1 1\r\n"},
		{AppendUnsub(nil, 1, -5), "UNSUB 1\r\n"},
		{AppendUnsub(nil, math.MaxUint64, 5), "UNSUB 18446744073709551615 5\r\n"},
		{AppendUnsub(nil, 1, UnsubMax), "UNSUB 1 999999999\r\n"},
		{AppendUnsub(nil, 1, UnsubMax+1), ""},
		{AppendPing(nil), "PING\r\n"},
		{AppendPong(nil), "PONG\r\n"},
		{AppendOK(nil), "+OK\r\n"},
		{AppendErr(nil, "Stale Connection"), "-ERR 'Stale Connection'\r\n"},
		{AppendErr(nil, "a\r\nPING"), "-ERR 'a  PING'\r\n"},
		{AppendMsg(nil, "foo", 9, "", payload), "MSG foo 9 11\r\nHello NATS!\r\n"},
		{AppendMsg(nil, "foo", 9, "r", nil), "MSG foo 9 r 0\r\n\r\n"},
		{AppendHMsg(nil, "foo", 9, "r", []byte(encoded), payload), "HMSG foo 9 r 29 40\r\n" + encoded + "Hello NATS!\r\n"},
		{AppendHMsg(nil, "foo", 9, "", []byte(encoded), nil), "HMSG foo 9 29 29\r\n" + encoded + "\r\n"},
	} {
		if string(c.got) != c.want {
			t.Errorf("got  %q\nwant %q", c.got, c.want)
		}
	}
}

// injections are subjects and names that a peer would read as something else.
var injections = []string{"a b", "a\tb", "a\rb", "a\nb", "a\r\nPUB x 0", " ", "a ", " a", "\x00", "a\x0bb", "a\x1f"}

// refusal is the result of an encoder that was asked to append to "before".
type refusal struct {
	name string
	got  []byte
	err  error
}

// refused takes the result of an encoder.
func refused(name string) func([]byte, error) refusal {
	return func(got []byte, err error) refusal { return refusal{name, got, err} }
}

func (r refusal) check(t *testing.T, kind error) {
	t.Helper()
	if !errors.Is(r.err, kind) {
		t.Errorf("%s: got %v, want %v", r.name, r.err, kind)
	}
	if string(r.got) != "before" {
		t.Errorf("%s changed the destination to %q", r.name, r.got)
	}
}

func TestEncodersRefuseWhatWouldInject(t *testing.T) {
	dst := []byte("before")
	header := Header{"A": {"b"}}
	for _, bad := range injections {
		refused("publish to "+strconv.Quote(bad))(AppendPub(dst, bad, "", nil)).check(t, ErrBadSubject)
		refused("publish with reply "+strconv.Quote(bad))(AppendPub(dst, "a", bad, nil)).check(t, ErrBadSubject)
		refused("publish with header to "+strconv.Quote(bad))(AppendHPub(dst, bad, "", header, nil)).check(t, ErrBadSubject)
		refused("publish with header and reply "+strconv.Quote(bad))(AppendHPub(dst, "a", bad, header, nil)).check(t, ErrBadSubject)
		refused("subscribe to "+strconv.Quote(bad))(AppendSub(dst, bad, "", 1)).check(t, ErrBadSubject)
		refused("subscribe in queue "+strconv.Quote(bad))(AppendSub(dst, "a", bad, 1)).check(t, ErrBadQueueName)
	}
	for _, bad := range []Header{
		{"": {"x"}}, {"a b": {"x"}}, {"a:b": {"x"}}, {"a\r\nb": {"x"}}, {"ä": {"x"}}, {"a\x7f": {"x"}},
		{"a": {"x\r\ny: z"}}, {"a": {"x\ny"}}, {"a": {"ok", "\r"}}, {"bad key": nil},
	} {
		name := strings.Join(keysOf(bad), ",")
		refused("header "+strconv.Quote(name))(AppendHeader(dst, bad)).check(t, ErrBadHeaderMsg)
		refused("publish with header "+strconv.Quote(name))(AppendHPub(dst, "a", "", bad, nil)).check(t, ErrBadHeaderMsg)
	}
}

func keysOf(h Header) (keys []string) {
	for key := range h {
		keys = append(keys, key)
	}
	return keys
}

func TestEncodersDoNotWriteBehindTheirCapacityOnError(t *testing.T) {
	room := []byte("before-untouched")
	_, _ = AppendHPub(room[:6], "a", "", Header{"A": {"b"}, "Z": {"\n"}}, nil)
	_, _ = AppendPub(room[:6], "a", "b c", nil)
	_, _ = AppendSub(room[:6], "a", "b c", 1)
	if string(room) != "before-untouched" {
		t.Errorf("got %q", room)
	}
}

func TestPublishAllocatesNothing(t *testing.T) {
	payload := make([]byte, 16)
	header := Header{"A": {"1"}, "B": {"2", "3"}, "C": {"4"}}
	encoded, err := AppendHeader(nil, header)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 0, 4096)
	allocs := testing.AllocsPerRun(100, func() {
		out := AppendPubChecked(buf, "foo.bar", "reply", payload)
		out, _ = AppendPub(out, "foo.bar", "reply", payload)
		out = AppendHPubChecked(out, "foo.bar", "", encoded, payload)
		out, _ = AppendHPub(out, "foo.bar", "", header, payload)
		out, _ = AppendSub(out, "foo.*", "queue", 7)
		out = AppendPing(AppendUnsub(out, 7, 3))
		if len(out) == 0 {
			t.Fatal("nothing encoded")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestAppendGrowsAtMostOnce(t *testing.T) {
	payload := make([]byte, 1000)
	once := testing.AllocsPerRun(100, func() { sink = slices.Grow([]byte(nil), 1100) })
	if allocs := testing.AllocsPerRun(100, func() { sink = AppendPubChecked(nil, "foo", "reply", payload) }); allocs != once {
		t.Errorf("%v allocations, growing once makes %v", allocs, once)
	}
}

// sink keeps results alive, so that making them is not optimised away.
var sink []byte
