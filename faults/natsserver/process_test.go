//go:build unix

package natsserver_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// process starts a server in a process for one test.
func process(t *testing.T, opts natsserver.Options) *natsserver.Process {
	t.Helper()
	return natsserver.RunProcess(t, opts)
}

// greeted connects without a client library and returns what arrives after the greeting.
func greeted(t *testing.T, url string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "nats://"))
	must.Do(t, err)
	t.Cleanup(func() { conn.Close() })
	must.Do(t, conn.SetDeadline(time.Now().Add(wait)))
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "INFO ") {
		t.Fatalf("greeting %q, %v", line, err)
	}
	return conn, r
}

func TestAProcessIsKilledAndComesBack(t *testing.T) {
	p := process(t, natsserver.Options{})
	url, pid := p.URL(), p.PID()
	if pid == os.Getpid() || !p.Running() {
		t.Errorf("the server runs (%v) in process %d, this is %d", p.Running(), pid, os.Getpid())
	}
	_, r := greeted(t, url)
	p.Kill()
	p.Kill()
	if rest, _ := io.ReadAll(r); len(rest) != 0 {
		t.Errorf("the server said %q before the cut", rest)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(url, "nats://")); err == nil || p.Running() {
		t.Errorf("a killed server accepts connections, and says that it is running: %v", p.Running())
	}
	must.Do(t, p.Restart())
	if p.URL() != url || p.PID() == pid {
		t.Errorf("after the restart the server is %s in %d, before it was %s in %d", p.URL(), p.PID(), url, pid)
	}
	greeted(t, url)
	must.Do(t, p.Restart())
	greeted(t, url)
}

func TestAPausedProcessKeepsItsConnections(t *testing.T) {
	p := process(t, natsserver.Options{})
	conn, r := greeted(t, p.URL())
	must.Do(t, p.Pause())
	must.Do(t, p.Pause())
	// The system accepts connections and bytes, which the process finds later.
	_, err := conn.Write([]byte("CONNECT {\"verbose\":false}\r\nPING\r\n"))
	must.Do(t, err)
	late, err := net.Dial("tcp", conn.RemoteAddr().String())
	must.Do(t, err)
	defer late.Close()
	if !p.Running() {
		t.Error("a paused server is not running")
	}
	if n, err := p.KickAll(); n != 0 || !errors.Is(err, natsserver.ErrPaused) {
		t.Errorf("a kick during the pause: %v", err)
	}
	if err := p.Reload(func(*natsserver.Options) {}); !errors.Is(err, natsserver.ErrPaused) {
		t.Errorf("a reload during the pause: %v", err)
	}
	must.Do(t, conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	if line, err := r.ReadString('\n'); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a paused server says %q, %v", line, err)
	}
	must.Do(t, p.Resume())
	must.Do(t, p.Resume())
	must.Do(t, conn.SetReadDeadline(time.Now().Add(wait)))
	line, err := r.ReadString('\n')
	for line == "PING\r\n" { // the first one is due after two seconds
		line, err = r.ReadString('\n')
	}
	if line != "PONG\r\n" {
		t.Errorf("after the pause the server says %q, %v", line, err)
	}
	must.Do(t, late.SetDeadline(time.Now().Add(wait)))
	if line, err := bufio.NewReader(late).ReadString('\n'); !strings.HasPrefix(line, "INFO ") {
		t.Errorf("the server greets a late client with %q, %v", line, err)
	}
	must.Do(t, p.Pause())
	must.Do(t, p.Restart())
	greeted(t, p.URL())
	must.Do(t, p.Pause())
	p.Kill()
	if err := p.Pause(); !errors.Is(err, natsserver.ErrDown) {
		t.Errorf("a pause while down: %v", err)
	}
	if err := p.Resume(); !errors.Is(err, natsserver.ErrDown) {
		t.Errorf("a resume while down: %v", err)
	}
}

func TestAProcessKeepsItsStreams(t *testing.T) {
	p := process(t, natsserver.Options{JetStream: true, Name: "keeper"})
	connect := func() (*nats.Conn, jetstream.JetStream) {
		nc, err := nats.Connect(p.URL())
		must.Do(t, err)
		js, err := jetstream.New(nc)
		must.Do(t, err)
		return nc, js
	}
	nc, js := connect()
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}})
	must.Do(t, err)
	_, err = js.Publish(t.Context(), "events.one", []byte("1"))
	must.Do(t, err)
	nc.Close()
	must.Do(t, p.Restart())
	nc, js = connect()
	defer nc.Close()
	stream, err := js.Stream(t.Context(), "EVENTS")
	must.Do(t, err)
	if n := stream.CachedInfo().State.Msgs; n != 1 {
		t.Errorf("after the kill the stream holds %d messages, want 1", n)
	}
	dir := p.StoreDir()
	p.Shutdown()
	p.Shutdown()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary store is still there: %v", err)
	}
	if err := p.Restart(); !errors.Is(err, natsserver.ErrShutdown) {
		t.Errorf("restart after shutdown: %v", err)
	}
	if err := p.Pause(); !errors.Is(err, natsserver.ErrShutdown) {
		t.Errorf("pause after shutdown: %v", err)
	}
}

func TestAProcessTakesOrders(t *testing.T) {
	kicks(t, process(t, natsserver.Options{}))
	reloads(t, process(t, oneAccount()))
}

