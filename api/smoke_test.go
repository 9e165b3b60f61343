package api_test

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

func TestSmoke(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	nc, err := api.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *api.Msg, 10)
	sub, err := nc.Subscribe("a.*", func(m *api.Msg) { got <- m; m.Respond([]byte("re")) })
	if err != nil {
		t.Fatal(err)
	}
	nc.Publish("a.b", []byte("hello"))
	m := <-got
	t.Log(m.Subject, string(m.Data), sub.IsValid())
	r, err := nc.Request("a.x", []byte("q"), time.Second)
	t.Log(r, err)
	_, err = nc.Request("none", []byte("q"), time.Second)
	t.Log(err)
	t.Log(nc.Flush())
	t.Log(nc.RTT())
	t.Log(nc.Tree())
	t.Log(nc.Health())
	nc.Close()
	t.Log(nc.Publish("a", nil))
	for _, e := range nc.EventLog() {
		t.Log(e)
	}
}
