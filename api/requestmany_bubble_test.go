package api_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// answers is a responder that sends texts, pausing before each.
func answers(pause time.Duration, texts ...string) api.MsgHandler {
	return func(m *api.Msg) {
		for _, text := range texts {
			time.Sleep(pause)
			_ = m.Respond([]byte(text))
		}
	}
}

// gathered ranges over a RequestMany. The last is its error, if there was one.
func gathered(t *testing.T, many func(yield func(*api.Msg, error) bool)) (texts []string, err error) {
	t.Helper()
	for m, e := range many {
		if err != nil || (m == nil) == (e == nil) {
			t.Errorf("yielded %v, %v behind %v", m, e, err)
		}
		if e != nil {
			err = e
			continue
		}
		texts = append(texts, string(m.Data))
	}
	return texts, err
}

// TestRequestManyEnds when an option or the time says so, after exactly that time.
func TestRequestManyEnds(t *testing.T) {
	type options = []api.RequestManyOption
	for name, c := range map[string]struct {
		subject string
		within  time.Duration // deadline of the context, 0 for none
		options options
		want    []string
		took    time.Duration
	}{
		"default total":          {subject: "all", want: []string{"a", "b", "", "c"}, took: 2 * time.Second},
		"total":                  {subject: "all", options: options{api.RequestManyTotal(time.Minute)}, want: []string{"a", "b", "", "c"}, took: time.Minute},
		"total amid":             {subject: "slow", options: options{api.RequestManyTotal(2500 * time.Millisecond)}, want: []string{"1", "2"}, took: 2500 * time.Millisecond},
		"deadline":               {subject: "all", within: 7 * time.Second, want: []string{"a", "b", "", "c"}, took: 7 * time.Second},
		"deadline and total":     {subject: "all", within: 7 * time.Second, options: options{api.RequestManyTotal(3 * time.Second)}, want: []string{"a", "b", "", "c"}, took: 3 * time.Second},
		"deadline amid":          {subject: "slow", within: 2500 * time.Millisecond, want: []string{"1", "2"}, took: 2500 * time.Millisecond},
		"stall":                  {subject: "all", options: options{api.RequestManyStall(300 * time.Millisecond)}, want: []string{"a", "b", "", "c"}, took: 300 * time.Millisecond},
		"stall before the first": {subject: "slow", options: options{api.RequestManyTotal(time.Minute), api.RequestManyStall(500 * time.Millisecond)}, want: []string{"1"}, took: 1500 * time.Millisecond},
		"stall above the total":  {subject: "all", options: options{api.RequestManyStall(time.Hour)}, want: []string{"a", "b", "", "c"}, took: 2 * time.Second},
		"count":                  {subject: "all", options: options{api.RequestManyMaxMessages(2)}, want: []string{"a", "b"}},
		"sentinel":               {subject: "all", options: options{api.RequestManySentinel(api.DefaultSentinel)}, want: []string{"a", "b"}},
		"own sentinel":           {subject: "all", options: options{api.RequestManySentinel(func(m *api.Msg) bool { return string(m.Data) == "c" }), nil}, want: []string{"a", "b", ""}},
		"silence":                {subject: "silent", options: options{api.RequestManyStall(time.Millisecond)}, took: 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
				must.Get(nc.Subscribe("all", answers(0, "a", "b", "", "c")))(t)
				must.Get(nc.Subscribe("slow", answers(time.Second, "1", "2", "3")))(t)
				must.Get(nc.Subscribe("silent", answers(0)))(t)
				ctx := context.Background()
				if c.within > 0 {
					bounded, cancel := context.WithTimeout(ctx, c.within)
					defer cancel()
					ctx = bounded
				}
				took(t, c.took, func() {
					texts, err := gathered(t, nc.RequestMany(ctx, c.subject, nil, c.options...))
					if err != nil || !slices.Equal(texts, c.want) {
						t.Errorf("got %q, %v", texts, err)
					}
				})
				time.Sleep(time.Minute)
				if n := nc.NumSubscriptions(); n != 4 {
					t.Errorf("%d subscriptions", n)
				}
			})
		})
	}
}

