package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/troupe-go/troupe/bench/internal/bare"
	"github.com/troupe-go/troupe/bench/internal/echo"
	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
	"github.com/troupe-go/troupe/faults/natsserver"
)

const (
	// roleVariable tells a process of this program that it is a child, and in which role.
	roleVariable = "TROUPE_BENCH_ROLE"
	roleStub     = "stub"
	roleServer   = "server"
	roleBare     = "bare"

	// runWait bounds one run: a worker gives up on lost messages earlier.
	runWait = 90 * time.Second
)

// child does the work of a child process, if this is one.
func child() (code int, ok bool) {
	switch os.Getenv(roleVariable) {
	case roleStub:
		return job.Serve(startStub), true
	case roleServer:
		return job.Serve(startServer), true
	case roleBare:
		return job.Answer(bare.Do), true
	}
	return 0, false
}

func startStub() (job.Address, error) {
	s, err := stub.Start()
	if err != nil {
		return job.Address{}, err
	}
	return s.Address(), nil
}

// startServer starts a real server and the responder.
func startServer() (job.Address, error) {
	s, err := natsserver.Start(natsserver.Options{JetStream: true})
	if err != nil {
		return job.Address{}, err
	}
	if _, err := echo.Start(strings.TrimPrefix(s.URL(), "nats://"), job.EchoSubject); err != nil {
		return job.Address{}, err
	}
	return job.Address{URL: s.URL()}, nil
}

// command returns a process of this program in the given role.
func command(ctx context.Context, role string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd, nil
}

// server is a stub or a real server in a process of its own.
type server struct {
	address job.Address
	cmd     *exec.Cmd
	stdin   io.Closer
}

// startChild starts a server process and waits for its address.
func startChild(ctx context.Context, role string) (*server, error) {
	cmd, err := command(ctx, role)
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the %s: %w", role, err)
	}
	s := &server{cmd: cmd, stdin: stdin}
	if err := json.NewDecoder(stdout).Decode(&s.address); err != nil {
		s.stop()
		return nil, fmt.Errorf("address of the %s: %w", role, err)
	}
	return s, nil
}

// stop ends the process by ending its input and waits for it.
func (s *server) stop() {
	s.stdin.Close()
	// Its exit code adds nothing to the results of the runs.
	_ = s.cmd.Wait()
}

// do hands a job to a worker process and returns its result.
func do(ctx context.Context, cmd *exec.Cmd, j *job.Job) (*job.Result, error) {
	input, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	var r job.Result
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return &r, nil
}
