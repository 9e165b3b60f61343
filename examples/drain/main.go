package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

const (
	jobs     = 2000
	takes    = 200 * time.Microsecond // one job
	patience = 30 * time.Second
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("drain: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("drain: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	terminated, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := natsserver.Start(natsserver.Options{Name: "drain"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	worker, err := startWorker(server.URL(), "this worker")
	if err != nil {
		return err
	}
	defer worker.nc.Close()
	other, err := startWorker(server.URL(), "another one")
	if err != nil {
		return err
	}
	defer other.nc.Close()
	office, err := open(server.URL())
	if err != nil {
		return err
	}
	defer office.nc.Close()
	sent := make(chan error, 1)
	go func() {
		err := office.send()
		if err != nil {
			stop() // the signal will not come
		}
		sent <- err
	}()

	<-terminated.Done()
	fmt.Fprintln(out, "SIGTERM: draining")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	report, err := worker.nc.DrainContext(ctx)
	if err != nil {
		return fmt.Errorf("%w: %+v", err, report)
	}
	fmt.Fprintf(out, "drained: %d handlers unfinished, %d messages undelivered, %d bytes unsent\n",
		len(report.Unfinished), report.Undelivered, report.UnsentBytes)
	if err := <-sent; err != nil {
		return err
	}
	return office.count(ctx, out)
}

// worker does jobs of the queue, one at a time.
type worker struct {
	nc   *api.Conn
	name string
}

func startWorker(url, name string) (*worker, error) {
	nc, err := api.Connect(url, api.Name(name))
	if err != nil {
		return nil, err
	}
	w := &worker{nc: nc, name: name}
	if _, err := nc.QueueSubscribe("jobs", "workers", w.do); err != nil {
		nc.Close()
		return nil, err
	}
	return w, nc.Flush()
}

// do does one job and publishes the result, which also works while the connection is
// draining.
func (w *worker) do(m *api.Msg) {
	<-time.After(takes)
	result := api.NewMsg("results")
	result.Header.Set("Worker", w.name)
	result.Data = m.Data
	_ = w.nc.PublishMsg(result)
}

// office sends jobs and gets results.
type office struct {
	nc      *api.Conn
	results *api.Subscription
}

func open(url string) (*office, error) {
	nc, err := api.Connect(url, api.Name("office"))
	if err != nil {
		return nil, err
	}
	results, err := nc.SubscribeSync("results")
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &office{nc, results}, nc.Flush()
}

// send publishes the jobs, and half way through terminates the program.
func (o *office) send() error {
	for i := range jobs {
		if err := o.nc.Publish("jobs", strconv.AppendInt(nil, int64(i), 10)); err != nil {
			return err
		}
		if i != jobs/2 {
			continue
		}
		if err := o.nc.Flush(); err != nil {
			return err
		}
		if err := terminate(); err != nil {
			return err
		}
	}
	return o.nc.Flush()
}

// terminate sends the program the signal that a process manager sends.
func terminate() error {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	return self.Signal(syscall.SIGTERM)
}

// count waits for all results and checks that each job was done once.
func (o *office) count(ctx context.Context, out io.Writer) error {
	done, by := map[string]int{}, map[string]int{}
	for len(done) < jobs {
		m, err := o.results.NextMsgWithContext(ctx)
		if err != nil {
			return fmt.Errorf("%d of %d jobs done: %w", len(done), jobs, err)
		}
		by[m.Header.Get("Worker")]++
		if done[string(m.Data)]++; done[string(m.Data)] > 1 {
			return fmt.Errorf("job %s was done twice", m.Data)
		}
	}
	fmt.Fprintf(out, "%d jobs sent, %d done: %d by this worker, %d by another one, none twice\n",
		jobs, len(done), by["this worker"], by["another one"])
	return nil
}
