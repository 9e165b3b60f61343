package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// inBubble runs f with a client of a real server in a bubble.
func inBubble(t *testing.T, f func(b *faults.Env, nc *api.Conn, js jetstream.JetStream), options ...faults.Option) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("client")), api.MaxReconnects(-1)))(b.T)
		defer nc.Close()
		f(b, nc, must.Get(jetstream.New(nc))(b.T))
	}, options...)
}

// ask makes a raw call of the API, and returns the answer.
func ask(t testing.TB, nc *api.Conn, subject, body string) string {
	t.Helper()
	m := must.Get(nc.Request("$JS.API."+subject, []byte(body), 10*time.Second))(t)
	if strings.Contains(string(m.Data), `"error"`) {
		t.Fatalf("%s answers %s", subject, m.Data)
	}
	return string(m.Data)
}

// makeStream creates a stream; its name and subjects are the words of the first text, and more
// has the rest of the config.
func makeStream(t testing.TB, nc *api.Conn, names, more string) {
	t.Helper()
	name, subjects, _ := strings.Cut(names, " ")
	if more != "" {
		more = "," + more
	}
	list := must.Get(json.Marshal(strings.Fields(subjects)))(t)
	ask(t, nc, "STREAM.CREATE."+name, fmt.Sprintf(`{"name":%q,"subjects":%s,"storage":"memory"%s}`, name, list, more))
}

// fill publishes n messages, to the subjects in turn, and waits until they are stored.
func fill(t testing.TB, nc *api.Conn, n int, subject func(i int) string) {
	t.Helper()
	for i := range n {
		if i == n-1 {
			must.Get(nc.Request(subject(i), fmt.Append(nil, i), 10*time.Second))(t)
			return
		}
		must.Do(t, nc.Publish(subject(i), fmt.Append(nil, i)))
	}
}

// batch reads a whole batch.
func batch(t testing.TB, js jetstream.JetStream, n int, opts ...jetstream.GetBatchOpt) ([]*jetstream.RawStreamMsg, error) {
	t.Helper()
	seq := must.Get(jetstream.GetBatch(t.Context(), js, "S", n, opts...))(t)
	var msgs []*jetstream.RawStreamMsg
	for m, err := range seq {
		if err != nil {
			return msgs, err
		}
		msgs = append(msgs, m)
	}
	return msgs, nil
}

// sequences returns those of messages.
func sequences(msgs []*jetstream.RawStreamMsg) []uint64 {
	var out []uint64
	for _, m := range msgs {
		out = append(out, m.Sequence)
	}
	return out
}

func TestGetBatchReadsWhatItIsAskedFor(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a b", `"allow_direct":true`)
		for i := range 10 {
			fill(b.T, nc, 1, func(int) string { return []string{"a", "b"}[i%2] })
			time.Sleep(time.Second)
		}
		ask(b.T, nc, "STREAM.MSG.DELETE.S", `{"seq":4}`)
		began := must.Get(batch(b.T, js, 1))(b.T)[0].Time
		var end jetstream.ReadEnd
		for _, c := range []struct {
			name    string
			n       int
			opts    []jetstream.GetBatchOpt
			want    []uint64
			pending uint64
		}{
			{"some", 3, nil, []uint64{1, 2, 3}, 6},
			{"all", 0, nil, []uint64{1, 2, 3, 5, 6, 7, 8, 9, 10}, 0},
			{"more than there are", 100, nil, []uint64{1, 2, 3, 5, 6, 7, 8, 9, 10}, 0},
			{"from a sequence", 2, []jetstream.GetBatchOpt{jetstream.GetBatchSeq(8)}, []uint64{8, 9}, 1},
			{"from one that is gone", 2, []jetstream.GetBatchOpt{jetstream.GetBatchSeq(4)}, []uint64{5, 6}, 4},
			{"of a subject", 0, []jetstream.GetBatchOpt{jetstream.GetBatchSubject("b")}, []uint64{2, 6, 8, 10}, 0},
			{"of a subject from a sequence", 2, []jetstream.GetBatchOpt{jetstream.GetBatchSubject("b"), jetstream.GetBatchSeq(3), nil}, []uint64{6, 8}, 1},
			{"from a time", 0, []jetstream.GetBatchOpt{jetstream.GetBatchStartTime(began.Add(7500 * time.Millisecond))}, []uint64{9, 10}, 0},
			{"so many bytes", 0, []jetstream.GetBatchOpt{jetstream.GetBatchMaxBytes(5)}, []uint64{1, 2, 3}, 6},
		} {
			msgs, err := batch(b.T, js, c.n, append(c.opts, jetstream.GetBatchEnd(&end))...)
			if err != nil || !slices.Equal(sequences(msgs), c.want) {
				b.T.Errorf("%s: %v, %v", c.name, sequences(msgs), err)
			}
			if end.LastSeq != c.want[len(c.want)-1] || end.Pending != c.pending {
				b.T.Errorf("%s ends with %+v", c.name, end)
			}
		}
		m := must.Get(batch(b.T, js, 1, jetstream.GetBatchSeq(3)))(b.T)[0]
		if m.Subject != "a" || string(m.Data) != "0" || m.Time.IsZero() {
			b.T.Errorf("a message is %+v", m)
		}
		msgs := must.Get(batch(b.T, js, 3, jetstream.GetBatchNoHeaders()))(b.T)
		if len(msgs) != 3 || msgs[0].Header != nil || string(msgs[2].Data) != "0" {
			b.T.Errorf("without headers: %+v", msgs)
		}
	})
}

