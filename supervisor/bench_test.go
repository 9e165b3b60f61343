package supervisor

import (
	"strconv"
	"testing"
	"time"
)

// benchDecide measures decisions about a failure every millisecond.
func benchDecide(b *testing.B, p Policy, cause error) {
	b.ReportAllocs()
	f := Failure{Path: "conn-1/link", Kind: "link", State: "live", Cause: cause, Rand: 0.5}
	var h History
	now := epoch
	for b.Loop() {
		now = now.Add(time.Millisecond)
		h = Decide(p, h, f, now).History
	}
}

func BenchmarkDecideRestart(b *testing.B) {
	benchDecide(b, Policy{}, errTest)
}

func BenchmarkDecideRestartInWindow(b *testing.B) {
	benchDecide(b, Policy{Intensity: Intensity{Max: 32, Within: 30 * time.Millisecond}}, errTest)
}

func BenchmarkDecideResumePanic(b *testing.B) {
	benchDecide(b, Policy{Directive: Resume}, &PanicError{Value: "boom"})
}

func BenchmarkDecideExceeded(b *testing.B) {
	benchDecide(b, Policy{Intensity: Intensity{Max: 1, Within: time.Hour}}, errTest)
}

func BenchmarkBackoffDelay(b *testing.B) {
	backoff := Backoff{Initial: time.Millisecond, Max: time.Minute}
	for attempt := 0; b.Loop(); attempt++ {
		backoff.Delay(attempt&31, 0.5)
	}
}

func BenchmarkReserve(b *testing.B) {
	limiter := NewDialLimiter(Config{})
	now := epoch
	for b.Loop() {
		now = now.Add(time.Millisecond)
		limiter.Reserve(now)
	}
}

func BenchmarkEventString(b *testing.B) {
	b.ReportAllocs()
	e := Decide(Policy{}, History{}, Failure{Path: "conn-1/link", State: "live", Cause: errTest}, epoch).Event
	for b.Loop() {
		_ = e.String()
	}
}

// wideTree is a connection with n subscriptions.
func wideTree(n int) Node {
	root := Node{Name: "conn-1", State: "connected", Since: epoch, Taken: epoch.Add(time.Second)}
	for i := range n {
		root.Children = append(root.Children, Node{Name: "orders." + strconv.Itoa(i), State: "idle", Since: epoch})
	}
	return root
}

func BenchmarkHealthOf10000(b *testing.B) {
	b.ReportAllocs()
	root := wideTree(10_000)
	for b.Loop() {
		if Health(root) != nil {
			b.Fatal("something is not well")
		}
	}
}

func BenchmarkPictureOf10000(b *testing.B) {
	b.ReportAllocs()
	root := wideTree(10_000)
	for b.Loop() {
		_ = root.String()
	}
}
