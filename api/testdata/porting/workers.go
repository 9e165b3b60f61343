package main

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

const (
	jobs        = 3000
	workerCount = 3
)

// workers share the jobs of a queue group, each with a connection of its own, and
// drain while more jobs come: each job is done once.
func workers(url string) error {
	var done [jobs]atomic.Int32
	var all sync.WaitGroup
	all.Add(jobs)
	var crew []*nats.Conn
	closed := make(chan error, workerCount)
	for i := range workerCount {
		nc, err := nats.Connect(url, nats.Name(fmt.Sprintf("worker %d", i)), nats.DrainTimeout(patience),
			nats.ClosedHandler(func(nc *nats.Conn) { closed <- nc.LastError() }))
		if err != nil {
			return err
		}
		crew = append(crew, nc)
		sub, err := nc.QueueSubscribe("jobs", "crew", func(m *nats.Msg) {
			var n int
			if _, err := fmt.Sscan(string(m.Data), &n); err == nil && done[n].Add(1) == 1 {
				all.Done()
			}
		})
		if err != nil {
			return err
		}
		if err := errors.Join(sub.SetPendingLimits(-1, -1), nc.Flush()); err != nil {
			return err
		}
		fmt.Println(sub.Subject, sub.Queue)
	}
	boss, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer boss.Close()
	for n := range jobs {
		if err := boss.Publish("jobs", []byte(fmt.Sprint(n))); err != nil {
			return err
		}
		if n == jobs/2 { // two go home, the third does the rest
			if err := errors.Join(crew[0].Drain(), crew[1].Drain()); err != nil {
				return err
			}
		}
	}
	all.Wait()
	if err := crew[2].Drain(); err != nil {
		return err
	}
	for range workerCount {
		fmt.Println("closed:", kind(await(closed, "the end of a drain")))
	}
	twice := 0
	for n := range done {
		if done[n].Load() != 1 {
			twice++
		}
	}
	fmt.Println(jobs, "jobs done,", twice, "of them twice")
	return nil
}
