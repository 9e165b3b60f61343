package job

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// Answer reads a Job from standard input, does it, and prints the Result: it is the whole
// main function of a worker. It returns the exit code of the process.
func Answer(do func(*Job) (*Result, error)) int {
	var j Job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		return fail(fmt.Errorf("read the job: %w", err))
	}
	r, err := do(&j)
	if err != nil {
		return fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		return fail(fmt.Errorf("print the result: %w", err))
	}
	return 0
}

// Serve prints where a started server listens and waits until standard input ends, which
// happens when the parent is gone: it is the whole main function of a server.
func Serve(start func() (Address, error)) int {
	a, err := start()
	if err != nil {
		return fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		return fail(fmt.Errorf("print the address: %w", err))
	}
	// The end of the input is the signal, its content does not matter.
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
