package actors

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
)

// The kinds of a *TLSError.
var (
	// ErrSecureConnWanted: the server does not offer the TLS that was asked for.
	ErrSecureConnWanted error = kind.New("troupe: secure connection not available").In(kind.TLS)
	// ErrSecureConnFailed: the TLS handshake failed.
	ErrSecureConnFailed error = kind.New("troupe: secure connection failed").In(kind.TLS)
)

// Stages of a TLSError.
const (
	tlsOffer     = "offer"
	tlsConfig    = "config"
	tlsHandshake = "handshake"
	tlsFirst     = "first"
	tlsVerify    = "verify"
)

// TLSError reports a connection that could not be made secure. The stages are offer, when
// one side wants TLS and the other does not offer it; config, when our certificate or the
// authorities are not available; handshake, also when the server ends the connection
// right after it; first, for the handshake with a server that expects TLS before anything
// else; and verify, when the server's certificate is not trusted.
type TLSError struct {
	Kind  error  // ErrSecureConnWanted, ErrSecureConnRequired or ErrSecureConnFailed
	URL   string // without credentials
	Stage string // offer, config, handshake, first, verify
	Err   error  // nil at the stage offer
}

// Error names stage and cause.
func (e *TLSError) Error() string {
	if e.Err == nil {
		return e.Kind.Error()
	}
	return fmt.Sprintf("%v (%s): %s", e.Kind, e.Stage, kind.Plain(e.Err))
}

// Unwrap returns the kind, the cause, and the alert as a tls.AlertError if the
// server sent one.
func (e *TLSError) Unwrap() []error {
	all := []error{e.Kind}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	if alert, ok := alertOf(e.Err); ok {
		all = append(all, alert)
	}
	return all
}

// Retryable reports whether the handshake was interrupted rather than refused: what one
// side refused, it will refuse again.
func (e *TLSError) Retryable() bool {
	_, alert := alertOf(e.Err)
	return !alert && kind.CanRetry(e.Err)
}

// Category is always TLS, whatever the cause.
func (e *TLSError) Category() kind.Category { return kind.TLS }

// MaybeSent reports false: nothing is sent before TLS is established.
func (e *TLSError) MaybeSent() bool { return false }

// alertOf returns the alert in err. Package tls has a type of its own for those
// that come over TCP and exports only the one for QUIC; the numbers are the same.
func alertOf(err error) (tls.AlertError, bool) {
	var remote *net.OpError
	if !errors.As(err, &remote) || remote.Op != "remote error" {
		return 0, false
	}
	value := reflect.ValueOf(remote.Err)
	if value.Kind() != reflect.Uint8 {
		return 0, false
	}
	return tls.AlertError(value.Uint()), true
}

// tlsConfig makes the configuration for a handshake with one server. It is made again for
// each handshake, so that the callbacks can return renewed certificates: use it for every
// transport. The callbacks may block until ctx is done. The error is a *CallbackError.
func (g *greeter) tlsConfig(ctx context.Context) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if g.cfg.TLS != nil {
		config = g.cfg.TLS.Clone()
	}
	config.ServerName = cmp.Or(g.cfg.TLSServerName, config.ServerName, g.tlsName, g.server.Hostname())
	return config, g.cfg.AskTLS(ctx, config)
}

// AskTLS puts the results of TLSCertificate and TLSRootCAs into config. They may block
// until ctx is done. The error is a *CallbackError.
func (cfg *Config) AskTLS(ctx context.Context, config *tls.Config) error {
	if ask := cfg.TLSCertificate; ask != nil {
		certificate, err := Ask(ctx, "TLSCertCB", func() (tls.Certificate, error) { return checkCertificate(ask()) })
		if err != nil {
			return err
		}
		config.Certificates, config.GetClientCertificate = []tls.Certificate{certificate}, nil
	}
	if ask := cfg.TLSRootCAs; ask != nil {
		pool, err := Ask(ctx, "RootCAsCB", func() (*x509.CertPool, error) { return checkAuthorities(ask()) })
		if err != nil {
			return err
		}
		config.RootCAs = pool
	}
	return nil
}

var (
	errNoCertificate error = kind.New("it returned no certificate", ErrCallbackFailed)
	errNoAuthorities error = kind.New("it returned no certificates", ErrCallbackFailed)
)

// checkCertificate refuses a certificate that would silently not be sent.
func checkCertificate(certificate tls.Certificate, err error) (tls.Certificate, error) {
	if err == nil && len(certificate.Certificate) == 0 {
		err = errNoCertificate
	}
	return certificate, err
}

