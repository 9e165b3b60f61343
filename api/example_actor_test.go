package api_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// account owns a balance. It needs no lock, because Receive is called with one message
// at a time.
type account struct{ balance int }

func (a *account) Receive(_ *api.ActorContext, m any) {
	switch m := m.(type) {
	case int: // from Send
		a.balance += m
	case *api.Msg: // from a subscription
		_ = m.Respond([]byte(strconv.Itoa(a.balance)))
	}
}

func ExampleConn_Spawn() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	ref, err := nc.Spawn(api.Spec{Name: "greeter", New: func() api.Actor {
		return api.ActorFunc(func(c *api.ActorContext, m any) {
			if m == "" {
				panic("nobody to greet")
			}
			fmt.Printf("hello %v, after %d restarts\n", m, c.Restarts())
		})
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"Ann", "", "Joe"} {
		_ = ref.Send(name)
	}
	if _, err := nc.DrainContext(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// hello Ann, after 0 restarts
	// hello Joe, after 1 restarts
}

func ExampleConn_SubscribeActor() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	ref, err := nc.Spawn(api.Spec{Name: "account", New: func() api.Actor { return new(account) }})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := nc.SubscribeActor("balance", ref); err != nil {
		fmt.Println(err)
		return
	}
	_ = ref.Send(100)
	_ = ref.Send(-30)
	answer, err := nc.Request("balance", nil, time.Second)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", answer.Data)
	// Output: 70
}

// A worker that shows its state in the tree.
func ExampleActorContext_Become() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	var copied atomic.Uint64
	ref, err := nc.Spawn(api.Spec{
		Name: "copier", Group: "workers",
		Progress: func() []api.Counter { return []api.Counter{{Name: "copied bytes", Value: copied.Load()}} },
		New: func() api.Actor {
			return api.ActorFunc(func(c *api.ActorContext, m any) {
				switch m := m.(type) {
				case int:
					copied.Add(uint64(m))
					c.Become("copying", api.Well, "")
				case error:
					c.Become("stuck", api.Down, m.Error())
				}
			})
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	events := nc.Events(context.Background())
	_ = ref.Send(4096)
	_ = ref.Send(errors.New("disk full"))
	for e := range events {
		if e.Path == ref.Path() && e.After == "stuck" {
			break
		}
	}
	n, _ := nc.Tree().Find("workers/copier")
	bytes, _ := n.Counter("copied bytes")
	fmt.Printf("%s is %s (%s) after %d bytes\n", n.Name, n.State, n.Reason, bytes)
	fmt.Println("healthy:", nc.Health() == nil)
	// Output:
	// copier is stuck (disk full) after 4096 bytes
	// healthy: false
}
