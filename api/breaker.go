package api

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/supervisor"
)

// BreakerPolicy says when a Breaker stops making calls (Failures in a row, or a Rate of
// failures among at least Calls within Window), for how long (Open), how it tests whether
// they work again (Probes), and which of the program's own errors count (Failure). The zero
// BreakerPolicy opens after five failures in a row, or when half of at least twenty calls
// within ten seconds have failed. It stays open for 2.5 to 5 s at first and up to a minute
// later, and then lets one call through. A BreakerPolicy is a value and may be shared.
type BreakerPolicy = supervisor.BreakerPolicy

// BreakerState is the state of a Breaker.
type BreakerState = supervisor.BreakerState

// The states of a Breaker.
const (
	// BreakerClosed: calls are made.
	BreakerClosed = supervisor.BreakerClosed
	// BreakerOpen: no calls are made.
	BreakerOpen = supervisor.BreakerOpen
	// BreakerHalfOpen: a few calls are made as probes; their results close or open the breaker.
	BreakerHalfOpen = supervisor.BreakerHalfOpen
)

// BreakerOutcome is what the result of a call says about what was called; BreakerPolicy.Outcome
// returns it.
type BreakerOutcome = supervisor.BreakerOutcome

// The outcomes of a call.
const (
	// BreakerSuccess: what was called works.
	BreakerSuccess = supervisor.BreakerSuccess
	// BreakerFailure: it does not work.
	BreakerFailure = supervisor.BreakerFailure
	// BreakerExcluded: the call says nothing about it.
	BreakerExcluded = supervisor.BreakerExcluded
	// BreakerAnswered: it refused the call with a reason, such as that something was not found.
	// A probe succeeds; a closed breaker does not count it.
	BreakerAnswered = supervisor.BreakerAnswered
)

// BreakerTally is what a closed breaker has counted: the failures InARow, and within the
// window all Calls that count and the Failed ones. BreakerPolicy.Trips reports whether it
// opens the breaker.
type BreakerTally = supervisor.BreakerTally

// Breaker is a circuit breaker. When calls to something fail repeatedly, it refuses further
// calls for a while, so that callers do not wait for calls that would fail, and whatever is
// failing can recover. It is created by Breakers.For and is safe for concurrent use.
//
//	        failures                    it was open long enough, and
//	closed ──────────► open ──────────────────────────────────────────► half-open
//	  ▲                 ▲                a call arrives: a probe           │   │
//	  │                 └──────────────── a probe fails ───────────────────┘   │
//	  └──────────────────────────── all Probes succeed ─────────────────────────┘
//
// Failures are timeouts, no responders, full buffers and limits, server errors, and all
// unknown errors, as well as a panic, which propagates, and the end of the goroutine. Errors
// caused by the caller or by the connection do not count: invalid arguments, a cancelled
// context, refused credentials or subjects, a lost link. The answer that something was not
// found or has changed is not a failure either, and makes a probe succeed.
// BreakerPolicy.Failure can decide otherwise. A call that began before a change of state does
// not affect the new state.
type Breaker struct {
	name   string
	policy BreakerPolicy

	calls, failures, excluded, rejected, opened atomic.Uint64

	// mu orders everything below, and is held around every call of the library's. Its own
	// mutex is therefore free, and its hooks run under mu.
	mu     sync.Mutex
	lib    *gobreaker.TwoStepCircuitBreaker[struct{}]
	state  BreakerState
	reason string
	last   error // the last failure that counted
	inARow int   // failures since the last success; the library forgets those outside the window
	trips  int   // openings since it was last closed

	failing error     // the failure that is being counted
	until   time.Time // open: when the next call is allowed; half-open: when the probe is given up
	probe   *pass     // half-open: the latest call that was let through

	stage  *ActorContext     // shows the state; nil until the actor has started
	unseen []breakerStanding // states to show once it has, oldest first; at most unseenMax
}

// unseenMax bounds the changes that a breaker keeps until its actor has started.
const unseenMax = 16

// pass is a call that was let through.
type pass struct {
	done  func(error) // reports to the library, which ignores it after a change of state
	probe bool
}

// What is reported to the library in place of the error.
var (
	errCounts   error = kind.New("counts as a failure").In(kind.Unknown)
	errExcluded error = kind.New("does not count").In(kind.Unknown)
)

