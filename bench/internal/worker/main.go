package main

import (
	"fmt"
	"os"
	"time"

	"github.com/troupe-go/troupe/bench/internal/job"
)

// runWait bounds the timed part of a job; what has not arrived by then counts as dropped.
const runWait = 20 * time.Second

// passMax is the number of passes of suites in which one stall of the machine would spoil
// a run: the median of the passes counts.
const passMax = 5

// delivery says who owns a message passed to a handler.
type delivery uint8

const (
	owned    delivery = iota // the handler
	borrowed                 // the client, after the handler has returned
)

// suites has what a worker can do.
var suites = map[string]func(*job.Job) (*job.Result, error){
	job.Dispatch:  dispatch,
	job.Publish:   publish,
	job.Request:   request,
	job.Memory:    memory,
	job.Subscribe: subscribing,
	job.Reconnect: reconnect,
	job.Isolation: isolation,
	job.Stream:    stream,
	job.KeyValue:  keyValue,
	job.Object:    object,
	job.Service:   service,
}

func main() {
	os.Exit(job.Answer(func(j *job.Job) (*job.Result, error) {
		do, ok := suites[j.Suite]
		if !ok {
			return nil, fmt.Errorf("no suite %q", j.Suite)
		}
		return do(j)
	}))
}

// deliveryOf returns what the job asks for.
func deliveryOf(j *job.Job) delivery {
	if j.Borrowed {
		return borrowed
	}
	return owned
}

// subscribeUnlimited subscribes without a limit on pending messages: the stub waits for
// the handlers, so a limit would have no purpose.
func subscribeUnlimited(nc *Conn, subject string, handler func(*Msg), d delivery) (*Subscription, error) {
	sub, err := subscribe(nc, subject, handler, d)
	if err != nil {
		return nil, fmt.Errorf("subscribe %s: %w", subject, err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, fmt.Errorf("pending limits of %s: %w", subject, err)
	}
	return sub, nil
}
