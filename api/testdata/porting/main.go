// The programs here are written for nats.go. The test compiles them as they are,
// and once more with nothing but the import replaced, and compares what they print.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/nats-io/nats.go"
)

// patience bounds every wait of the programs.
const patience = 10 * time.Second

var programs = map[string]func(url string) error{
	"pubsub":  pubsub,
	"request": request,
	"workers": workers,
	"drain":   drain,
	"headers": headers,
	"options": options,
	"status":  status,

	"differences": differences,
}

// main runs one program: its name and the server's URL are the arguments.
func main() {
	log.SetFlags(0)
	if err := programs[os.Args[1]](os.Args[2]); err != nil {
		log.Fatalf("%s: %v", os.Args[1], err)
	}
	fmt.Println("done")
}

// kinds are the errors that the programs tell apart.
var kinds = []struct {
	name string
	err  error
}{
	{"ErrBadSubject", nats.ErrBadSubject},
	{"ErrBadSubscription", nats.ErrBadSubscription},
	{"ErrConnectionClosed", nats.ErrConnectionClosed},
	{"ErrConnectionDraining", nats.ErrConnectionDraining},
	{"ErrInvalidArg", nats.ErrInvalidArg},
	{"ErrInvalidMsg", nats.ErrInvalidMsg},
	{"ErrMaxMessages", nats.ErrMaxMessages},
	{"ErrMaxPayload", nats.ErrMaxPayload},
	{"ErrMsgNoReply", nats.ErrMsgNoReply},
	{"ErrMsgNotBound", nats.ErrMsgNotBound},
	{"ErrNoDeadlineContext", nats.ErrNoDeadlineContext},
	{"ErrNoResponders", nats.ErrNoResponders},
	{"ErrSlowConsumer", nats.ErrSlowConsumer},
	{"ErrSyncSubRequired", nats.ErrSyncSubRequired},
	{"ErrTimeout", nats.ErrTimeout},
	{"context.Canceled", context.Canceled},
}

// kind names an error by what it is; its text is each client's own.
func kind(err error) string {
	if err == nil {
		return "no error"
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.name
		}
	}
	return "another error: " + err.Error()
}

// await returns what comes from a channel.
func await[T any](ch <-chan T, what string) T {
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		log.Fatalf("waited in vain for %s", what)
		panic("not reached")
	}
}
