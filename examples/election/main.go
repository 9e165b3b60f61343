package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/proxy"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

const (
	bucket   = "roles"
	role     = "writer"
	silence  = 4 * time.Second // how long a leader may be silent
	patience = 40 * time.Second
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("election: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("election: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "election", JetStream: true})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	line, err := proxy.Start(server.URL(), proxy.Options{})
	if err != nil {
		return err
	}
	defer line.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	bob, err := begin(ctx, server.URL())
	if err != nil {
		return err
	}
	defer bob.nc.Close()
	ann, err := begin(ctx, line.URL())
	if err != nil {
		return err
	}
	defer ann.nc.Close()
	e := event{out: out, line: line, ann: ann, bob: bob}
	return e.play(ctx)
}

// candidate is a client that can be elected.
type candidate struct {
	nc       *api.Conn
	election *kv.Election
}

// begin connects a candidate.
func begin(ctx context.Context, url string) (*candidate, error) {
	nc, err := api.Connect(url, api.MaxReconnects(-1))
	if err != nil {
		return nil, err
	}
	c := &candidate{nc: nc}
	js, err := jetstream.New(nc)
	if err == nil {
		var store kv.Store
		if store, err = kv.CreateOrUpdate(ctx, js, kv.Config{Bucket: bucket, LimitMarkerTTL: time.Minute}); err == nil {
			c.election, err = kv.NewElection(store, role, kv.LockTTL(silence))
		}
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}

// event is one change of leaders.
type event struct {
	out      io.Writer
	line     *proxy.Proxy // ann's
	ann, bob *candidate
}

// play has ann lead, cuts her connection, and waits for bob.
func (e *event) play(ctx context.Context) error {
	ann, err := e.ann.election.Campaign(ctx, "ann")
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "ann leads, term %d\n", ann.Token())

	elected := make(chan *kv.Lease, 1)
	failed := make(chan error, 1)
	go func() {
		bob, err := e.bob.election.Campaign(ctx, "bob")
		if err != nil {
			failed <- err
			return
		}
		elected <- bob
	}()
	if _, err := e.line.Inject("for 8s blackhole"); err != nil {
		return err
	}
	fmt.Fprintln(e.out, "the line of ann is cut")
	select {
	case <-ann.Context().Done():
	case bob := <-elected:
		if ann.Context().Err() == nil {
			return errors.New("bob was elected while ann led")
		}
		elected <- bob
	}
	if !errors.Is(context.Cause(ann.Context()), kv.ErrLockLost) {
		return fmt.Errorf("ann has not learnt why she no longer leads: %w", context.Cause(ann.Context()))
	}
	fmt.Fprintln(e.out, "ann leads no more, as she cannot renew it")
	select {
	case bob := <-elected:
		fmt.Fprintf(e.out, "bob leads, with a higher term: %v\n", bob.Token() > ann.Token())
		return e.resign(ctx, bob)
	case err := <-failed:
		return err
	}
}

// resign has bob resign, and the observer see it.
func (e *event) resign(ctx context.Context, bob *kv.Lease) error {
	for leader, err := range e.bob.election.Observe(ctx) {
		switch {
		case err != nil:
			return err
		case leader.Candidate == "":
			fmt.Fprintln(e.out, "nobody leads")
			return nil
		}
		fmt.Fprintf(e.out, "the observer sees %s\n", leader.Candidate)
		if err := bob.Unlock(ctx); err != nil {
			return err
		}
		fmt.Fprintln(e.out, "bob resigns")
	}
	return ctx.Err()
}
