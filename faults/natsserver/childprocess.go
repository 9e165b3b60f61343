package natsserver

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// startWait bounds the start of a child until its server is ready.
	startWait = 30 * time.Second

	// tailLinesMax is how many of a child's last lines are kept, to report why it ended.
	tailLinesMax = 40
)

// childProcess is one process of a [Process].
type childProcess struct {
	cmd    *exec.Cmd
	log    func(level, line string) // may be nil
	stdin  io.WriteCloser           // written with speak held
	speak  sync.Mutex
	exited chan struct{} // closed when the process is gone and all its output is read
	here   chan struct{} // closed when it reported that it is a child
	ready  chan ready    // holds one
	done   chan done     // holds one

	mu   sync.Mutex
	tail []string // the last lines for people. Guarded by mu
}

// startChild starts this program as a server.
func startChild(log func(level, line string)) (*childProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("natsserver: own program: %w", err)
	}
	// A test binary that does not call Child runs no test, and another program is likely
	// to refuse the flag: both end at once.
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Env = append(os.Environ(), childVariable+"=1")
	cmd.SysProcAttr = dieWithParent()
	c := &childProcess{cmd: cmd, log: log, exited: make(chan struct{}), here: make(chan struct{}), ready: make(chan ready, 1), done: make(chan done, 1)}
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("natsserver: pipe: %w", err)
	}
	said, out, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("natsserver: pipe: %w", err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	started := make(chan error)
	go c.live(started, said)
	err = <-started
	_ = out.Close() // the child has its own
	if err != nil {
		return nil, fmt.Errorf("natsserver: start a process: %w", err)
	}
	return c, nil
}

// live starts the process and waits for its end, on the same thread: the system regards
// the thread as the parent, and ends the process with it.
func (c *childProcess) live(started chan<- error, said *os.File) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		_ = said.Close()
		return
	}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		defer said.Close()
		c.hear(bufio.NewReader(said))
	}()
	// Its exit code says less than its output.
	_ = c.cmd.Wait()
	<-heard
	close(c.exited)
}

// hear reads the output of the process until its end.
func (c *childProcess) hear(said *bufio.Reader) {
	for {
		line, err := said.ReadString('\n')
		if text, ok := strings.CutPrefix(line, mark); ok {
			var r report
			if json.Unmarshal([]byte(text), &r) == nil {
				c.take(&r)
			}
		} else if line = strings.TrimSpace(line); line != "" {
			c.keep(line)
		}
		if err != nil {
			return
		}
	}
}

func (c *childProcess) take(r *report) {
	switch {
	case r.Here != nil:
		close(c.here)
	case r.Ready != nil:
		c.ready <- *r.Ready
	case r.Done != nil:
		c.done <- *r.Done
	case r.Line != nil && c.log != nil:
		c.log(r.Line.Level, r.Line.Text)
	}
}

// keep stores a line that was printed for people.
func (c *childProcess) keep(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tail) == tailLinesMax {
		c.tail = slices.Delete(c.tail, 0, 1)
	}
	c.tail = append(c.tail, line)
}

// printed returns the last lines that the process printed for people.
func (c *childProcess) printed() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.tail, "\n")
}

// begin sends the setup, and waits until the server is ready.
func (c *childProcess) begin(s *setup) (ready, error) {
	if err := c.send(s); err != nil {
		c.wait(endWait)
		return ready{}, c.stillborn()
	}
	timer := time.NewTimer(startWait)
	defer timer.Stop()
	select {
	case r := <-c.ready:
		if r.Error != "" {
			return r, errors.New(r.Error)
		}
		return r, nil
	case <-c.exited:
		return ready{}, c.stillborn()
	case <-timer.C:
		return ready{}, fmt.Errorf("natsserver: no server within %v: %w: %s", startWait, ErrNoChild, c.printed())
	}
}

// stillborn returns why a process ended before it was a server.
func (c *childProcess) stillborn() error {
	if !closed(c.here) {
		return fmt.Errorf("%w: %s", ErrNoChild, c.printed())
	}
	return fmt.Errorf("natsserver: the process ended before it was ready: %s", c.printed())
}

// send sends a setup or an order.
func (c *childProcess) send(what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("natsserver: options: %w", err)
	}
	c.speak.Lock()
	defer c.speak.Unlock()
	_, err = c.stdin.Write(append(text, '\n'))
	return err
}

// ask sends an order and waits until it is carried out. Only one call at a time is
// allowed.
func (c *childProcess) ask(o *order) (int, error) {
	if err := c.send(o); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDown, err)
	}
	select {
	case d := <-c.done:
		return d.Count, d.err()
	case <-c.exited:
		return 0, ErrDown
	}
}

// kill ends the process at once and waits for its end.
func (c *childProcess) kill() {
	// It fails only if the process has already ended.
	_ = c.cmd.Process.Kill()
	<-c.exited
	_ = c.stdin.Close()
}

// wait waits up to d for the end of the process.
func (c *childProcess) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.exited:
	case <-timer.C:
	}
}