func TestGetBatchReadsManyPages(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		const n = 10_000
		makeStream(b.T, nc, "S a", `"allow_direct":true`)
		fill(b.T, nc, n, func(int) string { return "a" })
		for _, opts := range [][]jetstream.GetBatchOpt{nil, {jetstream.GetBatchNoHeaders()}} {
			for i, m := range must.Get(batch(b.T, js, 0, opts...))(b.T) {
				if string(m.Data) != fmt.Sprint(i) {
					b.T.Fatalf("message %d is %q", i, m.Data)
				}
			}
		}
		if got := len(must.Get(batch(b.T, js, n-1))(b.T)); got != n-1 {
			b.T.Errorf("%d messages", got)
		}
		// Larger than the limit of queued bytes: many pages.
		big := make([]byte, 500_000)
		for range 30 {
			must.Get(nc.Request("a", big, time.Minute))(b.T)
		}
		if got := len(must.Get(batch(b.T, js, 0, jetstream.GetBatchSeq(n+1)))(b.T)); got != 30 {
			b.T.Errorf("%d large messages", got)
		}
		if got := len(must.Get(batch(b.T, js, 0, jetstream.GetBatchSeq(n+1), jetstream.GetBatchMaxBytes(6_000_000)))(b.T)); got != 12 {
			b.T.Errorf("%d large messages in 6 MB", got)
		}
		// A read that stops early leaves nothing behind.
		for range must.Get(jetstream.GetBatch(b.T.Context(), js, "S", 0))(b.T) {
			break
		}
	})
}

