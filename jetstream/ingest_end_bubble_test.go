package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// TestFastPublisherEndsWithItsConnection: waiting calls return at once, and messages that may be
// stored are reported.
func TestFastPublisherEndsWithItsConnection(t *testing.T) {
	ends := map[string]func(*api.Conn){"closed": (*api.Conn).Close, "drained": func(nc *api.Conn) { _ = nc.Drain() }}
	for name, end := range ends {
		for _, added := range []int{0, 1, 700} {
			t.Run(fmt.Sprint(name, added), func(t *testing.T) {
				inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
					makeStream(b.T, nc, "S a", fastStream)
					own := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("own"))))(b.T)
					defer own.Close()
					told := make(chan error, 10)
					p := must.Get(jetstream.NewFastPublisher(must.Get(jetstream.New(own))(b.T), jetstream.WithFastPublisherErrorHandler(func(err error) { told <- err })))(b.T)
					for range added {
						must.Get(p.Add(b.T.Context(), "a", nil))(b.T)
					}
					time.Sleep(time.Second)
					must.Get(b.Link("own", "s1").Inject("blackhole"))(b.T)
					if added > 0 {
						must.Get(p.Add(b.T.Context(), "a", nil))(b.T)
					}
					waits := make(chan error, 1)
					go func() {
						_, err := p.Flush(must.Within(b.T, time.Hour))
						waits <- err
					}()
					synctest.Wait()
					began := time.Now()
					end(own)
					time.Sleep(time.Minute)
					kind := []error{api.ErrConnectionClosed, api.ErrConnectionDraining}
					err := p.Err()
					if !errors.Is(err, kind[0]) && !errors.Is(err, kind[1]) || !p.IsClosed() {
						b.T.Errorf("it has ended with %v", err)
					}
					if got := <-told; got != err {
						b.T.Errorf("the handler was told %v", got)
					}
					if _, add := p.Add(b.T.Context(), "a", nil); add != err {
						b.T.Errorf("add: %v", add)
					}
					if added == 0 {
						return
					}
					if got := <-waits; got != err {
						b.T.Errorf("flush, after %v: %v", time.Since(began), got)
					}
					unknown, ok := errors.AsType[*jetstream.FastUnknownError](err)
					if !ok || unknown.First != p.Acked()+1 || unknown.Last != uint64(added+1) || !api.MaybeSent(err) {
						b.T.Errorf("%+v, acknowledged are %d", unknown, p.Acked())
					}
				})
			})
		}
	}
}

// TestFastPublisherClosesWhenAllIsAcknowledged: the stream has acknowledged the last
// message before Flush and Close are called.
func TestFastPublisherClosesWhenAllIsAcknowledged(t *testing.T) {
	for _, closes := range []func(jetstream.FastPublisher, context.Context) (*jetstream.PubAck, error){jetstream.FastPublisher.Close, jetstream.FastPublisher.Flush} {
		inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
			makeStream(b.T, nc, "S a", fastStream)
			p := must.Get(jetstream.NewFastPublisher(js, jetstream.FastPublishFlowControl{Flow: 1}))(b.T)
			for i := range 3 {
				must.Get(p.Add(b.T.Context(), "a", fmt.Append(nil, i)))(b.T)
			}
			time.Sleep(time.Second)
			if p.Acked() != 3 {
				b.T.Fatalf("acknowledged are %d", p.Acked())
			}
			began := time.Now()
			ack, err := closes(p, b.T.Context())
			if err != nil || ack.Count != 3 || ack.Sequence != 3 || time.Since(began) > time.Second {
				b.T.Errorf("%+v after %v: %v", ack, time.Since(began), err)
			}
			must.Get(p.Close(b.T.Context()))(b.T)
			must.Get(p.Close(b.T.Context()))(b.T)
		})
	}
}

