package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// fastStream is the stream for the tests of fast publishers.
const fastStream = `"allow_direct":true,"allow_batched":true`

// inOrder checks that a stream has the numbers from 0 up to below n, each once.
func inOrder(t testing.TB, js jetstream.JetStream, n int) {
	t.Helper()
	msgs := must.Get(batch(t, js, 0))(t)
	for i, m := range msgs {
		if string(m.Data) != strconv.Itoa(i) {
			t.Fatalf("message %d is %q", i, m.Data)
		}
	}
	if len(msgs) != n {
		t.Errorf("%d messages are stored, of %d", len(msgs), n)
	}
}

func TestFastPublisherStoresAll(t *testing.T) {
	for _, n := range []int{1, 2, 499, 500, 501, 5000} {
		inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
			makeStream(b.T, nc, "S a", fastStream)
			ctx := b.T.Context()
			var acked atomic.Uint64
			p := must.Get(jetstream.NewFastPublisher(js, jetstream.WithFastPublisherAckHandler(acked.Store)))(b.T)
			for i := range n {
				ack := must.Get(p.Add(ctx, "a", fmt.Append(nil, i)))(b.T)
				if ack.BatchSequence != uint64(i+1) {
					b.T.Fatalf("message %d is %d", i, ack.BatchSequence)
				}
			}
			ack := must.Get(p.Close(ctx))(b.T)
			if ack.Count != n || ack.Sequence != uint64(n) || ack.Stream != "S" || p.Acked() != uint64(n) || !p.IsClosed() || p.Err() != nil {
				b.T.Errorf("%+v, acked %d, %v", ack, p.Acked(), p.Err())
			}
			_, err := p.Add(ctx, "a", nil)
			kindsOf(b.T, "add after the end", err, jetstream.ErrBatchClosed)
			inOrder(b.T, js, n)
			time.Sleep(time.Second)
			if acked.Load() != uint64(n) {
				b.T.Errorf("the handler knows of %d", acked.Load())
			}
		})
	}
}

func TestFastPublisherCommitsAndFlushes(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", fastStream)
		ctx := b.T.Context()
		alone := must.Get(jetstream.NewFastPublisher(js))(b.T)
		if ack := must.Get(alone.Commit(ctx, "a", []byte("0")))(b.T); ack.Count != 1 || ack.Sequence != 1 {
			b.T.Errorf("%+v", ack)
		}
		p := must.Get(jetstream.NewFastPublisher(js))(b.T)
		_, err := p.Flush(ctx)
		kindsOf(b.T, "nothing to flush", err, jetstream.ErrEmptyBatch)
		for i := 1; i < 11; i++ {
			must.Get(p.Add(ctx, "a", fmt.Append(nil, i)))(b.T)
			if ack := must.Get(p.Flush(ctx))(b.T); ack.Count != i || ack.Sequence != uint64(i+1) {
				b.T.Errorf("%+v", ack)
			}
		}
		must.Get(p.Flush(ctx))(b.T)
		must.Get(p.Add(ctx, "a", []byte("11")))(b.T)
		time.Sleep(time.Hour) // longer than servers keep a batch
		if p.Acked() != 11 {
			b.T.Errorf("after an hour %d messages are acknowledged", p.Acked())
		}
		must.Get(p.Add(ctx, "a", []byte("12")))(b.T)
		if ack := must.Get(p.Commit(ctx, "a", []byte("13")))(b.T); ack.Count != 13 {
			b.T.Errorf("%+v", ack)
		}
		inOrder(b.T, js, 14)
	})
}

func TestFastPublisherTakesManyAtATime(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", fastStream)
		ctx := b.T.Context()
		var publishers [3]jetstream.FastPublisher
		for i := range publishers {
			publishers[i] = must.Get(jetstream.NewFastPublisher(js, jetstream.FastPublishFlowControl{Flow: 7, MaxOutstandingAcks: 1}))(b.T)
		}
		var adding sync.WaitGroup
		for i := range 30 {
			adding.Go(func() {
				for range 100 {
					must.Get(publishers[i%3].Add(ctx, "a", []byte("x")))(b.T)
				}
			})
		}
		adding.Wait()
		for _, p := range publishers {
			if ack := must.Get(p.Close(ctx))(b.T); ack.Count != 1000 {
				b.T.Errorf("%+v", ack)
			}
		}
		if n := countStored(b.T, js); n != 3000 {
			b.T.Errorf("%d messages", n)
		}
	})
}

