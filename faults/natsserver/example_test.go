package natsserver_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/troupe-go/troupe/faults/natsserver"
)

// A server is started, used, killed, and brought back on the same port.
func Example() {
	s, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Shutdown()

	nc, err := nats.Connect(s.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	fmt.Println("connected:", nc.IsConnected())

	s.Kill()
	fmt.Println("running after the kill:", s.Running())
	if err := s.Restart(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("running after the restart:", s.Running())
	// Output:
	// connected: true
	// running after the kill: false
	// running after the restart: true
}

// Two accounts that share what one of them sells.
func ExampleAccount() {
	s, err := natsserver.Start(natsserver.Options{Accounts: []natsserver.Account{
		{Name: "SHOP", Users: []natsserver.User{{Name: "ann", Password: "a"}},
			Exports: []natsserver.Export{{Stream: "sold.>"}}},
		{Name: "DESK", Users: []natsserver.User{{Name: "bob", Password: "b"}},
			Imports: []natsserver.Import{{Account: "SHOP", Stream: "sold.>"}}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Shutdown()

	ann, err := nats.Connect(s.URL(), nats.UserInfo("ann", "a"))
	if err != nil {
		log.Fatal(err)
	}
	defer ann.Close()
	bob, err := nats.Connect(s.URL(), nats.UserInfo("bob", "b"))
	if err != nil {
		log.Fatal(err)
	}
	defer bob.Close()

	sold, err := bob.SubscribeSync("sold.*")
	if err == nil {
		err = bob.Flush()
	}
	if err == nil {
		err = ann.Publish("sold.shoe", []byte("7"))
	}
	if err != nil {
		log.Fatal(err)
	}
	m, err := sold.NextMsg(time.Second)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Subject, string(m.Data))
	// Output: sold.shoe 7
}

// An operator signs an account, the account a user for an hour, and revokes it.
func ExampleOperator() {
	operator, err := natsserver.NewOperator()
	if err != nil {
		log.Fatal(err)
	}
	account, err := operator.Account("SHOP")
	if err != nil {
		log.Fatal(err)
	}
	ann, err := account.User("ann", natsserver.Expires(time.Hour))
	if err != nil {
		log.Fatal(err)
	}

	s, err := natsserver.Start(natsserver.Options{Operator: operator})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Shutdown()
	gone := make(chan error, 1)
	nc, err := nats.Connect(s.URL(), nats.UserJWTAndSeed(ann.JWT, ann.Seed), nats.NoReconnect(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { gone <- err }))
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	if err := account.Revoke(ann); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-gone)
	// Output: nats: authentication revoked
}

// A stream changes its leader under its clients.
func ExampleCluster_StepDown() {
	c, err := natsserver.StartCluster(3, natsserver.Options{JetStream: true})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Shutdown()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	nc, err := nats.Connect(c.URLs()[0])
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Replicas: 3}); err != nil {
		log.Fatal(err)
	}

	orders := natsserver.Group{Stream: "ORDERS"}
	before, err := c.Leader(ctx, orders)
	if err != nil {
		log.Fatal(err)
	}
	after, err := c.StepDown(ctx, orders)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("another one leads:", before != after)
	// Output: another one leads: true
}

// The start of every program that starts servers as processes.
func ExampleChild() {
	natsserver.Child() // does nothing, unless this process was started as a server

	p, err := natsserver.StartProcess(natsserver.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Shutdown()
	nc, err := nats.Connect(p.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	p.Kill() // as the system kills one that uses too much memory
	fmt.Println("running:", p.Running())
	// Output: running: false
}
