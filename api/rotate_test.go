package api_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// TestRotateAsksForCredentials again, and keeps the connection if they are refused.
func TestRotateAsksForCredentials(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{Token: "right"})
	var token atomic.Value
	token.Store("right")
	asked := atomic.Int32{}
	nc := dial(t, s, api.TokenHandler(func() string {
		asked.Add(1)
		return token.Load().(string)
	}))
	before := must.Get(nc.GetClientID())(t)
	must.Do(t, nc.Rotate(must.Within(t, patience)))
	if after := must.Get(nc.GetClientID())(t); after == before || asked.Load() != 2 {
		t.Errorf("client %d, then %d, asked %d times", before, after, asked.Load())
	}
	token.Store("wrong")
	err := nc.Rotate(must.Within(t, patience))
	kinds(t, err, api.ErrNoServers, api.ErrAuthorization)
	if nc.Status() != api.CONNECTED || nc.Health() != nil {
		t.Errorf("%v, %v", nc.Status(), nc.Health())
	}
	flushed(t, nc)
	if s := nc.Stats(); s.Moves != 1 || s.Reconnects != 0 {
		t.Errorf("%+v", s)
	}
	kinds(t, (*api.Conn)(nil).Rotate(must.Within(t, patience)), api.ErrInvalidConnection)
	var noContext context.Context
	kinds(t, nc.Rotate(noContext), api.ErrInvalidContext)
	nc.Close()
	kinds(t, nc.Rotate(must.Within(t, patience)), api.ErrConnectionClosed)
}

// TestALameDuckIsLeft before it stops, in a cluster that has announced other servers.
func TestALameDuckIsLeft(t *testing.T) {
	c := natsserver.RunCluster(t, 2, natsserver.Options{LameDuckGrace: 10 * time.Second})
	first := c.Members()[0]
	moved, told := make(chan api.Event, 1), make(chan struct{}, 1)
	nc := dial(t, first,
		api.LameDuckModeHandler(func(*api.Conn) { told <- struct{}{} }),
		api.DisconnectErrHandler(func(_ *api.Conn, err error) { t.Errorf("disconnected: %v", err) }),
		api.ReconnectHandler(func(*api.Conn) { t.Error("reconnected") }),
		api.NoCallbacksAfterClientClose(),
		api.OnEvent(func(e api.Event) {
			if e.Kind == api.LinkMoved {
				moved <- e
			}
		}))
	sub := must.Get(nc.QueueSubscribeSync("a", "q"))(t)
	flushed(t, nc)
	first.LameDuck()
	await(t, told, "the handler's call")
	e := await(t, moved, "the move")
	if e.Before != first.URL() || e.After != c.URLs()[1] || nc.ConnectedUrl() != e.After {
		t.Errorf("from %s to %s, connected to %s", e.Before, e.After, nc.ConnectedUrl())
	}
	first.Kill()
	var m *api.Msg
	var err error
	for range 60 { // the other server may still send to the one that was killed
		must.Do(t, nc.Publish("a", []byte("x")))
		if m, err = sub.NextMsg(time.Second); err == nil {
			break
		}
	}
	if err != nil || string(m.Data) != "x" {
		t.Errorf("got %+v, %v", m, err)
	}
}

// New credentials are taken into use while the old ones are still good.
func ExampleConn_Rotate() {
	server, err := natsserver.Start(natsserver.Options{Token: "of today"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Shutdown()
	nc, err := api.Connect(server.URL(), api.TokenHandler(func() string { return "of today" }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()

	err = nc.Rotate(context.Background())
	fmt.Println(err, nc.Status(), nc.Stats().Moves)
	// Output: <nil> CONNECTED 1
}
