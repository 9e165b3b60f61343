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

// BreakerPolicy says when calls are not made any more (Failures in a row, or Rate of at least
// Calls within Window), for how long (Open), how it is found out whether they work again
// (Probes), and which errors of one's own are Failures. The zero BreakerPolicy opens after five
// failures in a row, or when half of at least twenty calls within ten seconds have failed, for 2.5 to
// 5 s at first and up to a minute, and lets one call through then. It is a value, and may be shared.
type BreakerPolicy = supervisor.BreakerPolicy

// BreakerState is the state of a Breaker.
type BreakerState = supervisor.BreakerState

// The states of a Breaker.
const (
	// BreakerClosed: calls are made.
	BreakerClosed = supervisor.BreakerClosed
	// BreakerOpen: no calls are made.
	BreakerOpen = supervisor.BreakerOpen
	// BreakerHalfOpen: a few calls are made, and decide what comes next.
	BreakerHalfOpen = supervisor.BreakerHalfOpen
)

// Breaker is a circuit breaker: when calls of one thing fail again and again, it makes no more
// of them for a while, so that callers need not wait for what will fail, and what is in trouble
// is left in peace. It is made by Breakers.For, and safe for concurrent use.
//
//	        failures                    it was open for long enough,
//	closed ──────────► open ──────────────────────────────────────────► half-open
//	  ▲                 ▲                and a call comes: a probe         │   │
//	  │                 └──────────────── a probe fails ───────────────────┘   │
//	  └──────────────────────────── Probes of them succeed ────────────────────┘
//
// What counts as a failure: a timeout, no responders, what is full, trouble of the server's,
// and every error that is unknown; a panic, which goes on, and the end of the goroutine. What has its
// reason with the caller or the connection does not count: bad input, a cancelled context, refused credentials
// or subjects, a lost link. That something was not found, or has changed, is no failure either, and
// makes a probe succeed. BreakerPolicy.Failure may say otherwise. A call that began before a change of
// state says nothing about the new one.
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
	inARow int   // failures since the last success; the library's count forgets those out of the window
	trips  int   // openings since it was last closed

	failing error     // the failure that is being counted
	until   time.Time // open: when the next call may come; half-open: when the probe is given up
	probe   *pass     // half-open: the latest that was let through

	stage  *ActorContext     // where the state is shown; nil before there is a place
	unseen []breakerStanding // what was to be shown before, oldest first; at most unseenMax
}

// unseenMax bounds the changes that a breaker keeps for an actor that has not begun.
const unseenMax = 16

// pass is a call that was let through.
type pass struct {
	done  func(error) // tells the library, which ignores it after a change of state
	probe bool
}

// What the library is told in the place of errors.
var (
	errCounts   error = kind.New("counts as a failure").In(kind.Unknown)
	errExcluded error = kind.New("does not count").In(kind.Unknown)
)

// windowParts is how many parts a window has: the oldest is forgotten at once.
const windowParts = 10

// newBreaker makes a closed breaker of a valid policy. The library counts calls within the
// window, lets so many through when half-open, and ignores results that come after a change of state.
// For how long the breaker is open is decided here: the library knows one time for all.
func newBreaker(name string, policy BreakerPolicy) *Breaker {
	b := &Breaker{name: name, policy: policy, unseen: make([]breakerStanding, 1)}
	window := policy.WindowOrDefault()
	b.lib = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   uint32(policy.ProbesOrDefault()),
		Interval:      window,
		BucketPeriod:  max(window/windowParts, 1),
		Timeout:       1, // half-open whenever we ask, and we ask when it is time
		ReadyToTrip:   b.onFailure,
		OnStateChange: b.onStateChange,
		IsSuccessful:  b.isSuccess,
		IsExcluded:    func(err error) bool { return err == errExcluded },
	})
	return b
}

// Name returns what the breaker was made for.
func (b *Breaker) Name() string {
	if b == nil {
		return ""
	}
	return b.name
}

// State returns the state. A breaker is open until a call comes after its time.
func (b *Breaker) State() BreakerState {
	if b == nil {
		return BreakerClosed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// Guard puts a call behind a breaker: what it returns makes the call unless the breaker is
// open, and then fails at once with a *CircuitOpenError.
//
//	price := api.Guard(breakers.For("price"), func(ctx context.Context) (*api.Msg, error) { … })
//	m, err := price(ctx)                                                    // guarded
//	m, err := api.Retry(ctx, nc, api.RetryPolicy{Idempotent: true}, price)  // guarded, and tried again
//
// So a retry is outside and each attempt asks the breaker; RetryPolicy.AttemptTimeout bounds the call
// itself, as the breaker never waits. With a context that has ended no call is made: an
// ErrTimeout, or a context.Canceled. A nil breaker is an ErrInvalidArg, a nil call an ErrInvalidCallback, when
// it is to be made.
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
			if !returned { // a panic, or the end of the goroutine, goes on
				b.settle(p, ErrHandlerFailed)
			}
		}()
		result, err = call(ctx)
		returned = true
		b.settle(p, err)
		return result, err
	}
}

// Do makes a call that returns nothing but an error, as Guard does.
func (b *Breaker) Do(ctx context.Context, call func(context.Context) error) error {
	if call == nil {
		return &InvalidCallbackError{Where: "Do"}
	}
	_, err := Guard(b, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })(ctx)
	return err
}

// admit lets a call through, or says why not.
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
		b.become(BreakerHalfOpen, "a call tries whether it works again")
	}
	return p, nil
}

// reject returns the error of a call that is not made. With nothing to wait for but a probe
// it asks for a short pause.
func (b *Breaker) reject(after time.Duration) error {
	b.rejected.Add(1)
	if b.state == BreakerHalfOpen {
		after = min(after, supervisor.RetryPause)
	}
	return &CircuitOpenError{Name: b.name, State: b.state, RetryAfter: after, LastErr: b.last}
}

// lapse gives up a probe that has not returned for as long as the breaker would have been open:
// nobody would be let through until it does.
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

// isSuccess is asked about each result that counts.
func (b *Breaker) isSuccess(err error) bool {
	if err == nil {
		b.inARow = 0
		return true
	}
	b.last = b.failing
	return false
}

// onFailure is asked after each failure of the closed breaker whether to open it.
func (b *Breaker) onFailure(counts gobreaker.Counts) bool {
	b.inARow++
	why, opens := b.policy.Trips(supervisor.BreakerTally{InARow: b.inARow,
		Calls: int(counts.TotalSuccesses + counts.TotalFailures), Failed: int(counts.TotalFailures)})
	if opens {
		b.reason = why
	}
	return opens
}

// onStateChange follows the library. That it is ready for a probe says nothing: it always is.
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

// onDue shows that calls are refused no more, however long it takes until one comes.
func (b *Breaker) onDue() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == BreakerOpen && !time.Now().Before(b.until) {
		b.show()
	}
}

// standing returns what there is to be shown.
func (b *Breaker) standing() breakerStanding {
	s := breakerStanding{state: b.state, reason: b.reason}
	if b.state == BreakerOpen && !time.Now().Before(b.until) {
		s.due, s.reason = true, s.reason+"; the next call tries whether it works again"
	}
	return s
}

// become changes the state and shows it.
func (b *Breaker) become(s BreakerState, why string) {
	b.state, b.reason = s, why
	b.show()
}

// show shows how it stands, later if there is no place yet.
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

// showIn shows the state in an actor from here on, and what it has not seen.
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
