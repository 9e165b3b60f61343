package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/troupe-go/troupe/bench/internal/job"
)

// runner runs rows.
type runner struct {
	config   *config
	workers  workers
	progress *progress
}

// measurement is everything measured for a row.
type measurement struct {
	row  row
	runs map[side][]outcome // in the order of the pairs
}

// outcome is one run: a result, or why there is none.
type outcome struct {
	result *job.Result
	err    error
}

// measure runs a row: every side in turn, once for each pair. An error of one run is part
// of the measurement; only an error that ends the whole benchmark is returned.
func (r *runner) measure(ctx context.Context, w row) (measurement, error) {
	role := roleStub
	switch w.suite {
	case job.Request, job.Stream, job.KeyValue, job.Object, job.Service:
		role = roleServer
	}
	srv, err := startChild(ctx, role)
	if err != nil {
		return measurement{}, err
	}
	defer srv.stop()
	w.job.Address = srv.address
	m := measurement{row: w, runs: map[side][]outcome{}}
	for pair := range r.config.pairs {
		for _, s := range w.sides(r.config.self) {
			r.progress.next(w, s)
			result, err := r.once(ctx, w, turn{side: s, pair: pair})
			if ctx.Err() != nil {
				return m, ctx.Err()
			}
			m.runs[s] = append(m.runs[s], outcome{result: result, err: err})
		}
	}
	return m, nil
}

// turn names one run of a row.
type turn struct {
	side side
	pair int
}

// once runs one side once.
func (r *runner) once(ctx context.Context, w row, which turn) (*job.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, runWait)
	defer cancel()
	j := w.job
	j.Borrowed = which.side == sideBorrowed
	if r.config.profile != "" && which.side != sideLimit {
		j.Profile = filepath.Join(r.config.profile, profileName(w, which))
	}
	cmd, err := r.command(ctx, which.side)
	if err != nil {
		return nil, err
	}
	return do(ctx, cmd, &j)
}

// command returns the process that works for a side.
func (r *runner) command(ctx context.Context, s side) (*exec.Cmd, error) {
	switch s {
	case sidePeer:
		return exec.CommandContext(ctx, r.workers.peer), nil
	case sideLimit:
		return command(ctx, roleBare)
	}
	return exec.CommandContext(ctx, r.workers.troupe), nil
}

// profileName returns a file name for the profiles of one run, such as
// dispatch-16-B-1-subscription-troupe-borrowed-2.
func profileName(w row, which turn) string {
	words := strings.FieldsFunc(w.name, func(c rune) bool { return strings.ContainsRune(" ,+", c) })
	return fmt.Sprintf("%s-%s-%s-%d", w.suite, strings.Join(words, "-"), strings.ReplaceAll(which.side.String(), " ", "-"), which.pair+1)
}

// String returns the name of a side in the report.
func (s side) String() string {
	return [...]string{"nats.go", "troupe", "troupe borrowed", "bare socket"}[s]
}
