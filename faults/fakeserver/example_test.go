package fakeserver_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/protocol"
)

// Left alone the server is an honest one, for any client library.
func Example() {
	s := fakeserver.New(fakeserver.Options{})
	defer s.Close()
	url, err := s.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	nc, err := nats.Connect(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()

	_, _ = nc.Subscribe("greet.*", func(m *nats.Msg) { _ = m.Respond([]byte("hello " + m.Subject[len("greet."):])) })
	answer, err := nc.Request("greet.ann", nil, time.Second)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(answer.Data))
	_, err = nc.Request("nobody", nil, time.Second)
	fmt.Println(err)
	for _, sub := range s.Client(1).Subscriptions() {
		if sub.Subject == "greet.*" {
			fmt.Println("the server knows of", sub.Subject)
		}
	}
	// Output:
	// hello ann
	// nats: no responders available for request
	// the server knows of greet.*
}

// A scripted lie: the server accepts a subscription and never delivers to it, until the
// lie is lifted.
func ExampleServer_Control() {
	s := fakeserver.New(fakeserver.Options{})
	defer s.Close()
	url, err := s.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	lie := s.Control(protocol.OpSub, func(_ *fakeserver.Client, f fakeserver.Frame) fakeserver.Verdict {
		if protocol.Match("orders.>", f.Subject) {
			return fakeserver.Drop()
		}
		return fakeserver.Pass()
	})

	nc, err := nats.Connect(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	sub, _ := nc.SubscribeSync("orders.new")
	_ = nc.Publish("orders.new", []byte("1"))
	_ = nc.Flush()
	_, err = sub.NextMsg(10 * time.Millisecond)
	fmt.Println(errors.Is(err, nats.ErrTimeout), lie.Hits())

	lie.Lift()
	sub, _ = nc.SubscribeSync("orders.new")
	_ = nc.Publish("orders.new", []byte("2"))
	m, err := sub.NextMsg(time.Second)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(m.Data))
	// Output:
	// true 1
	// 2
}

// A client that lost its connection meets a silent server, gives it up, and restores its
// subscriptions on the next connection.
func ExampleOptions_greeting() {
	s := fakeserver.New(fakeserver.Options{Greeting: func(n int) fakeserver.Greeting {
		return fakeserver.Greeting{Silent: n == 2}
	}})
	defer s.Close()
	url, err := s.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	nc, err := nats.Connect(url, nats.Timeout(time.Second), nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	_, _ = nc.Subscribe("a", func(*nats.Msg) {})
	_ = nc.Flush()

	subscribed := s.Control(protocol.OpSub, nil)
	s.Client(1).Reset()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := subscribed.Wait(ctx, 1); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("restored by connection", s.Accepted())
	// Output:
	// restored by connection 3
}
