package jetstream_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// TestGetLastMsgsExact: a read of several pages reports when one of the remaining messages no
// longer exists; messages that were already read may change.
func TestGetLastMsgsExact(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("client")), api.SyncQueueLen(8)))(b.T)
		defer nc.Close()
		js := must.Get(jetstream.New(nc))(b.T)
		makeStream(b.T, nc, "S k.>", `"allow_direct":true,"max_msgs_per_subject":1`)
		key := func(i int) string { return fmt.Sprintf("k.%d", i) }
		for _, c := range []struct {
			name    string
			changed int
			opts    []jetstream.GetLastForOpt
			want    int
			err     error
		}{
			{"one that was read", 0, []jetstream.GetLastForOpt{jetstream.GetLastMsgsExact()}, 20, nil},
			{"one that is to come", 19, []jetstream.GetLastForOpt{jetstream.GetLastMsgsExact()}, 4, jetstream.ErrMsgsReplaced},
			{"one that may be missing", 19, nil, 19, nil},
		} {
			fill(b.T, nc, 20, key)
			got := 0
			var failed error
			for _, err := range must.Get(jetstream.GetLastMsgsFor(b.T.Context(), js, "S", []string{"k.*"}, c.opts...))(b.T) {
				if failed = err; err != nil {
					break
				}
				if got++; got == 1 {
					must.Get(nc.Request(key(c.changed), nil, time.Second))(b.T)
				}
			}
			if got != c.want || !errors.Is(failed, c.err) {
				b.T.Errorf("%s: %d messages, %v", c.name, got, failed)
			}
		}
	})
}

// TestGetMsgLeader: a request for the leader goes to the API, which only the leader answers.
func TestGetMsgLeader(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("client"))))(b.T)
		defer nc.Close()
		var asked []string
		trace := &jetstream.ClientTrace{RequestSent: func(subject string, _ []byte) { asked = append(asked, subject) }}
		js := must.Get(jetstream.New(nc, jetstream.WithClientTrace(trace)))(b.T)
		makeStream(b.T, nc, "S k.>", `"allow_direct":true`)
		fill(b.T, nc, 3, func(i int) string { return fmt.Sprintf("k.%d", i%2) })
		s := must.Get(js.Stream(b.T.Context(), "S"))(b.T)
		for _, c := range []struct {
			seq  uint64
			opts []jetstream.GetMsgOpt
			api  string
			want uint64
		}{
			{0, []jetstream.GetMsgOpt{jetstream.WithGetMsgLast("k.*"), jetstream.WithGetMsgLeader()}, "STREAM.MSG.GET", 3},
			{2, []jetstream.GetMsgOpt{jetstream.WithGetMsgLeader()}, "STREAM.MSG.GET", 2},
			{0, []jetstream.GetMsgOpt{jetstream.WithGetMsgLast("k.1")}, "", 2},
		} {
			asked = nil
			m, err := s.GetMsg(b.T.Context(), c.seq, c.opts...)
			if got := strings.Join(asked, " "); err != nil || m.Sequence != c.want || c.api != "" && got != "$JS.API."+c.api+".S" || c.api == "" && got != "" {
				b.T.Errorf("%+v, %v, asked %q", m, err, got)
			}
		}
		if _, err := s.GetMsg(b.T.Context(), 0, jetstream.WithGetMsgLast("k..")); !errors.Is(err, jetstream.ErrInvalidSubject) {
			b.T.Error(err)
		}
	})
}

// TestDecodeCounter: a counter is decoded from a message.
func TestDecodeCounter(t *testing.T) {
	for data, want := range map[string]string{`{"val":"12"}`: "12", `{"val":"-99999999999999999999"}`: "-99999999999999999999", `{}`: "", `12`: ""} {
		e, err := jetstream.DecodeCounter(&jetstream.RawStreamMsg{Subject: "c", Sequence: 7, Data: []byte(data)})
		switch {
		case want == "" && !errors.Is(err, jetstream.ErrInvalidCounterValue):
			t.Errorf("%s: %+v, %v", data, e, err)
		case want != "" && (err != nil || e.Value.String() != want || e.Sequence != 7 || e.Subject != "c"):
			t.Errorf("%s: %+v, %v", data, e, err)
		}
	}
	if _, err := jetstream.DecodeCounter(nil); !errors.Is(err, jetstream.ErrInvalidCounterValue) {
		t.Error(err)
	}
}
