package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/micro"
)

const (
	guests   = 8
	dishes   = 100 // of each guest
	stopAt   = guests * dishes / 3
	patience = 20 * time.Second
	closing  = 2 * time.Second // how long the second one waits for a dish that takes too long
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("shutdown: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("shutdown: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "shutdown"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	first, err := open(server.URL())
	if err != nil {
		return err
	}
	defer first.nc.Close()
	second, err := open(server.URL())
	if err != nil {
		return err
	}
	defer second.nc.Close()
	nc, err := api.Connect(server.URL(), api.Name("guests"))
	if err != nil {
		return err
	}
	defer nc.Close()
	client, err := micro.NewClient(nc)
	if err != nil {
		return err
	}
	if err := busy(ctx, out, client, []*kitchen{first, second}); err != nil {
		return err
	}
	return tooLong(ctx, out, client, second)
}

// kitchen is an instance of the service.
type kitchen struct {
	nc      *api.Conn
	svc     micro.Service
	cooked  atomic.Int32
	started chan struct{} // gets a value when a feast begins
}

func open(url string) (*kitchen, error) {
	nc, err := api.Connect(url, api.Name("kitchen"))
	if err != nil {
		return nil, err
	}
	k := &kitchen{nc: nc, started: make(chan struct{}, 1)}
	k.svc, err = micro.AddService(nc, micro.Config{Name: "Kitchen", Version: "1.0.0"})
	if err == nil {
		err = k.svc.AddEndpoint("cook", micro.Func(k.cook), micro.WithEndpointConcurrency(4))
	}
	if err = errors.Join(err, nc.Flush()); err != nil {
		nc.Close()
		return nil, err
	}
	return k, nil
}

// cook takes a moment for a dish, and for a feast until its context is cancelled.
func (k *kitchen) cook(ctx context.Context, req micro.Request) error {
	if string(req.Data()) == "feast" {
		k.started <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	time.Sleep(200 * time.Microsecond)
	k.cooked.Add(1)
	return req.Respond(req.Data())
}

// busy has the guests send requests, and stops the first instance meanwhile.
func busy(ctx context.Context, out io.Writer, client *micro.Client, kitchens []*kitchen) error {
	first, second := kitchens[0], kitchens[1]
	var served atomic.Int32
	half, errs := make(chan struct{}), make(chan error, guests)
	var all sync.WaitGroup
	for g := range guests {
		all.Go(func() {
			for d := range dishes {
				order := fmt.Sprint("dish ", d, " of guest ", g)
				answer, err := client.Request(ctx, "cook", []byte(order))
				if err != nil || string(answer.Data) != order {
					errs <- fmt.Errorf("%s: %w", order, err)
					return
				}
				if served.Add(1) == stopAt {
					close(half)
				}
			}
		})
	}
	select {
	case <-half:
	case err := <-errs:
		return err
	}
	report, err := first.svc.StopContext(ctx)
	if err != nil {
		return fmt.Errorf("%w: %v", err, report)
	}
	at := first.cooked.Load()
	fmt.Fprintln(out, "the first kitchen has stopped:", report)
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	fmt.Fprintf(out, "%d dishes ordered, %d served\n", guests*dishes, served.Load())
	if total := first.cooked.Load() + second.cooked.Load(); total != guests*dishes || first.cooked.Load() != at {
		return fmt.Errorf("%d dishes were cooked, %d of them too late", total, first.cooked.Load()-at)
	}
	return nil
}

// tooLong stops the second instance while a dish takes too long.
func tooLong(ctx context.Context, out io.Writer, client *micro.Client, k *kitchen) error {
	outcome := make(chan error, 1)
	go func() {
		_, err := client.Request(ctx, "cook", []byte("feast"))
		outcome <- err
	}()
	select {
	case <-k.started:
	case err := <-outcome:
		return fmt.Errorf("the feast did not begin: %w", err)
	}
	soon, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	report, err := k.svc.StopContext(soon)
	fmt.Fprintln(out, "the second kitchen closes:", report)
	if !errors.Is(err, micro.ErrStopTimeout) || len(report.Unfinished) != 1 || report.Unfinished[0].InFlight != 1 {
		return fmt.Errorf("report %v: %w", report, err)
	}
	err = <-outcome
	fmt.Fprintln(out, "the guest is told:", err)
	if !errors.Is(err, micro.ErrInterrupted) {
		return fmt.Errorf("the feast: %w", err)
	}
	<-k.svc.Done()
	return nil
}
