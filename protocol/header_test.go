package protocol

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeaderBlocksAreDecoded(t *testing.T) {
	for _, c := range []struct {
		name, block string
		want        Header
	}{
		{"no fields", "NATS/1.0\r\n\r\n", Header{}},
		{"one field", "NATS/1.0\r\nBar: Baz\r\n\r\n", Header{"Bar": {"Baz"}}},
		{"case is kept", "NATS/1.0\r\nfoo: 1\r\nFoo: 2\r\n\r\n", Header{"foo": {"1"}, "Foo": {"2"}}},
		{"several values", "NATS/1.0\r\nA: 1\r\nB: 2\r\nA: 3\r\nA: 4\r\n\r\n", Header{"A": {"1", "3", "4"}, "B": {"2"}}},
		{"blanks in front of a value", "NATS/1.0\r\nA: \t x \t\r\n\r\n", Header{"A": {"x \t"}}},
		{"no blank in front of a value", "NATS/1.0\r\nA:x\r\n\r\n", Header{"A": {"x"}}},
		{"empty value", "NATS/1.0\r\nA:\r\nB: \r\n\r\n", Header{"A": {""}, "B": {""}}},
		{"colons in a value", "NATS/1.0\r\nA: b:c: d\r\n\r\n", Header{"A": {"b:c: d"}}},
		{"empty name", "NATS/1.0\r\n: x\r\nA: y\r\n\r\n", Header{"A": {"y"}}},
		{"blank in a name", "NATS/1.0\r\nA b: y\r\n\r\n", Header{"A b": {"y"}}},
		{"bare LF", "NATS/1.0\nA: y\n\n", Header{"A": {"y"}}},
		{"bytes behind the blank line", "NATS/1.0\r\nA: y\r\n\r\nB: z\r\n", Header{"A": {"y"}}},
		{"UTF-8 value", "NATS/1.0\r\nA: größe\r\n\r\n", Header{"A": {"größe"}}},
		{"status", "NATS/1.0 503\r\n\r\n", Header{"Status": {"503"}}},
		{"status and description", "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 7\r\n\r\n",
			Header{"Status": {"100"}, "Description": {"Idle Heartbeat"}, "Nats-Last-Consumer": {"7"}}},
		{"status among blanks", "NATS/1.0 \t 404   No Messages  \r\n\r\n", Header{"Status": {"404"}, "Description": {"No Messages"}}},
		{"description without blank", "NATS/1.0 404No\r\n\r\n", Header{"Status": {"404"}, "Description": {"No"}}},
		{"status of the line comes before a field's", "NATS/1.0 503\r\nStatus: 200\r\n\r\n", Header{"Status": {"503", "200"}}},
	} {
		got, err := ParseHeader([]byte(c.block))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestBadHeaderBlocksGiveTypedErrors(t *testing.T) {
	for _, c := range []struct {
		name, block string
		pos         int
	}{
		{"empty", "", 0},
		{"no line end", "NATS/1.0", 0},
		{"no blank line", "NATS/1.0\r\n", 10},
		{"no blank line behind a field", "NATS/1.0\r\nA: b\r\n", 16},
		{"unfinished field", "NATS/1.0\r\nA: b", 10},
		{"wrong version", "NATS/2.0\r\n\r\n", 0},
		{"lower case", "nats/1.0\r\n\r\n", 0},
		{"short version", "NATS/1\r\n\r\n", 0},
		{"no version", "A: b\r\n\r\n", 0},
		{"no blank behind the version", "NATS/1.0503\r\n\r\n", 0},
		{"longer version", "NATS/1.01\r\n\r\n", 0},
		{"blank behind the version, nothing else", "NATS/1.0 \r\n\r\n", 0},
		{"short status", "NATS/1.0 50\r\n\r\n", 0},
		{"status of one digit", "NATS/1.0 5\r\n\r\n", 0},
		{"status of letters", "NATS/1.0 abc\r\n\r\n", 0},
		{"line without colon", "NATS/1.0\r\nA: b\r\nfoo\r\n\r\n", 16},
		{"folded line", "NATS/1.0\r\nA: b\r\n c\r\n\r\n", 16},
		{"CR in a value", "NATS/1.0\r\nA: b\rC: d\r\n\r\n", 10},
		{"CR in a name", "NATS/1.0\r\nA\rB: d\r\n\r\n", 10},
		{"CR in the status line", "NATS/1.0 503 \rfoo\r\n\r\n", 0},
		{"two CR behind a value", "NATS/1.0\r\nA: b\r\r\n\r\n", 10},
	} {
		h, err := ParseHeader([]byte(c.block))
		var bad *HeaderError
		if h != nil || !errors.As(err, &bad) || !errors.Is(err, ErrBadHeaderMsg) || !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: got %v, %v", c.name, h, err)
			continue
		}
		if bad.Pos != c.pos || bad.Reason == "" {
			t.Errorf("%s: %+v, want position %d", c.name, bad, c.pos)
		}
	}
}

func TestHeaderFieldLimit(t *testing.T) {
	for count := HeaderFieldsMax - 1; count <= HeaderFieldsMax+1; count++ {
		h, err := ParseHeader([]byte("NATS/1.0\r\n" + strings.Repeat("a:\n", count) + "\n"))
		switch {
		case count <= HeaderFieldsMax && (err != nil || len(h["a"]) != count):
			t.Errorf("%d fields: %d values, %v", count, len(h["a"]), err)
		case count > HeaderFieldsMax && !errors.Is(err, ErrBadHeaderMsg):
			t.Errorf("%d fields: %v", count, err)
		}
	}
}

func TestHeaderOwnsItsMemory(t *testing.T) {
	data := []byte("NATS/1.0 100 Idle\r\nA: b\r\nC: d\r\n\r\n")
	h, err := ParseHeader(data)
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	h.Add("A", "c") // must not run into the value of C, its neighbour in memory
	if diff := cmp.Diff(Header{"Status": {"100"}, "Description": {"Idle"}, "A": {"b", "c"}, "C": {"d"}}, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHeaderAccess(t *testing.T) {
	var none Header
	if none.Get("A") != "" || none.Values("A") != nil {
		t.Error("a nil header has values")
	}
	none.Del("A")
	h := Header{}
	h.Add("A", "1")
	h.Add("A", "2")
	h.Set("B", "3")
	h.Set("B", "4")
	h["Empty"] = nil
	if h.Get("A") != "1" || h.Get("a") != "" || h.Get("B") != "4" || h.Get("Empty") != "" {
		t.Errorf("got %v", h)
	}
	if diff := cmp.Diff([]string{"1", "2"}, h.Values("A")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	h.Del("A")
	if _, ok := h["A"]; ok {
		t.Errorf("still there: %v", h)
	}
}

func TestParseStatus(t *testing.T) {
	for _, c := range []struct {
		block       string
		code        int
		description string
		ok          bool
	}{
		{"NATS/1.0 503\r\n\r\n", 503, "", true},
		{"NATS/1.0 100 Idle Heartbeat\r\nA: b\r\n\r\n", 100, "Idle Heartbeat", true},
		{"NATS/1.0  \t404 \t No Messages \r\n\r\n", 404, "No Messages", true},
		{"NATS/1.0 503\n\n", 503, "", true},
		{"NATS/1.0 000\r\n\r\n", 0, "", true},
		{"NATS/1.0\r\nA: b\r\n\r\n", 0, "", false},
		{"NATS/1.0\r\n\r\n", 0, "", false},
		{"NATS/1.0503\r\n\r\n", 0, "", false},
		{"NATS/1.0 50\r\n\r\n", 0, "", false},
		{"NATS/1.0 5x3\r\n\r\n", 0, "", false},
		{"NATS/1.0     \r\n\r\n", 0, "", false},
		{"NATS/1.0 503\r\r\n\r\n", 0, "", false},
		{"NATS/1.0 503", 0, "", false},
		{"NATS/1.0", 0, "", false},
		{"\n", 0, "", false},
		{"", 0, "", false},
		{"HTTP/1.0 503\r\n\r\n", 0, "", false},
	} {
		code, description, ok := ParseStatus([]byte(c.block))
		if code != c.code || string(description) != c.description || ok != c.ok {
			t.Errorf("%q: got %d %q %v", c.block, code, description, ok)
		}
	}
}

func TestLookupHeader(t *testing.T) {
	data := []byte("NATS/1.0 503\r\nA: 1\r\nAB:  2\r\nA: 3\r\nEmpty:\r\n\r\nBehind: x\r\n")
	for _, c := range []struct {
		key, want string
		ok        bool
	}{{"A", "1", true}, {"AB", "2", true}, {"Empty", "", true}, {"a", "", false}, {"B", "", false}, {"Behind", "", false}, {"Status", "", false}} {
		if value, ok := LookupHeader(data, c.key); string(value) != c.want || ok != c.ok {
			t.Errorf("%s: got %q, %v", c.key, value, ok)
		}
	}
	for _, short := range []string{"", "NATS/1.0", "NATS/1.0\r\n", "NATS/1.0\r\nA: 1"} {
		if value, ok := LookupHeader([]byte(short), "A"); ok {
			t.Errorf("%q: got %q", short, value)
		}
	}
}

func TestStatusAndLookupAllocateNothing(t *testing.T) {
	data := []byte("NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 7\r\n\r\n")
	allocs := testing.AllocsPerRun(100, func() {
		if _, _, ok := ParseStatus(data); !ok {
			t.Fatal("no status")
		}
		if _, ok := LookupHeader(data, "Nats-Last-Consumer"); !ok {
			t.Fatal("no field")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestDecodingAllocatesLittle(t *testing.T) {
	for fields, most := range map[int]float64{1: 4, 3: 4, 6: 4, 60: 7} {
		var b strings.Builder
		b.WriteString("NATS/1.0\r\n")
		for i := range fields {
			fmt.Fprintf(&b, "Field-%d: value %d\r\n", i, i)
		}
		data := []byte(b.String() + "\r\n")
		allocs := testing.AllocsPerRun(50, func() {
			if _, err := ParseHeader(data); err != nil {
				t.Fatal(err)
			}
		})
		if allocs > most {
			t.Errorf("%d fields: %v allocations, at most %v allowed", fields, allocs, most)
		}
	}
}

func TestHeaderSizeIsExact(t *testing.T) {
	many := Header{}
	for i := range 50 {
		many.Set(fmt.Sprintf("Field-%d", i), strings.Repeat("x", i))
	}
	for _, h := range []Header{nil, {}, {"A": nil}, {"A": {"b"}}, {"A": {"b", ""}, "Long-Name": {"c"}}, many} {
		data, err := AppendHeader([]byte("x"), h)
		if err != nil || len(data)-1 != HeaderSize(h) {
			t.Errorf("%v: encoded to %d bytes, size %d, %v", h, len(data)-1, HeaderSize(h), err)
		}
	}
}

func TestEqualHeadersGiveEqualBytes(t *testing.T) {
	h := Header{}
	for i := range 20 {
		h.Add(fmt.Sprintf("K%d", i*7%20), "v")
	}
	first, err := AppendHeader(nil, h)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, _ := AppendHeader(nil, h); string(again) != string(first) {
			t.Fatalf("got %q and %q", first, again)
		}
	}
}

func TestHeaderErrorText(t *testing.T) {
	_, err := AppendHeader(nil, Header{"Key": {"a\nb"}})
	if want := `troupe: message could not decode headers: line end in value at byte 1 of field "Key"`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
