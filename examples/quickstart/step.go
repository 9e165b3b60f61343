package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stepMax bounds one step. The whole program takes a few seconds, so a step that needs
// this long hangs; the longest one waits for three servers to elect a leader.
const stepMax = time.Minute

// graceMax is how long a step whose time is up has to report what it waited for.
const graceMax = time.Second

// step is one demonstration.
type step struct {
	name string
	// run does it and checks every count. It gives up when ctx is done.
	run func(ctx context.Context, s *stage) (shown, error)
}

// shown is the result of a step.
type shown struct {
	line string   // the result, in one line
	more []string // below it
	tree string   // a picture to follow, if any
	over string   // the words above the picture
	omit bool     // the step was left out, and line says why
}

// steps returns the programme. Without an outage, one tree is enough.
func (s *stage) steps() []step {
	all := []step{
		{"server", showServer},
		{"publish/subscribe", showPublishing},
		{"queue group", showQueueGroup},
		{"request/reply", showRequests},
		{"no responders", showNoResponders},
		{"panic", showPanic},
		{"slow subscriber", showSlowSubscriber},
		{"actors", showTree("The actors of this connection, as nc.Tree() draws them:")},
		{"server killed", showOutage},
	}
	if s.server != nil {
		all = append(all, step{"actors", showTree("The same actors now: the link was restarted until there was a server, the others went on.")})
	}
	return append(all, step{"service", showService}, step{"stream", showStream}, step{"leader killed", showLeader},
		step{"key-value watch", showWatch}, step{"object", showObject})
}

// show runs the steps until one fails.
func (s *stage) show(all []step, limit time.Duration) error {
	for _, step := range all {
		s.screen.begin(step.name)
		var result shown
		err := within(limit, func(ctx context.Context) (err error) {
			result, err = step.run(ctx, s)
			return err
		})
		if err != nil {
			s.screen.broken(step.name)
			return fmt.Errorf("%s: %w", step.name, err)
		}
		s.screen.done(step.name, result)
	}
	return nil
}

// errHung is for a step that ignored that its time was up.
var errHung = errors.New("did not return")

// within runs f for at most limit. f must return when its context is done; if it does
// not, it is abandoned, which is fine for a program that is about to exit.
func within(limit time.Duration, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	last := time.NewTimer(limit + graceMax)
	defer last.Stop()
	var err error
	select {
	case err = <-ended:
	case <-last.C:
		err = errHung
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("not finished after %v: %w", limit, err)
	}
	return err
}

// await waits for done; if ctx ends first, the error names what it waited for.
func await(ctx context.Context, done <-chan struct{}, what string) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waited in vain for %s", what)
	}
}
