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

	// tailLinesMax is how many of the last lines that a child printed are kept, to say
	// why it ended.
	tailLinesMax = 40
)

// childProcess is one life of a [Process].
type childProcess struct {
	cmd    *exec.Cmd
	log    func(level, line string) // may be nil
	stdin  io.WriteCloser           // written with speak held
	speak  sync.Mutex
	exited chan struct{} // closed when the process is gone and all that it said is read
	here   chan struct{} // closed when it said that it is a child
	ready  chan ready    // holds one
	done   chan done     // holds one

	mu   sync.Mutex
	tail []string // the last lines for people. Guarded by mu
}

// startChild starts this program in the role of a server.
func startChild(log func(level, line string)) (*childProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("natsserver: own program: %w", err)
	}
	// A test binary that does not call Child runs no test, and a program that doesn't
	// is likely to refuse the flag: both end at once.
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

// live starts the process and waits for its end, on one and the same thread: to the
// system that is the parent, and the process is to end with it.
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
	// Its exit code says less than what it printed.
	_ = c.cmd.Wait()
	<-heard
	close(c.exited)
}

// hear takes in what the process says, until its end.
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

// keep keeps a line that was printed for people.
func (c *childProcess) keep(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tail) == tailLinesMax {
		c.tail = slices.Delete(c.tail, 0, 1)
	}
	c.tail = append(c.tail, line)
}

// printed returns what the process printed for people at last.
func (c *childProcess) printed() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.tail, "\n")
}

// begin says what server to be, and waits until it is one.
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

// stillborn says why a process ended before it was a server.
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

// ask sends an order and waits until it is carried out. One at a time may ask.
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
	// The only failure is that it has ended.
	_ = c.cmd.Process.Kill()
	<-c.exited
	_ = c.stdin.Close()
}

// wait waits for the end of the process, for so long.
func (c *childProcess) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.exited:
	case <-timer.C:
	}
}