func TestFastPublisherKeepsNoMoreThanItMay(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", fastStream)
		p := must.Get(jetstream.NewFastPublisher(js))(b.T)
		data := make([]byte, 1_000_000)
		for range 60 {
			must.Get(p.Add(b.T.Context(), "a", data))(b.T)
		}
		if ack := must.Get(p.Close(b.T.Context()))(b.T); ack.Count != 60 {
			b.T.Errorf("%+v", ack)
		}
	})
}

// TestFastPublisherOutlivesItsLinks: whatever is cut, all messages are stored once and in
// their order.
func TestFastPublisherOutlivesItsLinks(t *testing.T) {
	for _, rule := range []string{"reset", "for 2s blackhole(in)", "for 2s blackhole(out)", "for 30s blackhole"} {
		t.Run(rule, func(t *testing.T) {
			inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
				const n = 10_000
				makeStream(b.T, nc, "S a", fastStream)
				ctx, cancel := context.WithTimeout(b.T.Context(), time.Hour)
				defer cancel()
				name := "cut"
				own := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer(name)), api.MaxReconnects(-1), api.PingInterval(5*time.Second)))(b.T)
				defer own.Close()
				p := must.Get(jetstream.NewFastPublisher(must.Get(jetstream.New(own))(b.T)))(b.T)
				for i := range n {
					if i%2499 == 500 {
						must.Get(b.Link(name, "s1").Inject(rule))(b.T)
					}
					m := &api.Msg{Subject: "a", Data: fmt.Append(nil, i), Header: api.Header{jetstream.MsgIDHeader: {strconv.Itoa(i)}}}
					if _, err := p.AddMsg(ctx, m); err != nil {
						b.T.Fatalf("message %d: %v", i, err)
					}
				}
				if ack := must.Get(p.Close(ctx))(b.T); ack.Count != n {
					b.T.Errorf("%+v", ack)
				}
				inOrder(b.T, js, n)
			}, faults.Window(8192))
		})
	}
}

// TestFastPublisherWithoutIDs: no message is stored twice, those up to Acked are stored, and
// messages that may be stored are reported as such.
func TestFastPublisherWithoutIDs(t *testing.T) {
	unknown, whole := 0, 0
	for at := range 12 {
		inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
			const n = 5000
			makeStream(b.T, nc, "S a", fastStream)
			ctx, cancel := context.WithTimeout(b.T.Context(), time.Hour)
			defer cancel()
			p := must.Get(jetstream.NewFastPublisher(js))(b.T)
			var err error
			for i := 0; i < n && err == nil; i++ {
				if i == at*250 {
					must.Get(b.Link("client", "s1").Inject([]string{"reset", "for 1s blackhole(in)", "for 1m blackhole"}[at%3]))(b.T)
				}
				_, err = p.Add(ctx, "a", fmt.Append(nil, i))
			}
			if err == nil {
				_, err = p.Close(ctx)
			}
			time.Sleep(time.Hour)
			got := countStored(b.T, js)
			inOrder(b.T, js, got)
			if lost, ok := errors.AsType[*jetstream.FastUnknownError](err); ok {
				unknown++
				if got < int(lost.First)-1 || got > int(lost.Last) {
					b.T.Errorf("%d are stored, and %v", got, err)
				}
				return
			}
			whole++
			if err != nil || got != n {
				b.T.Errorf("%d are stored, %v", got, err)
			}
		}, faults.Window(8192))
	}
	if whole == 0 {
		t.Errorf("%d unknown, %d whole", unknown, whole)
	}
	t.Logf("%d unknown, %d whole", unknown, whole)
}

func TestFastPublisherTellsOfRefusals(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", fastStream+`,"max_msg_size":100`)
		makeStream(b.T, nc, "PLAIN p", "")
		ctx := b.T.Context()
		bad := []*api.Msg{
			{Subject: "a", Header: api.Header{jetstream.ExpectedLastSubjSeqHeader: {"999999"}}},
			{Subject: "a", Data: make([]byte, 200)},
			{Subject: "a", Header: api.Header{jetstream.MsgTTLHeader: {"1h"}}},
		}
		kinds := []error{jetstream.ErrWrongLastSequence, jetstream.ErrStreamMessageExceedsMaximum, jetstream.ErrMsgTTLDisabled}
		for i, m := range bad {
			for at := range 3 {
				kindsOf(b.T, "refused", endsAt(b, js, m, at), kinds[i])
			}
			goesOn(b, js, m, kinds[i])
		}
		first := func(subject string) error {
			p := must.Get(jetstream.NewFastPublisher(js))(b.T)
			must.Get(p.Add(ctx, subject, nil))(b.T)
			_, err := p.Close(ctx)
			return err
		}
		kindsOf(b.T, "a stream without fast batches", first("p"), jetstream.ErrBatchPublishDisabled)
		kindsOf(b.T, "no stream", first("nowhere"), jetstream.ErrNoStreamResponse)
	})
}

