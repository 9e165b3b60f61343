package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	if code, ok := child(); ok {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errRows says that the table has rows without a figure.
var errRows = errors.New("some rows have no figure")

// run measures what args ask for and prints the report to out; progress and
// notes go to notes.
func run(ctx context.Context, args []string, out, notes io.Writer) error {
	c, err := parse(args, notes)
	if err != nil {
		return err
	}
	rows, err := c.rows()
	if err != nil {
		return err
	}
	bin, remove, err := buildWorkers(ctx, c.self)
	if err != nil {
		return err
	}
	defer remove()
	r := &runner{config: c, workers: bin, progress: newProgress(notes, c, rows)}
	measured := make([]measurement, 0, len(rows))
	for _, row := range rows {
		m, err := r.measure(ctx, row)
		if err != nil {
			r.progress.clear()
			return err
		}
		measured = append(measured, m)
	}
	r.progress.clear()
	if err := c.print(out, measured); err != nil {
		return err
	}
	for _, m := range measured {
		if m.failed() {
			return errRows
		}
	}
	return nil
}
