package plan_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/protocol"
)

func ExampleParse() {
	p, err := plan.Parse(`
		# the second server can't be reached for a while
		at 12s for 3s link(client, s2) blackhole(out)
		when conn(2) op(HMSG) link(client, *) reset
	`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(p)
	// Output:
	// at 12s for 3s link(client, s2) blackhole(out)
	// when op(HMSG) conn(2) link(client, *) reset
}

func ExampleParse_errors() {
	for _, text := range []string{"at 5 reset", "for 3s reset", "when op(PUB) drop(in)"} {
		_, err := plan.Parse(text)
		fmt.Println(err)
	}
	// Output:
	// plan: line 1, column 4: found "5", want a duration such as 1.5s, up to 876000h
	// plan: line 1: for is 3s, want none: reset has no length, in: for 3s reset
	// plan: line 1: direction is in, want out, or none: PUB passes no other way, in: when op(PUB) drop(in)
}

func ExampleRule() {
	r := plan.Rule{
		Target: plan.Link("client", "s1"),
		For:    3 * time.Second,
		When:   plan.When{Op: protocol.OpMsg, Subject: "orders.>", Every: 10},
		Fault:  plan.Fault{Kind: plan.Delay, Duration: 200 * time.Millisecond},
	}
	fmt.Println(r, r.Check())
	// Output: for 3s when op(MSG) subject("orders.>") every(10) link(client, s1) delay(200ms) <nil>
}

func ExamplePlan_CheckTargets() {
	p, _ := plan.Parse("for 5s server(s2) kill")
	fmt.Println(p.CheckTargets(plan.Known{Servers: []string{"s1"}}))
	// Output: plan: no server(s2) in: for 5s server(s2) kill; known: server(s1)
}

// A run with many faults failed. Which of them does it take?
func ExampleShrink() {
	p, _ := plan.Parse(`
		at 1s for 10s link(client, s1) latency(400ms, 80ms)
		at 8s for 2s server(s1) kill
		at 9s when op(PUB) index(40) link(client, s1) reset
		at 12s for 5s server(s2) pause
	`)
	failing := func(p plan.Plan) bool { // here one would play p
		return strings.Contains(p.String(), "kill") && strings.Contains(p.String(), "op(PUB)")
	}
	fmt.Print(plan.Shrink(p, failing))
	// Output:
	// for 1ms server(s1) kill
	// when op(PUB) link(client, s1) reset
}
