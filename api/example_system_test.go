package api_test

import (
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/api"
)

// A separate actor system shows whether a connection has left any actor behind.
func ExampleNewActorSystem() {
	s := startServer()
	defer s.Shutdown()

	system := api.NewActorSystem(nil)
	before := system.Actors()
	nc, err := api.Connect(s.URL(), api.System(system))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("actors added:", system.Actors() > before)
	nc.Close()
	fmt.Println("actors left:", system.Actors()-before)
	// Output:
	// actors added: true
	// actors left: 0
}

// The program has an actor system of its own, which also runs the connection's actors. One of
// the program's actors receives the messages of a subscription.
func ExampleAdoptActorSystem() {
	s := startServer()
	defer s.Shutdown()
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	own := actor.NewActorSystem(actor.WithLoggerFactory(quiet))
	defer own.Shutdown()
	orders := make(chan string, 1)
	pid := own.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if m, ok := c.Message().(*api.Msg); ok {
			orders <- string(m.Data)
		}
	}))

	nc, err := api.Connect(s.URL(), api.System(api.AdoptActorSystem(own)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	if _, err := nc.SubscribeActor("orders", api.PIDRef(own, pid)); err != nil {
		fmt.Println(err)
		return
	}
	_ = nc.Publish("orders", []byte("apples"))
	fmt.Println(<-orders)
	// Output: apples
}
