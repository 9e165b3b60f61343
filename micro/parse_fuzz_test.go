package micro

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/protocol"
)

// FuzzAnswers: whatever a peer sends, as an answer, as an answer to a verb, or as the header of
// a request, is an error or is what it says.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("NATS/1.0\r\nNats-Service-Error: text\r\nNats-Service-Error-Code: 404\r\n\r\n"), []byte(`{"type":"io.nats.micro.v1.stats_response","id":"a","name":"b"}`))
	f.Add([]byte("NATS/1.0\r\nTroupe-Deadline: 2026-01-02T03:04:05Z\r\nTroupe-Service-Error-Symbol: X\r\n\r\n"), []byte(`{"endpoints":[null,{"data":{"in_flight":-1}}]}`))
	f.Add([]byte("NATS/1.0\r\n\r\n"), []byte(`{"type":"io.nats.micro.v1.stats_response","id":"a","name":"b","endpoints":[{"metrics":{"in_flight":9223372036854775807,"waiting":9223372036854775807}}]}`))
	f.Fuzz(func(t *testing.T, header, data []byte) {
		h, err := protocol.ParseHeader(header)
		if err != nil {
			h = nil
		}
		m := &api.Msg{Header: h, Data: data}
		if se := serviceErrorOf(m, "s"); se != nil && (se.Code == "" || se.Description == "" || se.Error() == "" || se.Unwrap() == nil) {
			t.Errorf("%+v", se)
		}
		if _, refusal := deadlineOf(h); refusal != nil && refusal.Validate() != nil {
			t.Errorf("%v", refusal)
		}
		g := gathered[Stats]{seen: map[string]bool{}, look: statsBy, heard: func(s *Stats) {
			if busy := loadOf(s); busy < 0 || strings.HasSuffix(directSubject(s, "e"), ".") {
				t.Errorf("%d in hand, at %s", busy, directSubject(s, "e"))
			}
		}}
		g.add(m, "s")
		g.add(m, "s")
		all := g.sorted()
		if len(all) > 1 || len(all) == 1 && len(g.bad) > 0 {
			t.Errorf("%d, and %v", len(all), g.bad)
		}
	})
}

// TestShedIsBounded: a million requesters may wait for an answer, bounded by the bytes of their
// subjects; the others are counted.
func TestShedIsBounded(t *testing.T) {
	var e Endpoint
	drop := func(reply string, why error) { e.dropped(&api.Msg{Reply: reply}, why) }
	for i := range 1_000_000 {
		why := api.ErrSlowConsumer
		if i%2 == 0 {
			why = api.ErrConnectionClosed
		}
		drop("_INBOX.0123456789012345678901."+strconv.Itoa(i), why)
	}
	if n := e.counts.untold.Load(); n != 0 || e.counts.shed.Load() != 1_000_000 {
		t.Errorf("%d of %d are not told", n, e.counts.shed.Load())
	}
	overloaded, unavailable := e.shed.take()
	told := 0
	for reply := range overloaded.all {
		if want := "_INBOX.0123456789012345678901." + strconv.Itoa(2*told+1); reply != want {
			t.Fatalf("%s, want %s", reply, want)
		}
		told++
	}
	for range unavailable.all {
		told++
	}
	if first, noted := e.shed.note("r", true); told != 1_000_000 || !first || !noted {
		t.Errorf("%d told; the first since then: %v, %v", told, first, noted)
	}
	large := strings.Repeat("x", 1<<20)
	for range 100 {
		drop(large, api.ErrSlowConsumer)
	}
	drop("", api.ErrSlowConsumer) // nobody waits
	overloaded, unavailable = e.shed.take()
	if n := e.counts.untold.Load(); n != 100-63 || len(overloaded)+len(unavailable) > shedBytes {
		t.Errorf("%d are not told; %d bytes", n, len(overloaded)+len(unavailable))
	}
	for _, c := range e.progress() {
		if c.Name == "untold" && c.Value != 100-63 {
			t.Errorf("%+v", c)
		}
	}
	e.counts.reset()
	if e.counts.untold.Load() != 0 {
		t.Error("it is not reset")
	}
}

// TestSooner: of two deadlines, of which zero is none.
func TestSooner(t *testing.T) {
	now := time.Now()
	for _, c := range [][3]time.Time{{{}, {}, {}}, {now, {}, now}, {{}, now, now}, {now, now.Add(1), now}, {now.Add(1), now, now}} {
		if got := sooner(c[0], c[1]); !got.Equal(c[2]) {
			t.Errorf("%v", got)
		}
	}
}
