package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/jetstream"
)

const (
	jobs     = 20
	workers  = 4
	attempts = 3
	patience = 20 * time.Second
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("workqueue: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("workqueue: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "workqueue", JetStream: true})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	nc, err := api.Connect(server.URL())
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
	q := queue{js: js, out: out, shop: newShop()}
	if err := q.create(ctx); err != nil {
		return err
	}
	return q.work(ctx)
}

// queue is the work queue with its dead letters.
type queue struct {
	js         jetstream.JetStream
	jobs, dead jetstream.Stream
	out        io.Writer
	shop       *shop
}

// create creates the streams, and publishes the jobs.
func (q *queue) create(ctx context.Context) (err error) {
	if q.jobs, err = q.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "JOBS", Subjects: []string{"jobs.*"}, Retention: jetstream.WorkQueuePolicy,
	}); err != nil {
		return err
	}
	if q.dead, err = q.js.CreateStream(ctx, jetstream.StreamConfig{Name: "DEAD", Subjects: []string{"dead.*"}}); err != nil {
		return err
	}
	for i := range jobs {
		if _, err := q.js.Publish(ctx, "jobs.print", fmt.Append(nil, "job ", i), jetstream.WithMsgID(fmt.Sprint(i))); err != nil {
			return err
		}
	}
	return nil
}

// work has the jobs done, handles the dead letters, and checks that nothing is left.
func (q *queue) work(ctx context.Context) error {
	consumer, err := q.jobs.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "printers"})
	if err != nil {
		return err
	}
	working, err := consumer.ConsumeFunc(q.shop.print,
		jetstream.Concurrency(workers),
		jetstream.Attempts(attempts),
		jetstream.RetryBackoff(api.Backoff{Initial: 50 * time.Millisecond, Max: time.Second}),
		jetstream.DeadLetterTo("dead.jobs"))
	if err != nil {
		return err
	}
	defer func() {
		working.Drain()
		<-working.Closed()
	}()
	if err := q.revive(ctx, 2); err != nil {
		return err
	}
	if err := q.shop.finished(ctx); err != nil {
		return err
	}
	fmt.Fprintf(q.out, "%d jobs done, with %d calls of the handler\n", jobs, q.shop.total())
	return q.left(ctx)
}

// revive takes n dead letters, fixes their causes, and publishes their jobs again.
func (q *queue) revive(ctx context.Context, n int) error {
	consumer, err := q.dead.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "mechanic"})
	if err != nil {
		return err
	}
	letters, err := consumer.FetchWithContext(ctx, n)
	if err != nil {
		return err
	}
	for _, letter := range letters {
		h := letter.Headers()
		fmt.Fprintf(q.out, "dead letter: %s, after %s deliveries: %s\n", letter.Data(),
			h.Get(jetstream.DeadLetterDeliveriesHeader), h.Get(jetstream.DeadLetterCauseHeader))
		q.shop.mend(string(letter.Data()))
		if _, err := q.js.Publish(ctx, h.Get(jetstream.DeadLetterSubjectHeader), letter.Data()); err != nil {
			return err
		}
		if err := letter.Ack(); err != nil {
			return err
		}
	}
	if len(letters) != n {
		return fmt.Errorf("%d dead letters, want %d", len(letters), n)
	}
	return nil
}

// left returns an error if there is still a job.
func (q *queue) left(ctx context.Context) error {
	for {
		info, err := q.jobs.Info(ctx)
		if err != nil || info.State.Msgs == 0 {
			return err
		}
		select { // the last acknowledgement may be on its way
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d jobs are left", info.State.Msgs)
		}
	}
}