func TestGetBatchFailsWithAType(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", `"allow_direct":true`)
		is := func(what string, err error, kinds ...error) {
			b.T.Helper()
			for _, k := range kinds {
				if !errors.Is(err, k) {
					b.T.Errorf("%s: %v is no %v", what, err, k)
				}
			}
		}
		_, err := batch(b.T, js, 5)
		is("an empty stream", err, jetstream.ErrMsgNotFound)
		fill(b.T, nc, 3, func(int) string { return "a" })
		_, err = batch(b.T, js, 5, jetstream.GetBatchSeq(4))
		is("behind the end", err, jetstream.ErrMsgNotFound)
		makeStream(b.T, nc, "NODIRECT c", "")
		first := func(ctx context.Context, stream string) error {
			for _, err := range must.Get(jetstream.GetBatch(ctx, js, stream, 1))(b.T) {
				return err
			}
			return nil
		}
		is("no stream", first(b.T.Context(), "NONE"), jetstream.ErrStreamNotFound)
		is("no direct access", first(b.T.Context(), "NODIRECT"), jetstream.ErrDirectAccessRequired)
		var none context.Context // as nats.go takes it
		must.Do(b.T, first(none, "S"))
		ctx, cancel := context.WithCancel(b.T.Context())
		cancel()
		is("cancelled", first(ctx, "S"), context.Canceled)
		for what, call := range map[string]func() error{
			"negative": func() error { _, err := jetstream.GetBatch(b.T.Context(), js, "S", -1); return err },
			"sequence 0": func() error {
				_, err := jetstream.GetBatch(b.T.Context(), js, "S", 1, jetstream.GetBatchSeq(0))
				return err
			},
			"no time": func() error {
				_, err := jetstream.GetBatch(b.T.Context(), js, "S", 1, jetstream.GetBatchStartTime(time.Time{}))
				return err
			},
			"time and sequence": func() error {
				_, err := jetstream.GetBatch(b.T.Context(), js, "S", 1, jetstream.GetBatchStartTime(time.Now()), jetstream.GetBatchSeq(1))
				return err
			},
			"no bytes": func() error {
				_, err := jetstream.GetBatch(b.T.Context(), js, "S", 1, jetstream.GetBatchMaxBytes(0))
				return err
			},
			"no end": func() error {
				_, err := jetstream.GetBatch(b.T.Context(), js, "S", 1, jetstream.GetBatchEnd(nil))
				return err
			},
			"no memory": func() error {
				_, err := jetstream.GetBatch(b.T.Context(), js, "S", 1, jetstream.GetBatchMemory(nil))
				return err
			},
			"no JetStream": func() error { _, err := jetstream.GetBatch(b.T.Context(), nil, "S", 1); return err },
			"up to 0": func() error {
				_, err := jetstream.GetLastMsgsFor(b.T.Context(), js, "S", []string{"a"}, jetstream.GetLastMsgsUpToSeq(0))
				return err
			},
			"no subjects": func() error { _, err := jetstream.GetLastMsgsFor(b.T.Context(), js, "S", nil); return err },
		} {
			is(what, call(), jetstream.ErrInvalidOption)
		}
		_, err = jetstream.GetBatch(b.T.Context(), js, "S", 1, jetstream.GetBatchSubject("a..b"))
		is("bad subject", err, jetstream.ErrInvalidSubject, api.ErrBadSubject)
		_, err = jetstream.GetLastMsgsFor(b.T.Context(), js, "S", []string{"a", ""})
		is("bad subject", err, jetstream.ErrInvalidSubject)
	})
}

// lasts reads the last messages of subjects.
func lasts(t testing.TB, js jetstream.JetStream, subjects []string, opts ...jetstream.GetLastForOpt) ([]*jetstream.RawStreamMsg, error) {
	t.Helper()
	var msgs []*jetstream.RawStreamMsg
	for m, err := range must.Get(jetstream.GetLastMsgsFor(t.Context(), js, "S", subjects, opts...))(t) {
		if err != nil {
			return msgs, err
		}
		msgs = append(msgs, m)
	}
	return msgs, nil
}

func TestGetLastMsgsForShowsOneMoment(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S k.>", `"allow_direct":true,"max_msgs_per_subject":10`)
		began := time.Now()
		for round := range 3 {
			for i := range 10 {
				must.Get(nc.Request(fmt.Sprintf("k.%d", i), fmt.Append(nil, round), time.Second))(b.T)
			}
			time.Sleep(time.Hour)
		}
		var end jetstream.ReadEnd
		for _, c := range []struct {
			name     string
			subjects []string
			opts     []jetstream.GetLastForOpt
			want     []uint64
		}{
			{"two", []string{"k.3", "k.1"}, nil, []uint64{22, 24}},
			{"all", []string{"k.*"}, nil, []uint64{21, 22, 23, 24, 25, 26, 27, 28, 29, 30}},
			{"one that is not there", []string{"k.x", "k.0"}, nil, []uint64{21}},
			{"up to a sequence", []string{"k.0", "k.5"}, []jetstream.GetLastForOpt{jetstream.GetLastMsgsUpToSeq(15)}, []uint64{6, 11}},
			{"up to a time", []string{"k.0", "k.5"}, []jetstream.GetLastForOpt{jetstream.GetLastMsgsUpToTime(began.Add(90 * time.Minute))}, []uint64{11, 16}},
			{"some", []string{"k.*"}, []jetstream.GetLastForOpt{jetstream.GetLastMsgsBatchSize(4)}, []uint64{21, 22, 23, 24}},
		} {
			msgs, err := lasts(b.T, js, c.subjects, append(c.opts, jetstream.GetLastMsgsEnd(&end))...)
			if err != nil || !slices.Equal(sequences(msgs), c.want) {
				b.T.Errorf("%s: %v, %v", c.name, sequences(msgs), err)
			}
		}
		// A single page says which moment it shows, and the next one shows a new moment.
		for _, from := range []uint64{1, 25} {
			page, err := lasts(b.T, js, []string{"k.*"}, jetstream.GetLastMsgsFrom(from), jetstream.GetLastMsgsPage(), jetstream.GetLastMsgsBatchSize(4), jetstream.GetLastMsgsEnd(&end))
			if err != nil || len(page) != 4 || end.UpToSeq != 30 || end.LastSeq != page[3].Sequence || end.Pending == 0 {
				b.T.Errorf("a page from %d: %v, %v, %+v", from, sequences(page), err, end)
			}
		}
		must.Get(lasts(b.T, js, []string{"k.*"}, jetstream.GetLastMsgsBatchSize(4), jetstream.GetLastMsgsEnd(&end)))(b.T)
		// A continued read shows the same moment, whatever was stored since.
		must.Get(nc.Request("k.9", nil, time.Second))(b.T)
		rest, err := lasts(b.T, js, []string{"k.*"}, jetstream.GetLastMsgsFrom(end.LastSeq+1), jetstream.GetLastMsgsUpToSeq(end.UpToSeq))
		if want := []uint64{25, 26, 27, 28, 29, 30}; err != nil || !slices.Equal(sequences(rest), want) || end.Pending != 6 {
			b.T.Errorf("continued with %v, %v, %+v", sequences(rest), err, end)
		}
		_, err = lasts(b.T, js, []string{"k.none"})
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			b.T.Errorf("nothing there: %v", err)
		}
	})
}