// TestTheBodyOfALoopTakesItsTime: that time does not count against any timeout.
func TestTheBodyOfALoopTakesItsTime(t *testing.T) {
	for name, options := range map[string][]api.RequestManyOption{
		"total": nil, "stall": {api.RequestManyStall(1500 * time.Millisecond)},
	} {
		bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
			must.Get(nc.Subscribe("a", answers(0, "1", "2")))(t)
			must.Get(nc.Subscribe("a", answers(13*time.Second, "3")))(t)
			var texts []string
			for m, err := range nc.RequestMany(context.Background(), "a", nil, append(options, api.RequestManyTotal(4*time.Second))...) {
				must.Do(t, err)
				texts = append(texts, string(m.Data))
				time.Sleep(6 * time.Second)
			}
			if !slices.Equal(texts, []string{"1", "2", "3"}) {
				t.Errorf("%s: got %q", name, texts)
			}
		})
	}
}

// TestWhatCameBeforeTheDeadlineIsYielded, however long the loop takes.
func TestWhatCameBeforeTheDeadlineIsYielded(t *testing.T) {
	bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
		must.Get(nc.Subscribe("a", answers(0, "1", "2", "3")))(t)
		must.Get(nc.Subscribe("a", answers(15*time.Second, "late")))(t)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		var texts []string
		for m, err := range nc.RequestMany(ctx, "a", nil) {
			must.Do(t, err)
			texts = append(texts, string(m.Data))
			time.Sleep(10 * time.Second)
		}
		if !slices.Equal(texts, []string{"1", "2", "3"}) {
			t.Errorf("got %q", texts)
		}
		time.Sleep(time.Minute)
		if n := nc.Stats().LateReplies; n != 1 {
			t.Errorf("%d late replies", n)
		}
	})
}

// TestRequestManyFails with the errors of a Request, as its last element.
func TestRequestManyFails(t *testing.T) {
	stopped := context.CancelCauseFunc(nil)
	for name, c := range map[string]struct {
		subject string
		during  func(nc *api.Conn, s *natsserver.Server) // at the first reply
		want    []error
		texts   int
	}{
		"nobody":     {subject: "nobody", want: []error{api.ErrNoResponders}},
		"bad":        {subject: "a b", want: []error{api.ErrBadSubject}},
		"cancelled":  {subject: "all", during: func(*api.Conn, *natsserver.Server) { stopped(errWhim) }, want: []error{context.Canceled, errWhim}, texts: 1},
		"closed":     {subject: "slow", during: func(nc *api.Conn, _ *natsserver.Server) { nc.Close() }, want: []error{api.ErrConnectionClosed}, texts: 1},
		"link lost":  {subject: "slow", during: func(_ *api.Conn, s *natsserver.Server) { s.Kill() }, want: []error{api.ErrDisconnected}, texts: 1},
		"reconnects": {subject: "slow", during: func(nc *api.Conn, _ *natsserver.Server) { _ = nc.ForceReconnect() }, want: []error{api.ErrDisconnected, api.ErrForcedReconnect}, texts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *natsserver.Server, nc *api.Conn) {
				responder := dial(t, s, inBubble(s)...)
				defer responder.Close()
				must.Get(responder.Subscribe("all", answers(0, "1", "2")))(t)
				must.Get(responder.Subscribe("slow", answers(time.Second, "1", "2")))(t)
				flushed(t, responder)
				ctx, cancel := context.WithCancelCause(context.Background())
				stopped = cancel
				n := 0
				for m, err := range nc.RequestMany(ctx, c.subject, nil, api.RequestManyTotal(time.Hour)) {
					if err != nil {
						kinds(t, err, c.want...)
						c.want = nil
						continue
					}
					if n++; m == nil || c.want == nil {
						t.Error("a reply behind the end")
					}
					c.during(nc, s)
				}
				if c.want != nil || n != c.texts {
					t.Errorf("no error, or %d replies", n)
				}
			})
		})
	}
}
