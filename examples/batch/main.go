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

const patience = 60 * time.Second

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("batch: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("batch: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "batch", JetStream: true})
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
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := transfers(ctx, out, js); err != nil {
		return fmt.Errorf("transfers: %w", err)
	}
	if err := ingest(ctx, out, js, line); err != nil {
		return fmt.Errorf("readings: %w", err)
	}
	return nil
}
