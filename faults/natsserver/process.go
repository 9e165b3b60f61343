package natsserver

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// endWait is how long a process has to end by itself after Shutdown.
const endWait = 10 * time.Second

// Process is a nats-server in a process of its own, for faults that need one: a kill that
// leaves torn writes behind, a stop that freezes it with its connections open. It has the
// methods of a [Server] except for those that need its memory. All methods are safe for
// concurrent use; those that change its state wait for one another.
//
//	StartProcess ──► running ──Kill──► down ──Restart──► running     same port, same store
//	                  │   ▲              ▲
//	                Pause Resume         │
//	                  ▼   │              │
//	                 paused ────Kill─────┘
//
// The process ends with its parent, however that ends. On Linux this also holds for a
// paused one; on other systems a paused one ends when it is resumed.
type Process struct {
	// at is where the server is. Fixed by the first start, immutable afterwards.
	at place
	// ownsStore says that Shutdown removes the store.
	ownsStore bool

	// change serialises state changes, as in Server.
	change chan struct{}

	mu       sync.Mutex
	opts     Options       // Written with change held as well. Guarded by mu
	child    *childProcess // the latest. Guarded by mu
	paused   bool          // Guarded by mu
	gone     bool          // Guarded by mu
	farewell chan struct{} // of child; nil before LameDuck. Guarded by mu
}

// StartProcess starts this program once more as a server and returns when clients can
// connect to it. It needs a call of [Child] at the beginning of TestMain or main; without
// it the error is [ErrNoChild]. Options that cannot be passed to another process are
// refused: the error is an [*OptionError] for TLS, WebSocketTLS, Route, Edit and
// DontListen. For TLS, name the files in Options.Config.
func StartProcess(opts Options) (*Process, error) {
	if os.Getenv(childVariable) != "" {
		return nil, ErrNoChild // this process was to be a server, and did not call Child
	}
	if err := portable(&opts); err != nil {
		return nil, err
	}
	p := &Process{opts: opts, at: place{on: ports{client: server.RANDOM_PORT, webSocket: server.RANDOM_PORT}},
		change: make(chan struct{}, 1)}
	if opts.JetStream {
		var err error
		if p.at.storeDir, p.ownsStore, err = storeOf(&opts); err != nil {
			return nil, err
		}
	}
	if err := p.start(); err != nil {
		p.removeStore()
		return nil, err
	}
	opts.Operator.attach(p)
	return p, nil
}

// portable returns an error for options that cannot be passed to another process.
func portable(opts *Options) error {
	for _, o := range []struct {
		name string
		set  bool
		why  string
	}{
		{"DontListen", opts.DontListen, "a process is reached through its socket only"},
		{"TLS", opts.TLS != nil, "cannot go to another process: name files in Config"},
		{"WebSocketTLS", opts.WebSocketTLS != nil, "cannot go to another process: name files in Config"},
		{"Route", opts.Route != nil, "a process is no member of a cluster"},
		{"Edit", opts.Edit != nil, "cannot go to another process: use Config"},
	} {
		if o.set {
			return &OptionError{Option: o.name, Why: o.why}
		}
	}
	// The child would report the same, but only as text.
	if _, err := accountsConfig(opts.Accounts); err != nil {
		return fmt.Errorf("natsserver: options: %w", err)
	}
	return nil
}

// start starts a child with the current options. The caller holds change, or has
// exclusive access.
func (p *Process) start() error {
	c, err := startChild(p.opts.Log)
	if err != nil {
		return err
	}
	wanted := logging("")
	if p.opts.Log != nil {
		wanted = logWanted
	}
	begin := setup{Options: p.opts, StoreDir: p.at.storeDir, ClientPort: p.at.on.client,
		WebSocketPort: p.at.on.webSocket, Log: wanted}
	ready, err := c.begin(&begin)
	if err != nil {
		c.kill()
		return err
	}
	p.at.on.client, p.at.on.webSocket = ready.ClientPort, ready.WebSocketPort
	p.at.scheme, p.at.webSocketScheme = ready.Scheme, ready.WebSocketScheme
	p.mu.Lock()
	p.child, p.paused, p.farewell = c, false, nil
	p.mu.Unlock()
	return nil
}

// URL returns the address for a client: nats://127.0.0.1:port, or tls:// for a server
// that requires TLS. It stays the same over restarts.
func (p *Process) URL() string { return p.at.clientURL() }

// WebSocketURL returns the address for a client over WebSocket, "" without
// [Options.WebSocket].
func (p *Process) WebSocketURL() string { return p.at.webSocketURL() }

// Port returns the port that the server listens on, even while it is down.
func (p *Process) Port() int { return p.at.on.client }

// StoreDir returns the directory of the JetStream store, "" without JetStream.
func (p *Process) StoreDir() string { return p.at.storeDir }

// PID returns the id of the process, or of the last one if the server is down.
func (p *Process) PID() int { return p.last().cmd.Process.Pid }

// Running reports whether there is a process. A paused one counts: the system accepts
// connections for it.
func (p *Process) Running() bool { return !closed(p.last().exited) }

func (p *Process) last() *childProcess {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.child
}