func TestAProcessTrustsAnOperator(t *testing.T) {
	trusts(t, func(opts natsserver.Options) operated { return process(t, opts) })
}

func TestAProcessLogsToItsParent(t *testing.T) {
	lines := make(chan string, 100)
	p := process(t, natsserver.Options{Name: "anchor", WebSocket: true, Log: func(level, line string) {
		select {
		case lines <- level + " " + line:
		default:
		}
	}})
	for line := receive(t, lines, "line of the log"); !strings.HasPrefix(line, "notice ") || !strings.Contains(line, "anchor"); {
		line = receive(t, lines, "line with the name")
	}
	nc, err := nats.Connect(p.WebSocketURL())
	must.Do(t, err)
	nc.Close()
}

func TestALameDuckProcessSaysGoodbye(t *testing.T) {
	p := process(t, natsserver.Options{LameDuck: time.Millisecond})
	_, end := once(t, p.URL(), "ann")
	done := p.LameDuck()
	if again := p.LameDuck(); again != done {
		t.Error("a second call returns another channel")
	}
	receive(t, end, "end of the connection")
	receive(t, done, "end of the server")
	if p.Running() {
		t.Error("a lame duck that is gone says that it is running")
	}
	must.Do(t, p.Restart())
	greeted(t, p.URL())
}

func TestAProcessThatCannotStartSaysWhy(t *testing.T) {
	other := natsserver.Run(t, natsserver.Options{})
	for want, config := range map[string]string{
		"max_payload":            "max_payload: 1000, max_pending: 10",
		"address already in use": fmt.Sprintf("port: %d", other.Port()),
	} {
		if _, err := natsserver.StartProcess(natsserver.Options{Config: config}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a start with %q: %v", config, err)
		}
	}
	for want, opts := range map[string]natsserver.Options{
		"DontListen":   {DontListen: true},
		"TLS":          {TLS: new(tls.Config)},
		"WebSocketTLS": {WebSocket: true, WebSocketTLS: new(tls.Config)},
		"Edit":         {Edit: func(*server.Options) {}},
		"Route":        {Route: func(_, _, address string) (string, error) { return address, nil }},
	} {
		var option *natsserver.OptionError
		if _, err := natsserver.StartProcess(opts); !errors.As(err, &option) || option.Option != want {
			t.Errorf("a start with %s: %v", want, err)
		}
	}
	twice := []natsserver.Account{{Name: "A"}, {Name: "A"}}
	var account *natsserver.AccountError
	if _, err := natsserver.StartProcess(natsserver.Options{Accounts: twice}); !errors.As(err, &account) {
		t.Errorf("a start with an account twice: %v", err)
	}
	err := process(t, natsserver.Options{}).Reload(func(o *natsserver.Options) { o.Accounts = twice })
	if account = nil; !errors.As(err, &account) || account.Name != "A" {
		t.Errorf("a reload with an account twice: %v", err)
	}
}

// role returns a process of this program in a role.
func role(t *testing.T, name string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must.Do(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(append(os.Environ(), roleVariable+"="+name), env...)
	return cmd
}

func TestAProcessEndsWithItsParent(t *testing.T) {
	for _, env := range []string{"NOTHING=", roleVariable + "_PAUSE=1"} {
		cmd := role(t, roleParent, env)
		stdin, err := cmd.StdinPipe()
		must.Do(t, err)
		defer stdin.Close()
		stdout, err := cmd.StdoutPipe()
		must.Do(t, err)
		must.Do(t, cmd.Start())
		url, err := bufio.NewReader(stdout).ReadString('\n')
		must.Do(t, err)
		conn, err := net.Dial("tcp", strings.TrimPrefix(strings.TrimSpace(url), "nats://"))
		must.Do(t, err)
		defer conn.Close()
		must.Do(t, cmd.Process.Kill())
		must.Do(t, conn.SetDeadline(time.Now().Add(wait)))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("with %s the server outlives its parent: %v", env, err)
		}
		_ = cmd.Wait()
	}
}

func TestAProcessLearnsOfTheEndOfItsParentFromItsInput(t *testing.T) {
	p := process(t, natsserver.Options{})
	p.Orphan()
	if p.Running() {
		t.Error("it is running")
	}
	must.Do(t, p.Restart())
	greeted(t, p.URL())
}

func TestAProgramThatDoesNotCallChildIsToldSo(t *testing.T) {
	// The process that it starts plays the same role, and would start one in its turn.
	out, err := role(t, roleNoChild).CombinedOutput()
	if err == nil || !strings.Contains(string(out), natsserver.ErrNoChild.Error()) || strings.Contains(string(out), "within") {
		t.Errorf("it said %q, %v", out, err)
	}
}

func TestAProcessMayBeChangedFromManyGoroutines(t *testing.T) {
	p := process(t, natsserver.Options{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(p.Kill)
		wg.Go(func() { _ = p.Pause() })
		wg.Go(func() { _ = p.Resume() })
		wg.Go(func() { _, _ = p.KickAll() })
		wg.Go(func() {
			if err := p.Restart(); err != nil {
				t.Errorf("restart: %v", err)
			}
		})
	}
	wg.Wait()
	must.Do(t, p.Restart())
	greeted(t, p.URL())
}
