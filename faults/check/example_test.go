package check_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/faults/check"
)

// clock returns a fixed time, so that the examples always print the same. Tests pass
// time.Now.
func clock() time.Time { return time.Unix(0, 0) }

// A client loses one message of three, and delivers another one twice.
func Example() {
	h := check.New(clock, check.Options{})
	shop := h.Publisher("shop", "orders")
	till := h.Subscription("till", "orders", check.AtMostOnce)

	for i := range 3 {
		o := shop.Publish(time.Second)
		payload := o.Payload(64) // goes into the message
		o.Accepted()             // the call that publishes it returned nil
		if i == 0 {
			continue
		}
		till.Delivered(payload) // first thing in the handler
		if i == 2 {
			till.Delivered(payload)
		}
	}

	if err := h.Check(); errors.Is(err, check.ErrBrokeAtMostOnceCore) {
		fmt.Println(err)
	}
	fmt.Println(h.Report().Outcomes)
	// Output:
	// check: AtMostOnceCore (G6) is broken, count 1: shop-2 was delivered more than once
	// map[ok:1 uncertain:1 duplicated:1]
}

// The second path shows who lost it: the first value is still in the stream, the second
// never reached it.
func ExampleWitness() {
	h := check.New(clock, check.Options{})
	shop := h.Publisher("shop", "orders")
	h.Subscription("till", "orders", check.AtLeastOnce)

	first, second := shop.Publish(0), shop.Publish(0)
	first.Acked(1)
	second.Acked(2)

	stream := h.Witness("stream", "orders") // read by another client
	stream.Saw(first.Payload(64), 1)

	fmt.Println(check.AtLeastOnceJS(h))
	fmt.Println(check.AckedKept(h))

	stream.Acknowledged(2) // a proxy saw the server's ack pass
	fmt.Println(check.AckedKept(h), h.Report().Lost)
	// Output:
	// check: AtLeastOnceJS (G7) is broken, count 1: shop-0 was never delivered to till (the client's)
	// check: AckedKept (G1) is broken, count 1: shop-1 was acked at 2, and is not present
	// <nil> map[the client's:1 the server's:1]
}

// A flush that returns without an error confirms what was accepted before it.
func ExamplePublisher_Flush() {
	h := check.New(clock, check.Options{})
	shop := h.Publisher("shop", "orders")
	h.Witness("observer", "orders") // it sees nothing

	shop.Publish(0).Accepted()
	f := shop.Flush()
	f.Confirmed()
	fmt.Println(check.AckedKept(h))

	shop.Uncertain(1) // the client itself says that one may be lost
	fmt.Println(check.AckedKept(h))
	// Output:
	// check: AckedKept (G1) is broken, count 1: shop-0 was confirmed, and is not present
	// <nil>
}

// A run with too little evidence is void, which does not mean that it passed.
func ExampleVoid() {
	h := check.New(clock, check.Options{Minimum: 1000})
	h.Publisher("shop", "orders").Publish(0).Acked(1)

	err := check.OneOutcome(h)
	fmt.Println(errors.Is(err, check.ErrVoid), err)
	// Output:
	// true check: OneOutcome (G2) is void: 1 of at least 1000 calls
}

// Two runs of one seed have to write the same log.
func ExampleHistory_Replays() {
	run := func(log ...string) *check.History {
		h := check.New(clock, check.Options{})
		for _, line := range log {
			h.Log(line)
		}
		return h
	}
	first := run("connected", "lost", "connected")
	again := run("connected", "closed")
	again.Replays(first.Trace())
	fmt.Println(check.Replay(again))
	// Output:
	// check: Replay (G15) is broken, count 1: the runs differ after line 1, at line 2 at the latest; hash 5c95fa70fe8f1010, want cd0bed2d3d793f29
}

// A publisher tries for two seconds, and a healthy server is there all the time.
func ExampleHistory_Healed() {
	at := time.Unix(0, 0)
	h := check.New(func() time.Time { return at }, check.Options{Recovery: time.Second})
	shop := h.Publisher("shop", "orders")

	h.Healed()
	o := shop.Publish(0)
	at = at.Add(2 * time.Second)
	o.Unknown(errors.New("no answer"))
	fmt.Println(check.NoStall(h))
	// Output:
	// check: NoStall (G8) is broken, count 1: shop made no progress for 2s
}

func ExampleReport() {
	h := check.New(clock, check.Options{})
	shop, till := h.Publisher("shop", "orders"), h.Subscription("till", "orders", check.AtMostOnce)
	for range 3 {
		o := shop.Publish(0)
		o.Accepted()
		till.Delivered(o.Payload(64))
	}
	r := h.Report()
	fmt.Println(r.Guarantees[check.G6-1])
	fmt.Println(r.Readers[0].Meant, "meant,", r.Readers[0].Missed, "missed")
	// Output:
	// G6 AtMostOnceCore: held
	// 3 meant, 0 missed
}
