package protocol

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lineOf returns a frame whose control line has length bytes.
func lineOf(front, back string, length int) string {
	return front + strings.Repeat("a", length-len(front)-len(back)) + back
}

func TestLineLimits(t *testing.T) {
	const limit = 100
	limits := Limits{ControlLine: limit, Info: limit}
	for _, c := range []struct {
		front, back, rest string
		op                Op
		client            bool
	}{
		{"MSG ", " 1 0", "\r\n", OpMsg, false},
		{"msg ", " 1 0", "\r\n", OpMsg, false},
		{"HMSG ", " 1 0 0", "\r\n", OpHMsg, false},
		{"INFO ", "", "", OpInfo, false},
		{"-ERR ", "", "", OpErr, false},
		{"PING", "", "", OpPing, false},
		{"+OK", "", "", OpOK, false},
		{"PUB ", " 0", "\r\n", OpPub, true},
		{"HPUB ", " 0 0", "\r\n", OpHPub, true},
		{"SUB ", " 1", "", OpSub, true},
		{"CONNECT ", "", "", OpConnect, true},
	} {
		parser := NewServerParser
		if c.client {
			parser = NewClientParser
		}
		for length := limit - 1; length <= limit+1; length++ {
			line := lineOf(c.front, c.back, length)
			check := limitCheck{parser: func() *Parser { return parser(limits) }, over: length > limit,
				want: Error{Kind: ErrMaxControlLine, Op: c.op, Limit: limit, Got: limit + 1}}
			check.run(t, line+"\r\n"+c.rest)
			check.run(t, line+"\n"+c.rest)
		}
	}
}

// limitCheck checks that only what is over a limit is refused, however the stream is cut.
type limitCheck struct {
	parser func() *Parser
	over   bool
	want   Error
}

func (c limitCheck) run(t *testing.T, stream string) {
	t.Helper()
	for _, cuts := range [][]int{nil, everyByte([]byte(stream))} {
		got := readCut(t, c.parser(), []byte(stream), cuts)
		switch {
		case !c.over && (got.Failure != nil || len(got.Readings) != 1):
			t.Errorf("%q with %d cuts: refused: %+v", stream, len(cuts), got.Failure)
		case c.over && (got.Failure == nil || *got.Failure != c.want):
			t.Errorf("%q with %d cuts: got %+v, want %+v", stream, len(cuts), got.Failure, c.want)
		}
	}
}

func TestEndlessLineIsRefusedAtTheLimit(t *testing.T) {
	p := NewServerParser(Limits{ControlLine: 100})
	var f Frame
	buf := []byte(lineOf("MSG ", "", 101))
	if n, err := p.Next(buf, &f); n != 0 || err != nil {
		t.Fatalf("with 101 bytes, the last of which could be the CR: %d, %v", n, err)
	}
	_, err := p.Next(append(buf, 'a'), &f)
	if !errors.Is(err, ErrMaxControlLine) {
		t.Errorf("with 102 bytes without a line end: %v", err)
	}
}

func TestLimitBelowTheNameOfAnOperation(t *testing.T) {
	for _, stream := range []string{"PING\r\n", "MSG a 1 0\r\n\r\n", "HMSG a 1 0 0\r\n\r\n", "PONG", "-ERR"} {
		whole := readCut(t, NewServerParser(Limits{ControlLine: 1}), []byte(stream), nil)
		if whole.Failure == nil || whole.Failure.Kind != ErrMaxControlLine {
			t.Errorf("%q: %+v", stream, whole)
		}
		cut := readCut(t, NewServerParser(Limits{ControlLine: 1}), []byte(stream), everyByte([]byte(stream)))
		if diff := cmp.Diff(whole, cut, sameFailure); diff != "" {
			t.Errorf("%q (-whole +cut):\n%s", stream, diff)
		}
	}
}

func TestSizeLimits(t *testing.T) {
	const limit = 50
	for _, c := range []struct {
		name   string
		limits Limits
		stream func(size int) string
		kind   error
		op     Op
		client bool
	}{
		{"message", Limits{Payload: limit}, func(n int) string { return string(AppendMsg(nil, "a", 1, "", make([]byte, n))) },
			ErrMaxPayload, OpMsg, false},
		{"message with reply", Limits{Payload: limit}, func(n int) string { return string(AppendMsg(nil, "a", 1, "r", make([]byte, n))) },
			ErrMaxPayload, OpMsg, false},
		{"message with header", Limits{Payload: limit},
			func(n int) string { return string(AppendHMsg(nil, "a", 1, "", make([]byte, 20), make([]byte, n-20))) },
			ErrMaxPayload, OpHMsg, false},
		{"header", Limits{Header: limit},
			func(n int) string { return string(AppendHMsg(nil, "a", 1, "r", make([]byte, n), make([]byte, 7))) },
			ErrMaxHeader, OpHMsg, false},
		{"publish", Limits{Payload: limit}, func(n int) string { return string(AppendPubChecked(nil, "a", "", make([]byte, n))) },
			ErrMaxPayload, OpPub, true},
		{"publish with header", Limits{Header: limit},
			func(n int) string { return string(AppendHPubChecked(nil, "a", "", make([]byte, n), nil)) },
			ErrMaxHeader, OpHPub, true},
	} {
		for size := limit - 1; size <= limit+1; size++ {
			parser := NewServerParser
			if c.client {
				parser = NewClientParser
			}
			check := limitCheck{parser: func() *Parser { return parser(c.limits) }, over: size > limit,
				want: Error{Kind: c.kind, Op: c.op, Limit: limit, Got: size}}
			check.run(t, c.stream(size))
		}
	}
}

func TestAnOversizedAnnouncementIsRefusedBeforeItsBytes(t *testing.T) {
	p := NewServerParser(Limits{})
	_, err := p.Next([]byte("MSG a 1 "+strconv.Itoa(PayloadMax+1)+"\r\n"), new(Frame))
	if !errors.Is(err, ErrMaxPayload) || p.Need() != 0 {
		t.Errorf("got %v, need %d", err, p.Need())
	}
}

func TestUnsetLimitsStandForTheirDefaults(t *testing.T) {
	for _, c := range []struct {
		name string
		got  Limits
		want Limits
	}{
		{"server", NewServerParser(Limits{}).limits, Limits{ServerControlLineMax, InfoMax, PayloadMax, HeaderMax}},
		{"client", NewClientParser(Limits{ControlLine: -1}).limits, Limits{ClientControlLineMax, InfoMax, PayloadMax, HeaderMax}},
		{"set", NewClientParser(Limits{1, 2, 3, 4}).limits, Limits{1, 2, 3, 4}},
		{"too high", NewClientParser(Limits{1 << 40, 1 << 40, 1 << 40, 1 << 40}).limits, Limits{limitMax, limitMax, limitMax, limitMax}},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, c.got, c.want)
		}
	}
	p := NewServerParser(Limits{Payload: 5})
	p.SetLimits(Limits{Payload: 7})
	p.Reset()
	if p.limits.Payload != 7 {
		t.Errorf("limits after Reset: %+v", p.limits)
	}
}
