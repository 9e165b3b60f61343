package supervisor

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEventsInWords(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		want  string
		event Event
	}{
		{
			"#7 conn-1/subscriptions/orders: handler panicked (running -> restarting): troupe: handler panicked: boom; restart 2 in 120ms",
			Event{
				Seq: 7, Path: "conn-1/subscriptions/orders", Kind: HandlerPanicked, Before: "running", After: "restarting",
				Cause: &PanicError{Value: "boom", Stack: []byte("secret stack")}, Attempt: 2, Delay: 120 * ms, Directive: Restart,
			},
		},
		{"conn-1/link: failed: EOF; restart 1 at once", Event{Path: "conn-1/link", Kind: ActorFailed, Cause: io.EOF, Attempt: 1, Directive: Restart}},
		{"failed; goes on with the next message", Event{Kind: ActorFailed, Directive: Resume}},
		{"failed (live -> stopped); stopped for good", Event{Kind: ActorFailed, Directive: Stop, Before: "live", After: "stopped"}},
		{"failed; handed to the supervisor above", Event{Kind: ActorFailed, Directive: Escalate}},
		{"failed; ends the process", Event{Kind: ActorFailed, Directive: Crash}},
		{"conn-1: changed state (- -> connecting)", Event{Path: "conn-1", Kind: StateChanged, After: "connecting"}},
		{"connect attempt failed: EOF; attempt 3, next in 1.5s", Event{Kind: ConnectAttemptFailed, Cause: io.EOF, Attempt: 3, Delay: 1500 * ms}},
		{"link restored; attempt 3", Event{Kind: LinkRestored, Attempt: 3}},
		{"link lost; next in 2s", Event{Kind: LinkLost, Delay: 2 * time.Second}},
		{"slow consumer ended, count 12000, 1.5 MiB", Event{Kind: SlowConsumerEnded, Count: 12000, Bytes: 3 << 19}},
		{"EventKind(255)", Event{Kind: 255}},
		{"something happened", Event{}},
	}
	for _, test := range tests {
		if got := test.event.String(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestTheNamesOfEventsAreStable(t *testing.T) {
	want := strings.Fields(`ActorStarted ActorFailed ActorRestarted ActorStopped StateChanged
		LinkLost LinkRestored LinkMoved ConnectAttemptFailed ServersDiscovered LameDuck ServerErrorReported PermissionDenied
		AuthenticationFailed ConnectionClosed
		SlowConsumerBegan SlowConsumerEnded PublishUncertain MessagesDropped
		HandlerPanicked HandlerFailed HandlerBlocked HandlerUnblocked SubscriptionRestored SubscriptionStopped
		CallRetried
		DrainTimedOut EventsDropped`)
	var got []string
	for _, kind := range EventKinds() {
		got = append(got, kind.String())
		if eventKinds[kind].words == "" {
			t.Errorf("%v has no words for humans", kind)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names that others rely on have changed (-want +got):\n%s", diff)
	}
	if got := EventKind(200).String(); got != "EventKind(200)" {
		t.Errorf("an unknown kind is called %q", got)
	}
}

func TestEventsAreOneLineWhateverTheyQuote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		e := Event{
			Path: text.Draw(t, "path"), Kind: EventKind(rapid.Uint8().Draw(t, "kind")), Before: text.Draw(t, "before"),
			After: text.Draw(t, "after"), Cause: errors.New(text.Draw(t, "cause")), Delay: time.Duration(rapid.Int64().Draw(t, "delay")),
		}
		checkLine(t, e.String())
	})
}

func TestEventsShowNoSecrets(t *testing.T) {
	e := Event{Kind: ConnectAttemptFailed, Cause: errors.New(`dial "nats://derek:s3cr3t@demo:4222": no`), Stack: []byte("s3cr3t")}
	if got, want := e.String(), `connect attempt failed: dial "nats://***@demo:4222": no`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestNumbersOfEventsHaveNoGaps(t *testing.T) {
	var s Sequence
	for want := uint64(1); want <= 3; want++ {
		if got := s.Next(); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	}
	s = math.MaxUint64 - 1
	if last, first := s.Next(), s.Next(); last != math.MaxUint64 || first != 1 {
		t.Errorf("the last number is %d and the next %d, want 2^64-1 and 1", last, first)
	}
}
