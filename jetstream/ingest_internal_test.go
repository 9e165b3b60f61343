package jetstream

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
)

// newMachine returns a machine that counts what it puts.
func newMachine(o *fastOptions) (*ingestMachine, *int) {
	puts := new(int)
	s := &ingestMachine{opts: o, inbox: "_INBOX.x.", report: func(error) {}, next: 1, linked: true}
	s.queue.first = 1
	s.put = func(string, []byte, []byte, []byte) (uint64, error) {
		*puts++
		return uint64(*puts), nil
	}
	return s, puts
}

// add adds messages as long as there is room, and returns how many.
func add(t testing.TB, s *ingestMachine, most int) (n int) {
	t.Helper()
	for ; n < most && s.room(); n++ {
		if err := s.hold(&api.Msg{Subject: "a", Data: []byte("x")}, false, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := s.pump(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// TestFastPublisherRunsAheadAsFarAsItMay: only the first message before the first
// acknowledgement, and then as many messages as MaxOutstandingAcks allows.
func TestFastPublisherRunsAheadAsFarAsItMay(t *testing.T) {
	for _, c := range []struct{ every, acks uint64 }{{1, 1}, {1, 2}, {7, 1}, {100, 2}, {500, 4}} {
		s, _ := newMachine(&fastOptions{FastPublishFlowControl: FastPublishFlowControl{Flow: 500, MaxOutstandingAcks: uint16(c.acks)}})
		if n := add(t, s, 10_000); n != 1 {
			t.Errorf("%d messages before the first acknowledgement", n)
		}
		answer := func(seq uint64) {
			s.take(ingestAnswer{Type: "ack", Seq: seq, Msgs: c.every, op: opStart, at: 1}, nil, time.Now())
		}
		answer(0)
		if n := 1 + add(t, s, 10_000); n != int(c.every*c.acks) {
			t.Errorf("with %d acks for %d messages each %d are under way", c.acks, c.every, n)
		}
		answer(c.every)
		if n := add(t, s, 10_000); n != int(c.every) {
			t.Errorf("after one ack for %d there are %d more", c.every, n)
		}
	}
}

// TestFastPublisherWaitsForALeader: what counts is how long nobody has answered, not how
// long ago the last acknowledgement came.
func TestFastPublisherWaitsForALeader(t *testing.T) {
	for _, resting := range []bool{false, true} {
		s, _ := newMachine(&fastOptions{FastPublishFlowControl: FastPublishFlowControl{Flow: 500, MaxOutstandingAcks: 4, AckTimeout: 5 * time.Second}})
		add(t, s, 1)
		s.take(ingestAnswer{Type: "ack", Msgs: 500, op: opStart, at: 1}, nil, time.Now())
		if resting {
			s.take(ingestAnswer{}, []byte(`{"stream":"S","seq":1,"batch":"b","count":1}`), time.Now())
		}
		now := time.Now().Add(time.Hour)
		add(t, s, 3)
		op, at := opAppend, uint64(4)
		if resting {
			op, at = opStart, 1
		}
		for range 5 {
			s.take(ingestAnswer{no: true, op: op, at: at}, nil, now)
			if s.state == ingestOver {
				t.Fatalf("resting %t: %v", resting, s.failed)
			}
			now = now.Add(900 * time.Millisecond)
			if err := s.pump(now); err != nil {
				t.Fatal(err)
			}
		}
		s.take(ingestAnswer{no: true, op: op, at: at}, nil, now.Add(time.Second))
		unknown, ok := errors.AsType[*FastUnknownError](s.failed)
		if !errors.Is(s.failed, ErrNoStreamResponse) || ok == resting || ok && (unknown.First != 1 || unknown.Last != 4) {
			t.Errorf("resting %t: it ends with %v", resting, s.failed)
		}
	}
}

// TestFastPublisherMindsItsOwn: refusals of other publishers' messages are ignored.
func TestFastPublisherMindsItsOwn(t *testing.T) {
	p := &fastPublisher{changed: make(chan struct{})}
	s, _ := newMachine(&fastOptions{FastPublishFlowControl: FastPublishFlowControl{Flow: 500, MaxOutstandingAcks: 4}})
	p.machine = *s
	add(t, &p.machine, 1)
	p.machine.take(ingestAnswer{Type: "ack", Msgs: 500, op: opStart, at: 1}, nil, time.Now())
	add(t, &p.machine, 3)
	p.onRefused("a", "_INBOX.other.3.1.$FI", api.ErrMaxPayload)
	p.onRefused("b", "", api.ErrMaxPayload)
	if p.machine.state == ingestOver {
		t.Fatalf("it has ended with %v", p.machine.failed)
	}
	p.onRefused("a", p.machine.prefix+"3.1"+ingestSuffix, api.ErrMaxPayload)
	if no, ok := errors.AsType[*FastMsgError](p.machine.failed); !ok || no.Seq != 3 {
		t.Errorf("it has ended with %v", p.machine.failed)
	}
}

// FuzzIngestAnswer lets servers send anything, at any time.
func FuzzIngestAnswer(f *testing.F) {
	for _, data := range []string{
		`{"type":"ack","seq":0,"msgs":500}`, `{"type":"ack","seq":18446744073709551615,"msgs":18446744073709551615}`,
		`{"type":"gap","last_seq":7,"seq":3}`, `{"type":"err","seq":2,"error":{"code":400,"err_code":10071}}`, `{"type":"err","seq":2}`,
		`{"stream":"S","seq":3,"batch":"x","count":2}`, `{"stream":"S","seq":3,"count":-2}`, `{"error":{"code":400,"err_code":10208},"stream":"S"}`, `{"error":{"code":429,"err_code":10211}}`, `{}`, ``, `x`,
	} {
		f.Add([]byte(data), byte('0'), uint64(1))
		f.Add([]byte(data), byte('4'), uint64(10))
	}
	f.Fuzz(func(t *testing.T, data []byte, op byte, at uint64) {
		s, _ := newMachine(&fastOptions{FastPublishFlowControl: FastPublishFlowControl{Flow: 10, MaxOutstandingAcks: 2, AckTimeout: time.Second}, gaps: at%2 == 0})
		add(t, s, 1)
		for _, a := range []ingestAnswer{{Type: "ack", Msgs: 10, op: opStart, at: 1}} {
			s.take(a, nil, time.Now())
		}
		add(t, s, 5)
		for range 3 {
			m := &api.Msg{Subject: fmt.Sprintf("%s%d.%c%s", s.prefix, at, op, ingestSuffix), Data: data}
			if a, ok := readIngestAnswer(m, s.prefix); ok {
				s.take(a, data, time.Now())
				_ = s.pump(time.Now())
				_ = s.work(time.Now().Add(time.Minute))
			}
			add(t, s, 50)
		}
		if s.acked > s.queue.last || s.next > s.queue.last+1 || s.acked > s.next-1 || s.queue.first > s.queue.last+1 {
			t.Errorf("acked %d, next %d, queue %d to %d", s.acked, s.next, s.queue.first, s.queue.last)
		}
	})
}

// FuzzBadCron: the check of schedules never panics.
func FuzzBadCron(f *testing.F) {
	for _, pattern := range []string{"0 0 9 * * *", "*/5 1-3,7 * * jan mon-fri", "@every 1h", "@at x", "a b c d e f", "1/0 * * * * *", "1-2-3 * * * * *"} {
		f.Add(pattern, false)
	}
	f.Fuzz(func(t *testing.T, pattern string, zoned bool) {
		if reason := badPattern(pattern, zoned); reason == "" && pattern == "" {
			t.Error("nothing is a pattern")
		}
	})
}