func TestGetLastMsgsForSplitsWhatIsTooMuch(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		const n = 2500
		makeStream(b.T, nc, "S k.>", `"allow_direct":true,"max_msgs_per_subject":1`)
		var literal []string
		for i := range n {
			literal = append(literal, fmt.Sprintf("k.%d.%d", i%2, i))
		}
		fill(b.T, nc, n, func(i int) string { return literal[i] })
		for name, subjects := range map[string][]string{
			"a wildcard":       {"k.>"},
			"names":            literal,
			"names twice":      append(slices.Clone(literal), literal...),
			"overlapping":      {"k.0.*", "k.>", "k.1.1"},
			"names and others": append([]string{"k.*.7", "k.1.*"}, literal...),
		} {
			msgs, err := lasts(b.T, js, subjects)
			got := map[string]bool{}
			for _, m := range msgs {
				got[m.Subject] = true
			}
			if err != nil || len(msgs) != n || len(got) != n {
				b.T.Errorf("%s: %d messages of %d subjects, %v", name, len(msgs), len(got), err)
			}
		}
		_, err := lasts(b.T, js, []string{"k.>"}, jetstream.GetLastMsgsBatchSize(5))
		if !errors.Is(err, jetstream.ErrTooManyResults) {
			b.T.Errorf("a read that cannot be continued: %v", err)
		}
		// Messages stored during the read are not seen.
		seen := 0
		for m, err := range must.Get(jetstream.GetLastMsgsFor(b.T.Context(), js, "S", literal))(b.T) {
			must.Do(b.T, err)
			if seen++; seen == 1 {
				fill(b.T, nc, n, func(i int) string { return literal[i] })
			}
			if m.Sequence > n {
				b.T.Fatalf("%s has sequence %d", m.Subject, m.Sequence)
			}
		}
		if seen != groupedBefore {
			b.T.Errorf("%d messages", seen)
		}
	})
}

// groupedBefore is how many last messages were read before all of them were replaced.
const groupedBefore = 1024

func TestGetBatchResumesBehindALostLink(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		const n = 20_000
		makeStream(b.T, nc, "S a", `"allow_direct":true`)
		fill(b.T, nc, n, func(int) string { return "a" })
		var last uint64
		for m, err := range must.Get(jetstream.GetBatch(b.T.Context(), js, "S", 0))(b.T) {
			must.Do(b.T, err)
			if m.Sequence != last+1 {
				b.T.Fatalf("%d follows %d", m.Sequence, last)
			}
			last = m.Sequence
			if last%3000 == 0 {
				must.Get(b.Link("client", "s1").Inject("reset"))(b.T)
			}
		}
		if last != n {
			b.T.Errorf("the read ends at %d", last)
		}
		// Without sequences it cannot.
		got := 0
		var failed error
		for _, err := range must.Get(jetstream.GetBatch(b.T.Context(), js, "S", 0, jetstream.GetBatchNoHeaders()))(b.T) {
			if failed = err; err != nil {
				break
			}
			if got++; got == 10 {
				must.Get(b.Link("client", "s1").Inject("reset"))(b.T)
			}
		}
		if failed != nil && !errors.Is(failed, api.ErrDisconnected) || failed == nil && got != n {
			b.T.Errorf("%d messages, %v", got, failed)
		}
	}, faults.Window(4096))
}

