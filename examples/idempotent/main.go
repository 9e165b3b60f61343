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
)

const (
	sent     = 5_000
	onTheWay = 256 // messages that may be without an acknowledgement
	cuts     = 3   // of the connection, evenly spread
	patience = 30 * time.Second
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("idempotent: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("idempotent: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "idempotent", JetStream: true})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	line, err := proxy.Start(server.URL(), proxy.Options{})
	if err != nil {
		return err
	}
	defer line.Close()
	nc, err := api.Connect(line.URL(), api.ReconnectWait(10*time.Millisecond))
	if err != nil {
		return err
	}
	defer nc.Close()
	for _, mode := range []struct {
		stream  string
		options []jetstream.JetStreamOpt
	}{
		{"RETRIED", []jetstream.JetStreamOpt{jetstream.WithIdempotentRetry()}},
		{"ONCE", nil},
	} {
		js, err := jetstream.New(nc, append(mode.options, jetstream.WithPublishAsyncMaxPending(onTheWay))...)
		if err != nil {
			return err
		}
		b, err := publish(js, line, mode.stream)
		if err != nil {
			return fmt.Errorf("%s: %w", mode.stream, err)
		}
		fmt.Fprintf(out, "%-8s %d published = %d acknowledged + %d unknown; %d acknowledged as duplicates; %d stored\n",
			mode.stream, sent, b.acked, b.unknown, b.duplicates, b.stored)
		if err := b.check(len(mode.options) > 0); err != nil {
			return fmt.Errorf("%s: %w", mode.stream, err)
		}
	}
	return nil
}

// books counts the outcomes of the messages.
type books struct {
	acked, unknown, duplicates int // by the publisher
	stored                     int // by the stream
	missing                    int // acknowledged, and not stored
	twice                      int // stored twice
}

// check returns what does not balance, or nil.
func (b *books) check(retried bool) error {
	switch {
	case b.acked+b.unknown != sent:
		return fmt.Errorf("%d of %d messages have an outcome", b.acked+b.unknown, sent)
	case b.missing != 0:
		return fmt.Errorf("%d messages were acknowledged, and are not stored", b.missing)
	case b.twice != 0:
		return fmt.Errorf("%d messages are stored twice", b.twice)
	case retried && b.stored != sent:
		return fmt.Errorf("%d of %d messages are stored", b.stored, sent)
	case retried && b.duplicates == 0, !retried && b.unknown == 0:
		return errors.New("the cuts have harmed nothing")
	}
	return nil
}

// publish creates a stream, publishes numbered messages to it while the connection is
// cut, and counts their outcomes.
func publish(js jetstream.JetStream, line *proxy.Proxy, stream string) (*books, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: stream, Subjects: []string{stream}, AllowDirect: true})
	if err != nil {
		return nil, err
	}
	var futures []jetstream.PubAckFuture
	for i := range sent {
		if i%(sent/cuts) == sent/cuts/2 {
			// An acknowledgement triggers the cut: the acknowledgements after it are
			// lost, but their messages are stored.
			if _, err := line.Inject("when op(MSG) index(50) reset"); err != nil {
				return nil, err
			}
		}
		future, err := js.PublishAsyncContext(ctx, stream, number(i))
		if err != nil {
			return nil, err
		}
		futures = append(futures, future)
	}
	return count(ctx, js, stream, futures)
}

// count waits for every outcome, and reads the stream.
func count(ctx context.Context, js jetstream.JetStream, stream string, futures []jetstream.PubAckFuture) (*books, error) {
	var b books
	acked := make([]bool, sent)
	for i, future := range futures {
		ack, err := future.Wait(ctx)
		switch {
		case err == nil:
			acked[i] = true
			b.acked++
			if ack.Duplicate {
				b.duplicates++
			}
		case errors.Is(err, jetstream.ErrPublishUnknown):
			b.unknown++
		default:
			return nil, err
		}
	}
	return &b, b.audit(ctx, js, stream, acked)
}

// audit reads the whole stream and compares it with what was acknowledged.
func (b *books) audit(ctx context.Context, js jetstream.JetStream, stream string, acked []bool) error {
	messages, err := jetstream.GetBatch(ctx, js, stream, 0)
	if err != nil {
		return err
	}
	times := map[string]int{}
	for m, err := range messages {
		if err != nil {
			return err
		}
		b.stored++
		if times[string(m.Data)]++; times[string(m.Data)] == 2 {
			b.twice++
		}
	}
	for i := range acked {
		if acked[i] && times[string(number(i))] == 0 {
			b.missing++
		}
	}
	return nil
}

// number returns the data of the i-th message.
func number(i int) []byte { return fmt.Append(nil, i) }
