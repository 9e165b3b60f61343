package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// A PONG proves that everything sent before it has come, so callers that wait for one
// must find the messages of the same read in their lanes. Here the second message has to
// wait for room first.
func TestAPongWaitsForTheMessagesBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		ready := make(chan *peer, 1)
		peers(t, &cfg, func(p *peer) {
			p.mute = true
			playing(ready)(p)
		})
		c := connect(t, cfg)
		p := <-ready
		s := subscribe(t, c, SubSpec{Subject: "x", Overflow: Block, Limits: Limits{Msgs: 1, Bytes: -1, BlockFor: time.Hour}})
		p.expect("SUB x 1")
		flushed := make(chan error, 1)
		go func() { flushed <- c.Flush(t.Context()) }()
		p.expect("PING")
		p.send("MSG x 1 1\r\na\r\nMSG x 1 1\r\nb\r\nPONG\r\n")
		synctest.Wait()
		select {
		case err := <-flushed:
			t.Fatalf("flush returned %v before the message ahead of its PONG was there", err)
		default:
		}
		for _, want := range []string{"a", "b"} {
			if !s.TryNext(func(m *Raw) {
				if string(m.Payload) != want {
					t.Errorf("got %q, want %q", m.Payload, want)
				}
			}) {
				t.Errorf("%q is not there", want)
			}
			synctest.Wait()
		}
		if err := <-flushed; err != nil {
			t.Errorf("flush: %v", err)
		}
	})
}

// TestOneInfoWaits, however many come before link handles it: the last one, completed
// from those before it, including a lame-duck notice.
func TestOneInfoWaits(t *testing.T) {
	c := &Conn{}
	box := &mailbox{controlMax: 1, schedule: func(*mailbox) {}} // it never runs
	c.linkBox.set(Ref[linkMsg]{box})
	r := &reader{conn: c, line: &line{}}
	for _, info := range []protocol.Info{{ServerID: "a", MaxPayload: 5, Headers: true}, {LameDuckMode: true}, {MaxPayload: 7},
		{ServerID: "b", ConnectURLs: []string{"x:1"}}} {
		r.inform(&info)
	}
	if n := box.control.len(); n != 1 {
		t.Errorf("%d messages wait", n)
	}
	news := r.line.news.Load()
	if news.ServerID != "b" || news.Headers || news.MaxPayload != 7 || !news.LameDuckMode || len(news.ConnectURLs) != 1 {
		t.Errorf("the news is %+v", news)
	}
	r.line.news.Store(nil) // link has handled it
	r.inform(&protocol.Info{ServerID: "c"})
	if n := box.control.len(); n != 2 || r.line.news.Load().LameDuckMode {
		t.Errorf("%d messages wait, the news is %+v", n, r.line.news.Load())
	}
}