// TestFastPublisherMayNotPublish: a server does not permit a message. The publisher ends and
// reports which one, and the connection stays open.
func TestFastPublisherMayNotPublish(t *testing.T) {
	for at := range 3 {
		faults.Bubble(t, func(b *faults.Env) {
			nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("client")), api.UserInfo("u", "p")))(b.T)
			defer nc.Close()
			makeStream(b.T, nc, "S a denied.>", fastStream)
			js := must.Get(jetstream.New(nc))(b.T)
			p := must.Get(jetstream.NewFastPublisher(js))(b.T)
			for range at {
				must.Get(p.Add(b.T.Context(), "a", nil))(b.T)
			}
			_, err := p.Add(b.T.Context(), "denied.x", nil)
			for i := 0; i < 3 && err == nil; i++ {
				_, err = p.Add(b.T.Context(), "a", nil)
			}
			if err == nil {
				_, err = p.Close(b.T.Context())
			}
			no, ok := errors.AsType[*jetstream.FastMsgError](err)
			if !ok || no.Seq != uint64(at+1) || !errors.Is(err, api.ErrPermissionViolation) {
				b.T.Errorf("message %d: %v", at+1, err)
			}
			must.Do(b.T, nc.Flush())
			must.Do(b.T, nc.ForceReconnect())
			time.Sleep(time.Minute)
			must.Get(js.Publish(b.T.Context(), "a", nil))(b.T)
		}, faults.ServerOptions(natsserver.Options{JetStream: true, Config: `authorization { users = [ {user: u, password: p, permissions: {publish: {deny: "denied.>"}}} ] }`}))
	}
}

// TestFastPublisherTellsEverything: a slow handler receives all refusals, and then the last
// acknowledgement.
func TestFastPublisherTellsEverything(t *testing.T) {
	inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
		const n = 9_000
		makeStream(b.T, nc, "S a", fastStream)
		release := make(chan struct{})
		told, last := 0, uint64(0)
		p := must.Get(jetstream.NewFastPublisher(js, jetstream.WithFastPublisherContinueOnGap(true), jetstream.WithFastPublisherErrorHandler(func(err error) {
			<-release
			if told++; told == 100 {
				panic("handler")
			}
		}), jetstream.WithFastPublisherAckHandler(func(acked uint64) { last = acked })))(b.T)
		bad := &api.Msg{Subject: "a", Header: api.Header{jetstream.ExpectedLastSubjSeqHeader: {"999999"}}}
		must.Get(p.Add(b.T.Context(), "a", nil))(b.T)
		for range n {
			must.Get(p.AddMsg(b.T.Context(), bad))(b.T)
		}
		must.Get(p.Close(b.T.Context()))(b.T)
		close(release)
		time.Sleep(time.Minute)
		synctest.Wait()
		if told != n || last != n+1 {
			b.T.Errorf("told of %d refused, and of %d acknowledged", told, last)
		}
		for _, node := range nc.Tree().Children {
			if node.Name == "consumers" && len(node.Children) > 0 {
				b.T.Errorf("what is left:\n%v", node)
			}
		}
	})
}

// TestFastPublisherMindsTheWindow: after a silence longer than the stream's window for
// duplicates, messages that may be stored are not sent again.
func TestFastPublisherMindsTheWindow(t *testing.T) {
	for _, rule := range []string{"for 10m blackhole(in)", "for 10m blackhole"} {
		inBubble(t, func(b *faults.Env, nc *api.Conn, js jetstream.JetStream) {
			const n = 3000
			makeStream(b.T, nc, "S a", fastStream)
			ctx, cancel := context.WithTimeout(b.T.Context(), time.Hour)
			defer cancel()
			own := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("cut")), api.MaxReconnects(-1), api.PingInterval(5*time.Second)))(b.T)
			defer own.Close()
			p := must.Get(jetstream.NewFastPublisher(must.Get(jetstream.New(own))(b.T)))(b.T)
			var err error
			for i := 0; i < n && err == nil; i++ {
				if i == 1500 {
					must.Get(b.Link("cut", "s1").Inject(rule))(b.T)
				}
				_, err = p.AddMsg(ctx, &api.Msg{Subject: "a", Data: fmt.Append(nil, i), Header: api.Header{jetstream.MsgIDHeader: {strconv.Itoa(i)}}})
			}
			if err == nil {
				_, err = p.Close(ctx)
			}
			stored := countStored(b.T, js)
			inOrder(b.T, js, stored) // none of them twice
			unknown, ok := errors.AsType[*jetstream.FastUnknownError](err)
			if !ok || stored < int(unknown.First)-1 || stored > int(unknown.Last) {
				b.T.Errorf("%d are stored, %v", stored, err)
			}
		}, faults.Window(8192))
	}
}