// windowParts is how many parts a window has; the oldest part is forgotten as a whole.
const windowParts = 10

// newBreaker creates a closed breaker from a valid policy. The library counts calls within
// the window, limits the calls of a half-open breaker, and ignores results from before a
// change of state. How long the breaker stays open is decided here, because the library has
// only one duration for every opening.
func newBreaker(name string, policy BreakerPolicy) *Breaker {
	b := &Breaker{name: name, policy: policy, unseen: make([]breakerStanding, 1)}
	window := policy.WindowOrDefault()
	b.lib = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   uint32(policy.ProbesOrDefault()),
		Interval:      window,
		BucketPeriod:  max(window/windowParts, 1),
		Timeout:       1, // half-open as soon as we ask; we ask only when the time has come
		ReadyToTrip:   b.onFailure,
		OnStateChange: b.onStateChange,
		IsSuccessful:  b.isSuccess,
		IsExcluded:    func(err error) bool { return err == errExcluded },
	})
	return b
}

// Name returns the name that was given to Breakers.For.
func (b *Breaker) Name() string {
	if b == nil {
		return ""
	}
	return b.name
}

// State returns the state. An open breaker stays open until a call arrives after its time is up.
func (b *Breaker) State() BreakerState {
	if b == nil {
		return BreakerClosed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// Guard puts a call behind a breaker. The function that it returns makes the call, unless the
// breaker is open: then it fails at once with a *CircuitOpenError.
//
//	price := api.Guard(breakers.For("price"), func(ctx context.Context) (*api.Msg, error) { … })
//	m, err := price(ctx)                                                    // guarded
//	m, err := api.Retry(ctx, nc, api.RetryPolicy{Idempotent: true}, price)  // guarded, and tried again
//
// With Retry outside, as here, each attempt asks the breaker. RetryPolicy.AttemptTimeout
// bounds the call alone, because a breaker never waits.
//
// Errors of the returned function: those of the call; a *CircuitOpenError; ErrTimeout or
// context.Canceled if ctx has ended before the call; ErrInvalidArg for a nil breaker;
// ErrInvalidCallback for a nil call.
func Guard[T any](b *Breaker, call func(context.Context) (T, error)) func(context.Context) (T, error) {
	return func(ctx context.Context) (result T, err error) {
		if call == nil {
			return result, &InvalidCallbackError{Where: "Guard"}
		}
		if b == nil {
			return result, badArg("Guard", "got no breaker")
		}
		if ctx != nil && ctx.Err() != nil {
			return result, actors.Interrupted(ctx, "call", b.name, time.Now())
		}
		p, err := b.admit()
		if err != nil {
			return result, err
		}
		returned := false
		defer func() {
			if !returned { // a panic or runtime.Goexit, which continues
				b.settle(p, ErrHandlerFailed)
			}
		}()
		result, err = call(ctx)
		returned = true
		b.settle(p, err)
		return result, err
	}
}

// Do is Guard for a call that returns only an error, and makes the call.
func (b *Breaker) Do(ctx context.Context, call func(context.Context) error) error {
	if call == nil {
		return &InvalidCallbackError{Where: "Do"}
	}
	_, err := Guard(b, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })(ctx)
	return err
}

// admit lets a call through, or returns why not.
func (b *Breaker) admit() (pass, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.state == BreakerOpen && now.Before(b.until) {
		return pass{}, b.reject(b.until.Sub(now))
	}
	done, err := b.lib.Allow()
	if err != nil {
		if b.probe != nil && !now.Before(b.until) {
			b.lapse()
		}
		return pass{}, b.reject(max(b.until.Sub(now), 0))
	}
	b.calls.Add(1)
	p := pass{done: done, probe: b.state != BreakerClosed}
	if p.probe {
		b.probe, b.until = &p, now.Add(b.policy.OpenFor(b.trips, rand.Float64()))
	}
	if b.state == BreakerOpen {
		b.become(BreakerHalfOpen, "a call tests whether it works again")
	}
	return p, nil
}

// reject returns the error of a call that is refused. If only the probe's result has to be
// awaited, the error asks for a short pause.
func (b *Breaker) reject(after time.Duration) error {
	b.rejected.Add(1)
	if b.state == BreakerHalfOpen {
		after = min(after, supervisor.RetryPause)
	}
	return &CircuitOpenError{Name: b.name, State: b.state, RetryAfter: after, LastErr: b.last}
}

// lapse gives up a probe that has not returned for as long as the breaker would have stayed
// open. Otherwise a probe that hangs would keep all calls out.
func (b *Breaker) lapse() {
	b.failing = ErrTimeout
	b.failures.Add(1)
	b.probe.done(errCounts)
}

// settle counts the result of a call that was let through.
func (b *Breaker) settle(p pass, err error) {
	outcome := b.policy.Outcome(err)
	b.mu.Lock()
	defer b.mu.Unlock()
	if outcome == supervisor.BreakerAnswered {
		outcome = supervisor.BreakerExcluded
		if p.probe {
			outcome = supervisor.BreakerSuccess
		}
	}
	switch outcome {
	case supervisor.BreakerFailure:
		b.failures.Add(1)
		b.failing = err
		p.done(errCounts)
	case supervisor.BreakerExcluded:
		b.excluded.Add(1)
		p.done(errExcluded)
	default:
		p.done(nil)
	}
}

// isSuccess is called by the library for each result that counts.
func (b *Breaker) isSuccess(err error) bool {
	if err == nil {
		b.inARow = 0
		return true
	}
	b.last = b.failing
	return false
}

// onFailure is called by the library after each failure, and reports whether to open the
// closed breaker.
func (b *Breaker) onFailure(counts gobreaker.Counts) bool {
	b.inARow++
	why, opens := b.policy.Trips(supervisor.BreakerTally{InARow: b.inARow,
		Calls: int(counts.TotalSuccesses + counts.TotalFailures), Failed: int(counts.TotalFailures)})
	if opens {
		b.reason = why
	}
	return opens
}

// onStateChange follows the library. Its change to half-open is ignored: see Timeout above.
func (b *Breaker) onStateChange(_ string, from, to gobreaker.State) {
	b.probe = nil
	switch to {
	case gobreaker.StateOpen:
		why := b.reason
		if from == gobreaker.StateHalfOpen {
			why = "it does not work yet"
		}
		b.trips++
		b.opened.Add(1)
		d := b.policy.OpenFor(b.trips, rand.Float64())
		b.until = time.Now().Add(d)
		b.become(BreakerOpen, why+", the last: "+b.failing.Error()+"; for "+d.Round(time.Millisecond).String())
		time.AfterFunc(d, b.onDue)
	case gobreaker.StateClosed:
		b.trips = 0
		b.become(BreakerClosed, "it works again")
	}
}

// onDue shows that the next call will be let through, even if none arrives for a while.
func (b *Breaker) onDue() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == BreakerOpen && !time.Now().Before(b.until) {
		b.show()
	}
}

