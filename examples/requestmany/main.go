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
)

const (
	stations = 5 // each answers once
	pages    = 3 // of a catalogue, which answers with one message for each
	patience = 20 * time.Second
	pause    = 2 * time.Second // no answer for that long: no more will come
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("requestmany: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("requestmany: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "requestmany"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	nc, err := api.Connect(server.URL())
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := serve(nc); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	for _, question := range []struct {
		what    string
		subject string
		until   []api.RequestManyOption
		want    int
	}{
		{"the first two", "weather", []api.RequestManyOption{api.RequestManyMaxMessages(2)}, 2},
		{"all who answer soon", "weather", []api.RequestManyOption{api.RequestManyStall(pause)}, stations},
		{"until the last page", "catalogue", []api.RequestManyOption{api.RequestManySentinel(api.DefaultSentinel)}, pages},
		{"whoever answers in time", "weather", []api.RequestManyOption{api.RequestManyTotal(pause)}, stations},
	} {
		fmt.Fprintf(out, "%s:\n", question.what)
		answers := 0
		for m, err := range nc.RequestMany(ctx, question.subject, nil, question.until...) {
			if err != nil {
				return fmt.Errorf("%s: %w", question.what, err)
			}
			answers++
			fmt.Fprintf(out, "    %s\n", m.Data)
		}
		if answers != question.want {
			return fmt.Errorf("%s: %d answers, want %d", question.what, answers, question.want)
		}
	}
	for _, err := range nc.RequestMany(ctx, "nobody", nil) {
		fmt.Fprintf(out, "nobody answers: %v\n", err)
		if !errors.Is(err, api.ErrNoResponders) {
			return err
		}
	}
	return nil
}

// serve subscribes the stations and the catalogue.
func serve(nc *api.Conn) error {
	for i := range stations {
		answer := fmt.Appendf(nil, "station %d: %d °C", i, 18+i)
		if _, err := nc.Subscribe("weather", func(m *api.Msg) { _ = m.Respond(answer) }); err != nil {
			return err
		}
	}
	_, err := nc.Subscribe("catalogue", func(m *api.Msg) {
		for page := range pages {
			_ = m.Respond(fmt.Appendf(nil, "page %d of %d", page+1, pages))
		}
		_ = m.Respond(nil) // that was the last
	})
	return err
}
