package proxy_test

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/proxy"
)

// A client loses its connection in the middle of its third message.
func Example() {
	server, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Shutdown()
	p, err := proxy.Start(server.URL(), proxy.Options{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	lost := make(chan struct{})
	nc, err := nats.Connect(p.URL(), nats.DisconnectErrHandler(func(*nats.Conn, error) { close(lost) }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()

	fault, err := p.Inject("when op(PUB) index(3) reset")
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 3 {
		nc.Publish("orders", fmt.Append(nil, i))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(fault.Wait(ctx, 1))
	<-lost
	fmt.Println("resets:", p.Stats().Resets)
	// Output:
	// <nil>
	// resets: 1
}

// Clients of a cluster are told the addresses of its proxies, and stay behind them.
func ExampleStartCluster() {
	servers := []string{"nats://10.0.0.1:4222", "nats://10.0.0.2:4222"}
	proxies, err := proxy.StartCluster(servers, proxy.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range proxies {
		defer p.Close()
		fmt.Println(p.Upstream())
	}
	// Output:
	// 10.0.0.1:4222
	// 10.0.0.2:4222
}