func TestGetBatchThroughADomain(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, _ jetstream.JetStream) {
		makeStream(b.T, nc, "S a", `"allow_direct":true`)
		fill(b.T, nc, 3, func(int) string { return "a" })
		for _, js := range []jetstream.JetStream{
			must.Get(jetstream.NewWithDomain(nc, "hub"))(b.T),
			must.Get(jetstream.NewWithAPIPrefix(nc, "$JS.hub.API"))(b.T),
		} {
			if msgs := must.Get(batch(b.T, js, 0))(b.T); len(msgs) != 3 {
				b.T.Errorf("%d messages", len(msgs))
			}
		}
	}, faults.ServerOptions(natsserver.Options{JetStream: true, Config: "jetstream { domain: hub }"}))
}

// TestGetBatchOfMessagesThatLookLikeOthers reads messages whose own header has the fields that
// mark statuses and those that a server adds.
func TestGetBatchOfMessagesThatLookLikeOthers(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", `"allow_direct":true`)
		for _, h := range []api.Header{
			{"Status": {"204"}}, {"Status": {"404"}, "Description": {"Message Not Found"}},
			{"Nats-Sequence": {"77"}, "Nats-Last-Sequence": {"76"}, "Nats-Subject": {"x"}, "Nats-Time-Stamp": {"now"}},
		} {
			must.Get(nc.RequestMsg(&api.Msg{Subject: "a", Header: h}, time.Second))(b.T)
		}
		msgs, err := batch(b.T, js, 0)
		if want := []uint64{1, 2, 3}; err != nil || !slices.Equal(sequences(msgs), want) {
			b.T.Errorf("%v, %v", sequences(msgs), err)
		}
	})
}

func TestGetMsgReadsDirectly(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a b", `"allow_direct":true`)
		fill(b.T, nc, 4, func(i int) string { return []string{"a", "b"}[i%2] })
		ctx := b.T.Context()
		s := must.Get(js.Stream(ctx, "S"))(b.T)
		for what, c := range map[string]struct {
			get  func() (*jetstream.RawStreamMsg, error)
			want uint64
		}{
			"sequence":        {func() (*jetstream.RawStreamMsg, error) { return s.GetMsg(ctx, 2) }, 2},
			"next of subject": {func() (*jetstream.RawStreamMsg, error) { return s.GetMsg(ctx, 2, jetstream.WithGetMsgSubject("a")) }, 3},
			"last":            {func() (*jetstream.RawStreamMsg, error) { return s.GetLastMsgForSubject(ctx, "a") }, 3},
			"last of any":     {func() (*jetstream.RawStreamMsg, error) { return s.GetLastMsgForSubject(ctx, "*") }, 4},
		} {
			m, err := c.get()
			if err != nil || m.Sequence != c.want {
				b.T.Errorf("%s: %+v, %v", what, m, err)
			}
		}
		_, err := s.GetMsg(ctx, 99)
		kindsOf(b.T, "no message", err, jetstream.ErrMsgNotFound)
		_, err = s.GetLastMsgForSubject(ctx, "none")
		kindsOf(b.T, "no subject", err, jetstream.ErrMsgNotFound)
	})
}

// TestGetLastMsgsForPagesOfOneMoment reads messages so large that they take several
// pages, while others are published.
func TestGetLastMsgsForPagesOfOneMoment(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		const n = 30
		makeStream(b.T, nc, "S k.*", `"allow_direct":true,"max_msgs_per_subject":5`)
		large := make([]byte, 500_000)
		publish := func(i int) {
			must.Get(nc.Request(fmt.Sprintf("k.%d", i), large, time.Minute))(b.T)
		}
		for i := range n {
			publish(i)
		}
		seen := 0
		for m, err := range must.Get(jetstream.GetLastMsgsFor(b.T.Context(), js, "S", []string{"k.*"}))(b.T) {
			must.Do(b.T, err)
			if seen++; seen == 1 {
				for i := range n {
					publish(i)
				}
			}
			if m.Sequence != uint64(seen) {
				b.T.Fatalf("message %d has sequence %d", seen, m.Sequence)
			}
		}
		if seen != n {
			b.T.Errorf("%d messages", seen)
		}
	})
}