// standing returns what to show.
func (b *Breaker) standing() breakerStanding {
	s := breakerStanding{state: b.state, reason: b.reason}
	if b.state == BreakerOpen && !time.Now().Before(b.until) {
		s.due, s.reason = true, s.reason+"; the next call tests whether it works again"
	}
	return s
}

// become changes the state and shows it.
func (b *Breaker) become(s BreakerState, why string) {
	b.state, b.reason = s, why
	b.show()
}

// show shows the state, or keeps it until the actor has started.
func (b *Breaker) show() {
	now := b.standing()
	if b.stage != nil {
		now.show(b.stage)
		return
	}
	if len(b.unseen) == unseenMax {
		b.unseen = slices.Delete(b.unseen, 0, 1)
	}
	b.unseen = append(b.unseen, now)
}

// showIn shows the unseen states in an actor, and all later ones.
func (b *Breaker) showIn(stage *ActorContext) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stage != nil {
		b.unseen = append(b.unseen, b.standing())
	}
	for _, s := range b.unseen {
		s.show(stage)
	}
	b.stage, b.unseen = stage, nil
}

func (b *Breaker) progress() []Counter {
	return []Counter{
		{Name: "calls", Value: b.calls.Load()},
		{Name: "failures", Value: b.failures.Load()},
		{Name: "excluded", Value: b.excluded.Load()},
		{Name: "rejected", Value: b.rejected.Load()},
		{Name: "opened", Value: b.opened.Load()},
	}
}