// checkAuthorities refuses nil, which would silently mean the system's authorities.
func checkAuthorities(pool *x509.CertPool, err error) (*x509.CertPool, error) {
	if err == nil && pool == nil {
		err = errNoAuthorities
	}
	return pool, err
}

// wantsTLS reports whether we require TLS.
func (g *greeter) wantsTLS() bool { return g.cfg.Secure || g.server.Scheme == "tls" }

// secure starts TLS on the connection if either side wants it. It fails before anything
// is written when we want TLS and the server does not offer it, or the other way round.
func (g *greeter) secure(ctx context.Context, info *protocol.Info) error {
	switch {
	case g.secured != nil || g.viaWebSocket(): // TLS was decided before INFO
		return nil
	case g.cfg.NoTLS && info.TLSRequired:
		return g.tlsError(protocol.ErrSecureConnRequired, tlsOffer, nil)
	case g.wantsTLS() && !info.TLSRequired && !info.TLSAvailable:
		return g.tlsError(ErrSecureConnWanted, tlsOffer, nil)
	case !g.wantsTLS() && !info.TLSRequired:
		return nil
	}
	return g.startTLS(ctx, tlsHandshake)
}

// startTLS starts TLS on the connection, unless the dialer has done so. Bytes read before
// are dropped: they are not authenticated.
func (g *greeter) startTLS(ctx context.Context, stage string) error {
	if g.cfg.DialSecures {
		return nil
	}
	config, err := g.tlsConfig(ctx)
	if err != nil {
		return g.tlsError(ErrSecureConnFailed, tlsConfig, err)
	}
	plain := &overheard{Conn: g.conn}
	secured := tls.Client(plain, config)
	err = secured.HandshakeContext(ctx)
	plain.over = true
	if err != nil {
		err = plain.instead(err)
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			stage = tlsVerify
		}
		return g.tlsError(ErrSecureConnFailed, stage, err)
	}
	g.conn, g.secured, g.heard, g.buf = secured, secured, false, nil
	return nil
}

// overheard records what a server sends before a handshake is complete: a server that
// refuses us may say so in plain text.
type overheard struct {
	net.Conn
	first []byte // at most overheardMax bytes
	over  bool   // the handshake is over; set by its goroutine, the only reader until then
}

// overheardMax is more than the longest -ERR that a server sends in a handshake.
const overheardMax = 256

// Read reads from the connection.
func (o *overheard) Read(p []byte) (int, error) {
	n, err := o.Conn.Read(p)
	if !o.over {
		o.first = append(o.first, p[:min(n, overheardMax-len(o.first))]...)
	}
	return n, err
}

// NetConn returns the connection itself, as the NetConn of a tls.Conn does.
func (o *overheard) NetConn() net.Conn { return o.Conn }

// instead returns the -ERR that came where the handshake expected a record, or err.
func (o *overheard) instead(err error) error {
	line, _, _ := bytes.Cut(o.first, []byte("\r\n"))
	var record tls.RecordHeaderError
	if text, ok := bytes.CutPrefix(line, []byte("-ERR ")); ok && errors.As(err, &record) {
		return protocol.ClassifyServerError(text)
	}
	return err
}

// tlsState is the state of the connection's TLS, ours or the dialer's; nil for none.
func (g *greeter) tlsState() *tls.ConnectionState {
	secured, ok := g.conn.(interface{ ConnectionState() tls.ConnectionState })
	if g.secured != nil {
		secured, ok = g.secured, true
	}
	if !ok {
		return nil
	}
	state := secured.ConnectionState()
	return &state
}

// TLS returns the TLS state of the connection to the server in use, nil if it does not
// use TLS. It returns ErrDisconnected while there is no server.
func (c *Conn) TLS() (*tls.ConnectionState, error) {
	state := c.tls.Load()
	if c.server.Load() == nil {
		return nil, ErrDisconnected
	}
	return state, nil
}

// cutOff explains the end of the stream. In TLS 1.3 a server that refuses our certificate
// says so after the handshake, or just closes: until it has sent anything else, the end
// counts as a failure of the handshake.
func (g *greeter) cutOff(err error) error {
	if g.secured == nil || g.heard || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return g.tlsError(ErrSecureConnFailed, tlsHandshake, err)
}

func (g *greeter) tlsError(kind error, stage string, err error) error {
	return &TLSError{Kind: kind, URL: redacted(g.server), Stage: stage, Err: err}
}
