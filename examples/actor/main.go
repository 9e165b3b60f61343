package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

// What the shop starts with, and what is ordered.
const (
	stockAtFirst = 1000
	orders       = 100
	badOrder     = 42 // the one that the inventory cannot handle
)

// order is a message on the subject orders.
type order struct{ Number, Boxes, PerBox, People int }

// books outlives a restart of the inventory.
type books struct{ Stock, Sold, Orders, Restarts int }

// inventory is the actor.
type inventory struct{ books *books }

// Receive handles one order, or a question for the books.
func (i *inventory) Receive(c *api.ActorContext, m any) {
	msg := m.(*api.Msg)
	if msg.Subject == "books" {
		i.books.Restarts = c.Restarts()
		answer, _ := json.Marshal(i.books)
		_ = msg.Respond(answer)
		return
	}
	var o order
	if json.Unmarshal(msg.Data, &o) != nil {
		return
	}
	each := o.Boxes * o.PerBox / o.People // the defect: 0 people is not handled
	i.books.Orders++
	i.books.Stock -= each * o.People
	i.books.Sold += each * o.People
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("actor: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("actor: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "actor"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	panics := make(chan api.Event, orders)
	nc, err := api.Connect(server.URL(), api.OnEvent(func(e api.Event) {
		if e.Kind == api.HandlerPanicked {
			panics <- e
		}
	}))
	if err != nil {
		return err
	}
	defer nc.Close()
	kept := &books{Stock: stockAtFirst}
	ref, err := nc.Spawn(api.Spec{Name: "inventory", New: func() api.Actor { return &inventory{kept} }})
	if err != nil {
		return err
	}
	for _, subject := range []string{"orders", "books"} {
		if _, err := nc.SubscribeActor(subject, ref); err != nil {
			return err
		}
	}
	for n := range orders {
		o := order{Number: n, Boxes: 2, PerBox: 3, People: 1 + n%2}
		if n == badOrder {
			o.People = 0
		}
		data, _ := json.Marshal(o)
		if err := nc.Publish("orders", data); err != nil {
			return err
		}
	}
	return audit(out, nc, panics)
}

// audit waits until all orders are handled, and checks the books.
func audit(out io.Writer, nc *api.Conn, panics <-chan api.Event) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var b books
	for b.Orders < orders-1 {
		answer, err := nc.RequestWithContext(ctx, "books", nil)
		if err != nil {
			return fmt.Errorf("%d orders handled: %w", b.Orders, err)
		}
		if err := json.Unmarshal(answer.Data, &b); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "%d orders, 1 of them panicked: %v\n%v\n", orders, <-panics, nc.Tree())
	fmt.Fprintf(out, "sold %d + in stock %d = %d, after %d restart\n", b.Sold, b.Stock, b.Sold+b.Stock, b.Restarts)
	if b.Sold+b.Stock != stockAtFirst || b.Sold != 6*(orders-1) || b.Restarts != 1 || len(panics) > 0 {
		return fmt.Errorf("the books do not balance: %+v, %d more panics", b, len(panics))
	}
	return nil
}
