package supervisor

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestPoliciesThatCannotBeMeant(t *testing.T) {
	tests := []struct {
		field  string
		policy Policy
	}{
		{"Directive", Policy{Directive: 9}},
		{"Exceeded", Policy{Exceeded: 9}},
		{"Exceeded", Policy{Exceeded: Restart}},
		{"Scope", Policy{Scope: 9}},
		{"Intensity.Max", Policy{Intensity: Intensity{Max: -1}}},
		{"Intensity.Within", Policy{Intensity: Intensity{Within: -1}}},
		{"Backoff.Max", Policy{Backoff: Backoff{Max: -1}}},
		{"Backoff.Initial", Policy{Backoff: Backoff{Initial: time.Hour, Max: time.Second}}},
		{"Backoff.Factor", Policy{Backoff: Backoff{Factor: 0.5}}},
		{"Backoff.Factor", Policy{Backoff: Backoff{Factor: -2}}},
		{"Backoff.Factor", Policy{Backoff: Backoff{Factor: math.NaN()}}},
		{"Backoff.Factor", Policy{Backoff: Backoff{Factor: math.Inf(1)}}},
	}
	for _, test := range tests {
		err := test.policy.Validate()
		found, ok := errors.AsType[*PolicyError](err)
		if !ok || found.Field != test.field || !errors.Is(err, ErrBadPolicy) {
			t.Errorf("%+v: got %v, want a complaint about %s", test.policy, err, test.field)
		}
	}
}

func TestPoliciesThatCanBeMeant(t *testing.T) {
	for _, p := range []Policy{
		{},
		{Directive: Crash, Exceeded: Crash, Scope: RestForOne},
		{Intensity: Intensity{Max: 60}, StableAfter: -1, Backoff: Backoff{Initial: NoDelay}},
		{Backoff: Backoff{Initial: time.Second, Max: time.Second, Factor: 1, Immediate: true}},
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestPoliciesInWords(t *testing.T) {
	own := func(Failure) (Directive, bool) { panic("String asks nobody") }
	tests := []struct {
		want   string
		policy Policy
	}{
		{"restart; first at once, then wait up to 50ms, times 2, at most 10s", Policy{}},
		{
			"restart, at most 3 restarts within 1m0s, then escalate; no delay; rest-for-one",
			Policy{Intensity: Intensity{Max: 3, Within: time.Minute}, Exceeded: Escalate, Backoff: Backoff{Initial: NoDelay}, Scope: RestForOne},
		},
		{
			"stop unless decided otherwise, at most 60 restarts in a row, then stop; wait up to 1s, times 1.5, at most 30s",
			Policy{Directive: Stop, Decide: own, Intensity: Intensity{Max: 60}, Backoff: Backoff{Initial: time.Second, Max: 30 * time.Second, Factor: 1.5}},
		},
	}
	for _, test := range tests {
		if got := test.policy.String(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
	if got, want := (Intensity{}).String(), "any number of restarts"; got != want {
		t.Errorf("no limit reads %q, want %q", got, want)
	}
}
