package micro

import (
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

// TestShedIsBounded: as many requesters as may wait to be told, and no more.
func TestShedIsBounded(t *testing.T) {
	var s shed
	for i := range shedMax + 10 {
		if first := s.note("r", i%2 == 0); first != (i == 0) {
			t.Fatalf("%d: first %v", i, first)
		}
	}
	overloaded, unavailable := s.take()
	if len(overloaded) != shedMax/2 || len(unavailable) != shedMax/2 {
		t.Errorf("%d and %d", len(overloaded), len(unavailable))
	}
	if !s.note("r", true) {
		t.Error("it is not the first since then")
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
