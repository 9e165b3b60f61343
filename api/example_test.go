package api_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

// startServer starts a server for an example.
func startServer() *natsserver.Server {
	s, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		log.Fatal(err)
	}
	return s
}

// connect connects an example to a server.
func connect(s *natsserver.Server) *api.Conn {
	nc, err := api.Connect(s.URL())
	if err != nil {
		log.Fatal(err)
	}
	return nc
}

func ExampleConnect() {
	s := startServer()
	defer s.Shutdown()

	nc, err := api.Connect(s.URL(), api.Name("example"), api.NeverGiveUp())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	fmt.Println(nc.Status(), nc.Health())
	// Output: CONNECTED <nil>
}

func ExampleConn_Subscribe() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)

	_, err := nc.Subscribe("greet.*", func(m *api.Msg) {
		fmt.Printf("%s: %s\n", m.Subject, m.Data)
	})
	if err != nil {
		fmt.Println(err)
	}
	_ = nc.Publish("greet.joe", []byte("hello"))

	// A drain lets the handler finish the messages that have arrived.
	if _, err := nc.DrainContext(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output: greet.joe: hello
}

func ExampleConn_Request() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	_, _ = nc.Subscribe("double", func(m *api.Msg) {
		_ = m.Respond(append(m.Data, m.Data...))
	})
	answer, err := nc.Request("double", []byte("ab"), time.Second)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", answer.Data)

	_, err = nc.Request("nobody", nil, time.Second)
	fmt.Println(errors.Is(err, api.ErrNoResponders))
	// Output:
	// abab
	// true
}

func ExampleConn_RequestMany() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	_, _ = nc.Subscribe("list", func(m *api.Msg) {
		for _, item := range []string{"one", "two", ""} {
			_ = m.Respond([]byte(item))
		}
	})
	for m, err := range nc.RequestMany(context.Background(), "list", nil, api.RequestManySentinel(api.DefaultSentinel)) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Printf("%s\n", m.Data)
	}
	// Output:
	// one
	// two
}

func ExampleRequestManyStall() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	for i := range 3 {
		_, _ = nc.Subscribe("who", func(m *api.Msg) { _ = m.Respond(fmt.Append(nil, i)) })
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	n := 0
	// The number of responders is unknown: half a second without a reply means that all have answered.
	for _, err := range nc.RequestMany(ctx, "who", nil, api.RequestManyStall(500*time.Millisecond)) {
		if err != nil {
			fmt.Println(err)
			break
		}
		n++
	}
	fmt.Println(n)
	// Output: 3
}

func ExampleSubscription_NextMsg() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	sub, _ := nc.SubscribeSync("updates")
	_ = nc.Publish("updates", []byte("one"))
	m, err := sub.NextMsg(time.Second)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", m.Data)

	_, err = sub.NextMsg(time.Millisecond)
	fmt.Println(errors.Is(err, api.ErrTimeout))
	// Output:
	// one
	// true
}

func ExampleSubscription_Msgs() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	sub, _ := nc.SubscribeSync("count")
	_ = sub.AutoUnsubscribe(3)
	for i := range 5 {
		_ = nc.Publish("count", fmt.Append(nil, i))
	}
	for m, err := range sub.Msgs() {
		if err != nil {
			fmt.Println(errors.Is(err, api.ErrMaxMessages))
			break
		}
		fmt.Printf("%s\n", m.Data)
	}
	// Output:
	// 0
	// 1
	// 2
	// true
}

func ExampleBorrow() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)

	var kept *api.Msg
	_, _ = nc.Subscribe("numbers", func(m *api.Msg) {
		if string(m.Data) == "42" {
			kept = m.Clone() // m itself is valid only here
		}
	}, api.Borrow())
	for i := range 100 {
		_ = nc.Publish("numbers", fmt.Append(nil, i))
	}
	_, _ = nc.DrainContext(context.Background())
	fmt.Printf("%s\n", kept.Data)
	// Output: 42
}

func ExampleOnPanic() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	ended := make(chan struct{})

	sub, _ := nc.Subscribe("fragile", func(*api.Msg) { panic("boom") }, api.OnPanic(api.Stop))
	sub.SetClosedHandler(func(subject string) { close(ended) })
	_ = nc.Publish("fragile", nil)
	<-ended
	fmt.Println(sub.IsValid(), nc.IsConnected())
	nc.Close()
	// Output: false true
}

func ExampleConn_Events() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)

	events := nc.Events(context.Background())
	_, _ = nc.Subscribe("fragile", func(*api.Msg) { panic("boom") })
	_ = nc.Publish("fragile", nil)
	for e := range events {
		if e.Kind == api.HandlerPanicked {
			fmt.Println(e.Kind, e.Directive)
			break
		}
	}
	nc.Close()
	// Output: HandlerPanicked restart
}

func ExampleConn_Tree() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	_, _ = nc.Subscribe("orders.*", func(*api.Msg) {})
	for node := range nc.Tree().All() {
		if node.Kind == "dispatcher" {
			fmt.Println(node.Kind, node.State, node.Reason)
		}
	}
	// Output: dispatcher idle orders.*
}

// A program that chooses the next server, and when to connect to it.
func ExampleReconnectToServer() {
	s := startServer()
	defer s.Shutdown()

	asked := 0
	nc, err := api.Connect(s.URL(), api.ReconnectToServer(func(pool []api.Server, last api.ServerInfo) (*api.Server, time.Duration) {
		asked++
		if asked > 3 {
			return nil, 0 // leave it to the connection
		}
		return &pool[0], 10 * time.Millisecond
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	up := nc.StatusChanged(api.CONNECTED)
	if err := nc.ForceReconnect(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-up, "after asking", asked, "time")
	// Output: CONNECTED after asking 1 time
}
