package actors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"reflect"
	"strings"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// Transport says how to open the connection to a server. The zero value looks up the
// server's name and dials TCP.
type Transport struct {
	// Dialer dials. Its Resolver looks up names, and its Timeout, if it has one, replaces
	// Config.Timeout as the bound of lookup and dial together.
	Dialer net.Dialer
	// Dial opens one connection in place of Dialer; nil for none. It may panic,
	// block or return nothing.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// SkipLookup leaves the server's name to the dialer.
	SkipLookup bool
	// KeepAddressOrder tries the addresses of a name in the order of the lookup,
	// not in a random one.
	KeepAddressOrder bool
	// WebSocket applies to servers with the scheme ws or wss.
	WebSocket WebSocket
}

// dial opens the connection to the server: one address of its name after the
// other, each with an even share of the time that is left.
func (g *greeter) dial(ctx context.Context) error {
	limit := cmp.Or(max(g.cfg.Transport.Dialer.Timeout, 0), g.cfg.Timeout)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if open := g.cfg.Dial; open != nil {
		conn, err := openByUser(ctx, "InProcessServer", func() (net.Conn, error) { return open(ctx, g.server) })
		g.conn = conn
		return err
	}
	addresses, err := g.addresses(ctx)
	if err != nil {
		return err
	}
	var failed dialErrors
	for i, address := range addresses {
		conn, err := g.dialAddress(ctx, address, len(addresses)-i)
		if err == nil {
			g.conn = conn
			return nil
		}
		failed = append(failed, atAddress(address, err))
		if ctx.Err() != nil {
			break
		}
	}
	if len(failed) == 1 {
		return failed[0]
	}
	return failed
}

// addresses returns what to dial. A name whose lookup fails, or takes more than half of
// the time, is left to the user's dialer, if there is one, which may resolve it
// differently, as behind a proxy.
func (g *greeter) addresses(ctx context.Context) ([]string, error) {
	t := &g.cfg.Transport
	if t.SkipLookup {
		return []string{g.server.Host}, nil
	}
	within := ctx
	if t.Dial != nil {
		half, cancel := share(ctx, 2)
		defer cancel()
		within = half
	}
	found, err := t.Dialer.Resolver.LookupHost(within, g.server.Hostname())
	switch {
	case err != nil && t.Dial != nil && ctx.Err() == nil:
		return []string{g.server.Host}, nil
	case err != nil:
		return nil, err
	}
	for i := range found {
		found[i] = net.JoinHostPort(found[i], g.server.Port())
	}
	if !t.KeepAddressOrder {
		rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	}
	return found, nil
}

// share returns a context with the first of n equal parts of the time left.
func share(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	end, _ := ctx.Deadline()
	return context.WithTimeout(ctx, time.Until(end)/time.Duration(n))
}

// dialAddress dials the first of left addresses.
func (g *greeter) dialAddress(ctx context.Context, address string, left int) (net.Conn, error) {
	t := &g.cfg.Transport
	ctx, cancel := share(ctx, left)
	defer cancel()
	if t.Dial != nil {
		return openByUser(ctx, "CustomDialer", func() (net.Conn, error) { return t.Dial(ctx, "tcp", address) })
	}
	dialer := t.Dialer
	dialer.Timeout = 0 // ctx has the deadline
	return dialer.DialContext(ctx, "tcp", address)
}

// openByUser runs user code that opens a connection. One that comes too late is closed.
// An error that the code returns is passed on as it is; any other failure becomes a
// *CallbackError.
func openByUser(ctx context.Context, option string, open func() (net.Conn, error)) (net.Conn, error) {
	conn, err := askUser(ctx, "dial", open, func(late net.Conn) {
		if !isNil(late) {
			late.Close()
		}
	})
	if err == nil && isNil(conn) {
		err = ErrNoConnection
	}
	if errors.Is(err, supervisor.ErrHandlerFailed) || errors.Is(err, ErrNoConnection) {
		err = &CallbackError{Option: option, Err: conceal(err)}
	}
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// isNil reports whether there is no connection; a typed nil counts as none.
func isNil(conn net.Conn) bool {
	value := reflect.ValueOf(conn)
	return !value.IsValid() || value.Kind() == reflect.Pointer && value.IsNil()
}

// dialErrors are the failures of a name's addresses, in the order in which they were
// tried.
type dialErrors []error

// Error joins the failures in one line.
func (e dialErrors) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns all of them.
func (e dialErrors) Unwrap() []error { return e }

// atAddress adds the address to an error that does not name it.
func atAddress(address string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		return err
	}
	return fmt.Errorf("%s: %w", address, err)
}
