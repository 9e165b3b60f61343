package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

const (
	accounts = 8
	bookings = 20 // of each account
	atOnce   = 8
	takes    = 2 * time.Millisecond // to book one
	patience = 30 * time.Second
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("ordered: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("ordered: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "ordered"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	nc, err := api.Connect(server.URL())
	if err != nil {
		return err
	}
	defer nc.Close()
	fmt.Fprintf(out, "%d bookings of %d accounts, %v each\n", accounts*bookings, accounts, takes)
	for _, way := range []struct {
		what    string
		options []api.SubOption
		ordered bool
	}{
		{"one at a time", nil, true},
		{"eight at once", []api.SubOption{api.Concurrency(atOnce)}, false},
		{"eight at once, by account", []api.SubOption{api.Concurrency(atOnce), api.OrderedBy(account)}, true},
	} {
		b := &books{last: map[string]int{}, done: make(chan struct{})}
		took, err := b.handle(nc, way.options)
		if err != nil {
			return fmt.Errorf("%s: %w", way.what, err)
		}
		order := "each account in order"
		if b.mixed > 0 {
			order = fmt.Sprintf("%d bookings came after a later one of their account", b.mixed)
		}
		fmt.Fprintf(out, "%-27s%4d ms, %s\n", way.what, took.Milliseconds(), order)
		if way.ordered && b.mixed > 0 {
			return fmt.Errorf("%s: %d bookings out of order", way.what, b.mixed)
		}
	}
	return nil
}

// account returns the key for which order is kept: the last token of the subject. Its
// message is borrowed, so it must not be kept.
func account(m *api.Msg) string { return m.Subject[strings.LastIndexByte(m.Subject, '.')+1:] }

// books has the last booking of each account. Concurrent handlers share it, so it has a
// lock.
type books struct {
	mu    sync.Mutex
	last  map[string]int
	count int
	mixed int // bookings handled after a later one of their account
	done  chan struct{}
}

// book handles one message.
func (b *books) book(m *api.Msg) {
	<-time.After(takes) // a slow disk, say
	var number int
	if _, err := fmt.Sscan(string(m.Data), &number); err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if number < b.last[account(m)] {
		b.mixed++
	} else {
		b.last[account(m)] = number
	}
	if b.count++; b.count == accounts*bookings {
		close(b.done)
	}
}

// handle subscribes with the options, publishes all bookings, and returns how long
// handling them took.
func (b *books) handle(nc *api.Conn, options []api.SubOption) (time.Duration, error) {
	sub, err := nc.Subscribe("bookings.*", b.book, options...)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	for number := range bookings {
		for who := range accounts {
			if err := nc.Publish(fmt.Sprintf("bookings.%c", 'a'+who), fmt.Append(nil, number)); err != nil {
				return 0, err
			}
		}
	}
	select {
	case <-b.done:
		return time.Since(began), sub.Unsubscribe()
	case <-time.After(patience):
		return 0, fmt.Errorf("not all were handled within %v", patience)
	}
}
