package faults_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/simnet"
)

// A server is taken away for a moment, and dials to it are refused.
func ExampleStage() {
	server, err := natsserver.Start(natsserver.Options{DontListen: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Shutdown()
	network := simnet.New(simnet.Options{})
	defer network.Close()
	network.Attach("s1", server)
	network.Dialer("client")

	stage := &faults.Stage{Links: network.Links(), Servers: map[string]faults.Server{"s1": server}}
	night, err := plan.Parse("for 20ms server(s1) kill\nlink(client, s1) refuse")
	if err != nil {
		fmt.Println(err)
		return
	}
	run, err := stage.Play(night)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = network.Dialer("client").Dial("tcp", "s1:4222")
	fmt.Println("refused:", err != nil)
	fmt.Println("errors:", run.Wait(context.Background()))
	run.Stop()
	fmt.Println("hits:", run.Hits(), "running:", server.Running())
	// Output:
	// refused: true
	// errors: <nil>
	// hits: [1 1] running: true
}

// A plan that can't be played says so, before anything happens.
func ExampleStage_Play() {
	stage := &faults.Stage{Actors: faults.Actors(actors.NewSystem(nil))}
	_, err := stage.Play(plan.Plan{Rules: []plan.Rule{{Target: plan.Server("s1"), Fault: plan.Fault{Kind: plan.Kill}}}})
	var unknown *plan.UnknownTargetError
	fmt.Println(errors.As(err, &unknown), unknown.Target)
	// Output: true server(s1)
}

// Rules for actors are added before the system has its first connection.
func ExampleActors() {
	system := actors.NewSystem(nil) // for api.System
	sick := faults.Actors(system)
	fault := sick.Panic("reader", 3)
	fmt.Println(fault.Rule(), "-", fault.Hits(), "hits")
	// Output: when index(3) actor(reader) panic - 0 hits
}