// state returns the running child, or why there is none that can carry out orders.
func (p *Process) state() (*childProcess, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.gone:
		return nil, ErrShutdown
	case closed(p.child.exited):
		return nil, ErrDown
	case p.paused:
		return p.child, ErrPaused
	}
	return p.child, nil
}

// Kill ends the process at once, as SIGKILL does, even if it is paused: nothing is
// announced, flushed or synced. It returns when the process is gone. Port and store stay
// reserved for Restart. On a server that is down it does nothing.
func (p *Process) Kill() {
	p.change <- struct{}{}
	defer func() { <-p.change }()
	p.last().kill()
}

// Restart starts the server again on the same port with the same store; a running one is
// killed first. It returns when clients can connect. The error is ErrShutdown after
// Shutdown; after any other error the server is down, and Restart may be called again.
func (p *Process) Restart() error {
	p.change <- struct{}{}
	defer func() { <-p.change }()
	if _, err := p.state(); err == ErrShutdown {
		return err
	}
	p.last().kill()
	return p.start()
}

// Pause stops the process as SIGSTOP does: it does nothing any more, its connections stay
// open, and the system accepts further ones for it. On a paused server it does nothing;
// the error is [ErrDown] for one that is down, and [errors.ErrUnsupported] on a system
// without such signals.
func (p *Process) Pause() error {
	p.change <- struct{}{}
	defer func() { <-p.change }()
	c, err := p.state()
	if err != nil {
		return unlessPaused(err)
	}
	if err := c.stop(); err != nil {
		return fmt.Errorf("natsserver: pause: %w", err)
	}
	p.setPaused(isPaused)
	return nil
}

// Resume continues a paused server, as SIGCONT does. On one that is not paused it does
// nothing; the error is [ErrDown] for one that is down.
func (p *Process) Resume() error {
	p.change <- struct{}{}
	defer func() { <-p.change }()
	c, err := p.state()
	if !errors.Is(err, ErrPaused) {
		return err
	}
	if err := c.goOn(); err != nil {
		return fmt.Errorf("natsserver: resume: %w", err)
	}
	p.setPaused(isRunning)
	return nil
}

// motion says whether a process is to run or stop.
type motion bool

const (
	isPaused  motion = true
	isRunning motion = false
)

func (p *Process) setPaused(m motion) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = m == isPaused
}

func unlessPaused(err error) error {
	if errors.Is(err, ErrPaused) {
		return nil
	}
	return err
}

// Reload works like [Server.Reload]. The error is [ErrPaused] while the server is paused.
func (p *Process) Reload(edit func(*Options)) error {
	p.change <- struct{}{}
	defer func() { <-p.change }()
	c, err := p.state()
	if err != nil && !errors.Is(err, ErrDown) {
		return err
	}
	p.mu.Lock()
	opts := p.opts.clone()
	p.mu.Unlock()
	edit(&opts)
	if err := errors.Join(portable(&opts), fixed(&p.opts, &opts)); err != nil {
		return err
	}
	if c != nil {
		_, err = c.ask(&order{Do: doReload, Options: &opts})
	} else {
		_, err = opts.serverOptions(p.at)
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.opts = opts
	p.mu.Unlock()
	return nil
}

// Kick works like [Server.Kick]. The error is [ErrPaused] while the server is paused.
func (p *Process) Kick(name string) (int, error) { return p.order(&order{Do: doKick, Name: name}) }

// KickID works like [Server.KickID]. The error is [ErrPaused] while the server is paused.
func (p *Process) KickID(id uint64) error {
	_, err := p.order(&order{Do: doKickID, ID: id})
	return err
}

// KickAll works like [Server.KickAll]. The error is [ErrPaused] while the server is
// paused.
func (p *Process) KickAll() (int, error) { return p.order(&order{Do: doKickAll}) }

// follow applies the JWT of an account. A server that is down gets it when it starts.
func (p *Process) follow(account, token string) error {
	_, err := p.order(&order{Do: doFollow, Account: account, Token: token})
	if errors.Is(err, ErrDown) {
		return nil
	}
	return err
}

func (p *Process) order(o *order) (int, error) {
	p.change <- struct{}{}
	defer func() { <-p.change }()
	c, err := p.state()
	if err != nil {
		return 0, err
	}
	return c.ask(o)
}

// LameDuck works like [Server.LameDuck]: the channel is closed when the process is gone.
func (p *Process) LameDuck() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.farewell == nil {
		p.farewell = p.child.exited
		// The end of the process is the answer, even if it came first.
		_ = p.child.send(&order{Do: doLameDuck})
	}
	return p.farewell
}

// Shutdown stops the server for good and removes its temporary store. A running server
// gets ten seconds to sync its store, and is then killed. Further calls do nothing.
func (p *Process) Shutdown() {
	p.change <- struct{}{}
	defer func() { <-p.change }()
	c, err := p.state()
	if errors.Is(err, ErrShutdown) {
		return
	}
	if err == nil && c.send(&order{Do: doShutdown}) == nil {
		c.wait(endWait)
	}
	p.last().kill()
	p.mu.Lock()
	p.gone = true
	operator := p.opts.Operator
	p.mu.Unlock()
	operator.detach(p)
	p.removeStore()
}

func (p *Process) removeStore() {
	if p.ownsStore {
		// What cannot be removed stays in the system's temporary directory.
		_ = os.RemoveAll(p.at.storeDir)
	}
}
