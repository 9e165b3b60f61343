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
	"github.com/troupe-go/troupe/micro"
)

const (
	desks    = 3
	patience = 20 * time.Second
	stall    = 2 * time.Second // no answer for that long: there are no more desks
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("service: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("service: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "service"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	l := newLibrary()
	for i := range desks {
		nc, err := l.open(server.URL(), fmt.Sprint("desk ", i+1))
		if err != nil {
			return err
		}
		defer nc.Close()
	}
	nc, err := api.Connect(server.URL(), api.Name("reader"))
	if err != nil {
		return err
	}
	defer nc.Close()
	client, err := micro.NewClient(nc, micro.WithStall(stall))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r := reader{client: client, out: out}
	for _, step := range []func(context.Context) error{r.look, r.ask, r.count} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reader is the requester.
type reader struct {
	client *micro.Client
	out    io.Writer
}

// look discovers the instances, and prints what can be requested.
func (r *reader) look(ctx context.Context) error {
	instances, err := r.client.Info(ctx, "Library", "")
	if err != nil {
		return err
	}
	if len(instances) != desks {
		return fmt.Errorf("%d instances, want %d", len(instances), desks)
	}
	fmt.Fprintf(r.out, "%d instances of %s %s\n", len(instances), instances[0].Name, instances[0].Version)
	for _, e := range instances[0].Endpoints {
		fmt.Fprintf(r.out, "  %-12s takes %s\n", e.Subject, e.Metadata[micro.RequestSchemaKey])
	}
	return nil
}

// questions are the reader's requests, with the expected results.
var questions = []struct {
	user, subject, data string
	want                string // the answer, or the code of the error
}{
	{"ann", "books.lend", `{"title":"Emma"}`, `{"title":"Emma","to":"ann"}`},
	{"bob", "books.lend", `{"title":"Emma"}`, "409"},
	{"", "books.lend", `{"title":"Emma"}`, micro.CodeUnauthorized},
	{"bob", "books.lend", `{"title":7}`, micro.CodeValidation},
	{"bob", "books.lend", `{}`, micro.CodeValidation},
	{"bob", "books.lend", `{"title":"Necronomicon"}`, micro.CodeInternal},
	{"bob", "books.return", `{"title":"Emma"}`, "409"},
	{"ann", "books.return", `{"title":"Emma"}`, `{"title":"Emma","to":""}`},
	{"bob", "books.lend", `{"title":"Emma"}`, `{"title":"Emma","to":"bob"}`},
}

// ask asks them.
func (r *reader) ask(ctx context.Context) error {
	for _, q := range questions {
		m := &api.Msg{Subject: q.subject, Data: []byte(q.data), Header: api.Header{}}
		if q.user != "" {
			m.Header.Set(userHeader, q.user)
		}
		answer, err := r.client.RequestMsg(ctx, m)
		var refused *micro.ServiceError
		got := ""
		switch {
		case errors.As(err, &refused):
			got = refused.Code
			fmt.Fprintf(r.out, "%-4s %-12s %-26s %v\n", q.user, q.subject, q.data, refused)
		case err != nil:
			return err
		default:
			got = string(answer.Data)
			fmt.Fprintf(r.out, "%-4s %-12s %-26s %s\n", q.user, q.subject, q.data, got)
		}
		if got != q.want {
			return fmt.Errorf("%s %s: got %s, want %s", q.subject, q.data, got, q.want)
		}
	}
	return nil
}

// count adds up the statistics of the instances.
func (r *reader) count(ctx context.Context) error {
	for {
		stats, err := r.client.Stats(ctx, "Library", "")
		if err != nil {
			return err
		}
		requests, failed := 0, 0
		for _, s := range stats {
			for _, e := range s.Endpoints {
				requests += e.NumRequests
				failed += e.NumErrors
			}
		}
		if requests == len(questions) { // a handler answers before it is counted
			fmt.Fprintf(r.out, "%d requests, %d of them answered with an error\n", requests, failed)
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d requests are counted, want %d", requests, len(questions))
		}
	}
}
