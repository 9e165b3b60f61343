package main

import (
	"fmt"
	"os"
	"time"

	"github.com/troupe-go/troupe/bench/internal/job"
)

// runWait bounds the timed part of a job; what has not arrived by then counts as dropped.
const runWait = 20 * time.Second

// passMax is into how many passes a suite cuts its work where one stall of the
// machine would spoil a run: the median of the passes counts.
const passMax = 5

// delivery says who owns a message that a handler got.
type delivery uint8

const (
	owned    delivery = iota // the handler, for as long as it likes
	borrowed                 // the client, again after the handler returned
)

// suites is what a worker can do.
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

// subscribeUnlimited subscribes without a bound on pending messages: the stub
// waits for the handlers, so the bound would only measure itself.
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
