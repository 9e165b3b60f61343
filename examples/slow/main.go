package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

const (
	sent     = 100
	room     = 10                     // messages that may wait, including the one in the handler
	holdUp   = 200 * time.Millisecond // how long the connection is blocked
	patience = 10 * time.Second       // how long it may be
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("slow: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("slow: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "slow"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	fmt.Fprintf(out, "%d messages to a handler that blocks, with room for %d\n", sent, room)
	for _, policy := range []api.Overflow{api.DropNewest, api.DropOldest, api.Block, api.RestartEmpty, api.StopSubscription} {
		if err := show(out, server.URL(), policy); err != nil {
			return fmt.Errorf("%v: %w", policy, err)
		}
	}
	return nil
}

// stage is one subscription with one policy, on a connection of its own: while a reader
// is blocked, everything else on its connection waits.
type stage struct {
	nc      *api.Conn
	sub     *api.Subscription
	started chan struct{} // gets a value when the handler begins
	gate    chan struct{} // the handler blocks until it is closed
	ended   chan struct{} // closed after the handler's last message
	handled []string      // written by the handler, read after ended is closed
}

// show sends the messages to a subscription with a policy, and prints what happened to
// them.
func show(out io.Writer, url string, policy api.Overflow) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	nc, err := api.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	s := &stage{nc: nc, started: make(chan struct{}, sent), gate: make(chan struct{}), ended: make(chan struct{})}
	overflow := api.OnOverflow(policy)
	if policy == api.Block {
		overflow = api.OnOverflow(policy, patience)
	}
	s.sub, err = nc.Subscribe("prices", s.handle, api.PendingLimits(room, -1), overflow)
	if err != nil {
		return err
	}
	s.sub.SetClosedHandler(func(string) { close(s.ended) })
	err = s.send(ctx, url, policy)
	close(s.gate)
	if err != nil {
		return err
	}
	dropped, err := s.sub.Dropped()
	if policy == api.StopSubscription {
		<-s.ended
		var why *api.SlowConsumerError
		if !errors.As(err, &why) {
			return fmt.Errorf("ended for another reason: %w", err)
		}
		fmt.Fprintf(out, "%-15v %3d handled, then ended: %v\n", policy, len(s.handled), why)
		return nil
	}
	if err := errors.Join(err, s.sub.DrainContext(ctx)); err != nil {
		return err
	}
	<-s.ended
	fmt.Fprintf(out, "%-15v %3d handled, %2d dropped: %s\n", policy, len(s.handled), dropped, between(s.handled))
	if len(s.handled)+dropped != sent {
		return fmt.Errorf("%d handled + %d dropped is not %d", len(s.handled), dropped, sent)
	}
	return nil
}

// handle is the slow handler.
func (s *stage) handle(m *api.Msg) {
	s.started <- struct{}{}
	<-s.gate
	s.handled = append(s.handled, string(m.Data))
}

// send publishes one message, on which the handler blocks, and then the others. It
// returns when they have arrived, or, if the policy blocks the connection, when that has
// been blocked for a while.
func (s *stage) send(ctx context.Context, url string, policy api.Overflow) error {
	publisher, err := api.Connect(url)
	if err != nil {
		return err
	}
	defer publisher.Close()
	if err := s.nc.FlushWithContext(ctx); err != nil { // the server knows the subscription
		return err
	}
	for i := range sent {
		if err := publisher.Publish("prices", fmt.Append(nil, i)); err != nil {
			return err
		}
		if i == 0 {
			<-s.started
		}
	}
	if err := publisher.FlushWithContext(ctx); err != nil {
		return err
	}
	if policy != api.Block {
		return s.nc.FlushWithContext(ctx)
	}
	if err := s.nc.FlushTimeout(holdUp); err != nil && !errors.Is(err, api.ErrTimeout) {
		return err
	}
	return nil
}

// between writes the first and the last of the messages.
func between(handled []string) string {
	if len(handled) < 3 {
		return strings.Join(handled, ", ")
	}
	return handled[0] + ", " + handled[1] + " … " + handled[len(handled)-1]
}
