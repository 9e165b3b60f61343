package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // a count was wrong, or a step hung
	exitUsage  = 2 // nothing was tried: bad flags, or no server at -url
)

// farewellMax bounds the clean-up at the end.
const farewellMax = 4 * closeMax

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program: it prints to out, reports wrong arguments to complaints, and
// returns the exit code.
func run(args []string, out, complaints io.Writer) int {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(complaints)
	url := flags.String("url", "", "use the NATS server at this `address`, such as nats://127.0.0.1:4222,\n"+
		"instead of starting one; it is not killed")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		return exitUsage // package flag has printed the reason
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(complaints, "quickstart: %q is not a flag; see -help\n", flags.Arg(0))
		return exitUsage
	}
	s := &stage{screen: newScreen(out), events: newJournal()}
	if err := s.open(*url); err != nil {
		// Only a server of our own can be open here, and stopping it can't fail.
		_ = s.close()
		fmt.Fprintf(complaints, "quickstart: %v\n", err)
		return exitUsage
	}
	return s.perform(s.steps(), stepMax)
}

// perform runs all steps, each for at most limit, cleans up, and returns the
// exit code.
func (s *stage) perform(all []step, limit time.Duration) int {
	s.screen.title("troupe quickstart: a NATS client in which every part is a supervised actor")
	err := s.show(all, limit)
	closed := within(farewellMax, func(context.Context) error { return s.close() })
	if err == nil && closed != nil {
		err = fmt.Errorf("closing: %w", closed)
	}
	if err != nil {
		s.screen.failed(err)
		return exitFailed
	}
	s.screen.passed()
	return exitOK
}
