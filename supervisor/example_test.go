package supervisor_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// noon is when the examples begin; Decide gets the time as an argument.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ExampleDecide() {
	policy := supervisor.Policy{
		Directive: supervisor.Restart,
		Intensity: supervisor.Intensity{Max: 3, Within: 10 * time.Second},
		Exceeded:  supervisor.Stop,
		Backoff:   supervisor.Backoff{Initial: 100 * time.Millisecond, Max: time.Second, Immediate: true},
	}
	failure := supervisor.Failure{
		Path: "conn-1/subscriptions/orders", State: "busy", Rand: 0.5,
		Cause: &supervisor.PanicError{Value: "boom", Message: "orders.new"},
	}

	var history supervisor.History
	for second := range 4 {
		now := noon.Add(time.Duration(second) * time.Second)
		decision := supervisor.Decide(policy, history, failure, now)
		history = decision.History
		fmt.Printf("%-8v after %v\n", decision.Directive, decision.Delay)
		if decision.Exceeded {
			fmt.Println(decision.Event)
		}
	}
	// Output:
	// restart  after 0s
	// restart  after 50ms
	// restart  after 100ms
	// stop     after 0s
	// conn-1/subscriptions/orders: handler panicked (busy -> stopped): troupe: restart limit reached: conn-1/subscriptions/orders: 3 restarts within 10s, the last failure: handler panicked: boom (handling orders.new); stopped for good
}

// A policy may answer each cause in its own way.
func ExamplePolicy() {
	errStreamGone := errors.New("stream not found")
	policy := supervisor.Policy{
		Decide: func(f supervisor.Failure) (supervisor.Directive, bool) {
			return supervisor.Stop, errors.Is(f.Cause, errStreamGone)
		},
	}
	for _, cause := range []error{errors.New("connection reset"), errStreamGone} {
		decision := supervisor.Decide(policy, supervisor.History{}, supervisor.Failure{Cause: cause}, noon)
		fmt.Printf("%v: %v\n", cause, decision.Directive)
	}
	fmt.Println(policy)
	// Output:
	// connection reset: restart
	// stream not found: stop
	// restart unless decided otherwise; first at once, then wait up to 50ms, times 2, at most 10s
}

func ExampleBackoff_Delay() {
	backoff := supervisor.Backoff{Initial: 100 * time.Millisecond, Max: 2 * time.Second, Factor: 2, Immediate: true}
	for attempt := 1; attempt <= 7; attempt++ {
		fmt.Printf("attempt %d waits for %v of at most %v\n", attempt, backoff.Delay(attempt, 0.25), backoff.Ceiling(attempt))
	}
	// Output:
	// attempt 1 waits for 0s of at most 0s
	// attempt 2 waits for 25ms of at most 100ms
	// attempt 3 waits for 50ms of at most 200ms
	// attempt 4 waits for 100ms of at most 400ms
	// attempt 5 waits for 200ms of at most 800ms
	// attempt 6 waits for 400ms of at most 1.6s
	// attempt 7 waits for 500ms of at most 2s
}

func ExampleDialLimiter_Reserve() {
	limiter := supervisor.NewDialLimiter(supervisor.Config{Rate: 10, Burst: 2})
	for range 4 {
		fmt.Println(limiter.Reserve(noon))
	}
	// Output:
	// 0s
	// 0s
	// 100ms
	// 200ms
}

func ExampleAffected() {
	link := []string{"reader", "writer", "heartbeat"}
	for _, i := range supervisor.Affected(supervisor.RestForOne, link, 1) {
		fmt.Println("restart", link[i])
	}
	// Output:
	// restart writer
	// restart heartbeat
}

func ExampleNode_String() {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	tree := supervisor.Node{
		Name: "conn-1", State: "connected", Since: ago(12 * time.Second), Taken: noon,
		Children: []supervisor.Node{
			{
				Name: "link", State: "live", Since: ago(3 * time.Second), Restarts: 2,
				Children: []supervisor.Node{
					{Name: "reader", State: "live", Since: ago(3 * time.Second)},
					{Name: "writer", State: "live", Since: ago(3 * time.Second)},
				},
			},
			{
				Name: "subscriptions", State: "running", Since: ago(12 * time.Second),
				Children: []supervisor.Node{{
					Name: "orders", State: "busy", Since: ago(1200 * time.Millisecond), Level: supervisor.Degraded,
					MailboxMsgs: 17, MailboxBytes: 2150, Reason: "slow consumer",
				}},
			},
		},
	}
	fmt.Print(tree)
	// Output:
	// conn-1             connected  12s
	// ├── link           live       3s    restarts 2
	// │   ├── reader     live       3s
	// │   └── writer     live       3s
	// └── subscriptions  running    12s
	//     └── orders     busy       1.2s  degraded  mailbox 17 (2.1 KiB)  slow consumer
}

func ExampleHealth() {
	tree := supervisor.Node{
		Path: "conn-1", State: "connected",
		Children: []supervisor.Node{
			{Path: "conn-1/link", State: "live"},
			{Path: "conn-1/orders", State: "stopped", Level: supervisor.Down, Reason: "restart limit reached"},
		},
	}
	err := supervisor.Health(tree)
	fmt.Println(err)
	fmt.Println(errors.Is(err, supervisor.ErrUnhealthy))
	// Output:
	// troupe: unhealthy: conn-1/orders is stopped (restart limit reached)
	// true
}
