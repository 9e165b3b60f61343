package wire_test

import (
	"bufio"
	"fmt"
	"io"
	"net"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
)

// A rule is added, and meets what passes.
func Example() {
	link := wire.New(plan.Target{}, wire.Options{Seed: 1})
	defer link.Close()
	fault, err := link.Inject(`when op(PING) index(2) rewrite("-ERR 'Stale Connection'\r\n")`)
	if err != nil {
		fmt.Println(err)
		return
	}

	client, outer := net.Pipe()
	inner, server := net.Pipe()
	go link.Relay(outer, inner)
	go io.WriteString(server, "PING\r\nPING\r\nPING\r\n")

	lines := bufio.NewScanner(client)
	for range 3 {
		lines.Scan()
		fmt.Println(lines.Text())
	}
	fmt.Println("hits:", fault.Hits())
	// Output:
	// PING
	// -ERR 'Stale Connection'
	// PING
	// hits: 1
}

// Rules are checked before anything happens.
func ExampleLink_Inject() {
	link := wire.New(plan.Link("client", "s1"), wire.Options{})
	defer link.Close()
	_, err := link.Inject("link(client, s2) blackhole")
	fmt.Println(err)
	// Output:
	// wire: link(client, s1) is not the target of the rule: link(client, s2) blackhole
}

// Admit is called before a connection is made.
func ExampleLink_Admit() {
	link := wire.New(plan.Link("client", "s1"), wire.Options{})
	defer link.Close()
	refuse, _ := link.Inject("refuse")
	fmt.Println(link.Admit())
	refuse.Lift()
	fmt.Println(link.Admit())
	// Output:
	// wire: link(client, s1) refuses the connection, by the rule: refuse
	// <nil>
}
