package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/proxy"
	"github.com/troupe-go/troupe/jetstream"
)

const (
	bookings = 20_000
	cutAt    = bookings / 4 // the connection is cut when that many have been replayed
	killAt   = bookings / 2 // and the server killed, and started again
	patience = 60 * time.Second
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("replay: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("replay: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "replay", JetStream: true})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	line, err := proxy.Start(server.URL(), proxy.Options{})
	if err != nil {
		return err
	}
	defer line.Close()
	nc, err := api.Connect(line.URL(), api.ReconnectWait(10*time.Millisecond), api.NeverGiveUp())
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := book(ctx, js); err != nil {
		return fmt.Errorf("bookings: %w", err)
	}
	r := replay{js: js, out: out, line: line, server: server}
	return r.run(ctx)
}

// book fills the stream: each booking has the balance that it leads to.
func book(ctx context.Context, js jetstream.JetStream) error {
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ACCOUNT", Subjects: []string{"account"}, AllowBatchPublish: true}); err != nil {
		return err
	}
	account, err := jetstream.NewFastPublisher(js)
	if err != nil {
		return err
	}
	for balance := 1; balance <= bookings; balance++ {
		if _, err := account.Add(ctx, "account", fmt.Append(nil, balance)); err != nil {
			return err
		}
	}
	_, err = account.Close(ctx)
	return err
}

// replay is one run through the stream.
type replay struct {
	js     jetstream.JetStream
	out    io.Writer
	line   *proxy.Proxy
	server *natsserver.Server
}

// run replays everything, and injects faults on the way.
func (r *replay) run(ctx context.Context) error {
	account, err := r.js.OrderedConsumer(ctx, "ACCOUNT", jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	messages, err := account.Messages(jetstream.StopAfter(bookings))
	if err != nil {
		return err
	}
	defer messages.Stop()
	balance := 0
	for m, err := range messages.All(ctx) {
		if err != nil {
			return fmt.Errorf("after %d bookings: %w", balance, err)
		}
		balance++
		if said := string(m.Data()); said != fmt.Sprint(balance) {
			return fmt.Errorf("the balance is %d, and the booking says %s", balance, said)
		}
		if err := r.trouble(balance); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.out, "replayed %d bookings, with %d reconnects: each balance was right\n", balance, r.js.Conn().Stats().Reconnects)
	if balance != bookings || r.js.Conn().Stats().Reconnects < 2 {
		return fmt.Errorf("%d bookings, want %d, through two reconnects", balance, bookings)
	}
	return nil
}

// trouble injects the fault that is due after a booking.
func (r *replay) trouble(balance int) error {
	switch balance {
	case cutAt:
		fmt.Fprintf(r.out, "after %d bookings: the connection is cut at the next message\n", balance)
		_, err := r.line.Inject("when op(HMSG) index(1) reset")
		if err != nil {
			return err
		}
		_, err = r.line.Inject("when op(MSG) index(1) reset")
		return err
	case killAt:
		fmt.Fprintf(r.out, "after %d bookings: the server is killed, and started again\n", balance)
		r.server.Kill()
		return r.server.Restart()
	}
	return nil
}