func TestFastPublisherTakesBadInputForNothing(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		makeStream(b.T, nc, "S a", fastStream)
		ctx := b.T.Context()
		p := must.Get(jetstream.NewFastPublisher(js))(b.T)
		for what, c := range map[string]struct {
			m    *api.Msg
			kind error
		}{
			"nothing":    {nil, api.ErrInvalidMsg},
			"no subject": {&api.Msg{}, api.ErrBadSubject},
			"a reply":    {&api.Msg{Subject: "a", Reply: "b"}, jetstream.ErrAsyncPublishReplySubjectSet},
			"too large":  {&api.Msg{Subject: "a", Data: make([]byte, 2<<20)}, api.ErrMaxPayload},
			"bad header": {&api.Msg{Subject: "a", Header: api.Header{"a b:": {"x"}}}, api.ErrBadHeaderMsg},
			"a batch":    {&api.Msg{Subject: "a", Header: api.Header{"Nats-Batch-Id": {"x"}}}, jetstream.ErrInvalidOption},
			"last id":    {&api.Msg{Subject: "a", Header: api.Header{jetstream.ExpectedLastMsgIDHeader: {"x"}}}, jetstream.ErrInvalidOption},
		} {
			_, err := p.AddMsg(ctx, c.m)
			kindsOf(b.T, what, err, c.kind)
		}
		must.Get(p.Add(ctx, "a", []byte("0")))(b.T)
		must.Get(p.Close(ctx))(b.T)
		inOrder(b.T, js, 1)
		_, err := jetstream.NewFastPublisher(js, jetstream.FastPublishFlowControl{AckTimeout: -1})
		kindsOf(b.T, "a negative timeout", err, jetstream.ErrInvalidOption)
		_, err = jetstream.NewFastPublisher(js, jetstream.WithFastPublisherErrorHandler(nil))
		kindsOf(b.T, "no handler", err, jetstream.ErrHandlerRequired)
	})
}

// endsAt publishes some good messages, a bad one, and more. It returns why it ended.
func endsAt(b *faults.Env, js jetstream.JetStream, bad *api.Msg, good int) error {
	b.T.Helper()
	before := countStored(b.T, js)
	p := must.Get(jetstream.NewFastPublisher(js))(b.T)
	for range good {
		must.Get(p.Add(b.T.Context(), "a", nil))(b.T)
	}
	_, err := p.AddMsg(b.T.Context(), bad)
	for more := 0; err == nil && more < 3; more++ {
		_, err = p.Add(b.T.Context(), "a", nil)
	}
	if err == nil {
		_, err = p.Close(b.T.Context())
	}
	if no, ok := errors.AsType[*jetstream.FastMsgError](err); !ok || no.Seq != uint64(good+1) {
		b.T.Errorf("message %d: %v", good+1, err)
	}
	if n := countStored(b.T, js) - before; n != good || p.Acked() != uint64(good) {
		b.T.Errorf("%d of %d are stored, acknowledged are %d", n, good, p.Acked())
	}
	if p.Err() != err {
		b.T.Errorf("it has ended with %v, and said %v", p.Err(), err)
	}
	return err
}

// goesOn publishes bad messages among others, which must be stored.
func goesOn(b *faults.Env, js jetstream.JetStream, bad *api.Msg, kind error) {
	b.T.Helper()
	before := countStored(b.T, js)
	told := make(chan error, 10)
	p := must.Get(jetstream.NewFastPublisher(js, jetstream.WithFastPublisherContinueOnGap(true),
		jetstream.WithFastPublisherErrorHandler(func(err error) { told <- err })))(b.T)
	for k := range 20 {
		if k%4 == 0 {
			must.Get(p.AddMsg(b.T.Context(), bad))(b.T)
		}
		must.Get(p.Add(b.T.Context(), "a", nil))(b.T)
	}
	must.Get(p.Close(b.T.Context()))(b.T)
	if n := countStored(b.T, js) - before; n != 20 {
		b.T.Errorf("%d are stored", n)
	}
	kindsOf(b.T, "told", <-told, kind)
}
