package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
)

// Kinds of errors about TLS.
var (
	// ErrSecureConnWanted: the server does not offer the TLS that was asked for. Nothing was
	// sent. It is fatal for the link.
	ErrSecureConnWanted = actors.ErrSecureConnWanted
	// ErrSecureConnRequired: the server insists on TLS, which NoTLS forbids. It is fatal for
	// the link.
	ErrSecureConnRequired = protocol.ErrSecureConnRequired
	// ErrSecureConnFailed: the TLS handshake failed. It is fatal for the link.
	ErrSecureConnFailed = actors.ErrSecureConnFailed
	// ErrConnectionNotTLS: the connection has no TLS.
	ErrConnectionNotTLS error = kind.New("troupe: connection is not tls").In(kind.TLS)
	// ErrMultipleTLSConfigs: Secure was given more than one configuration.
	ErrMultipleTLSConfigs error = kind.New("troupe: multiple tls.Configs not allowed", ErrInvalidArg)
	// ErrClientCertOrRootCAsRequired: ClientTLSConfig was given no callback.
	ErrClientCertOrRootCAsRequired error = kind.New("troupe: at least one of certCB or rootCAsCB must be set", ErrInvalidArg)
)

// TLSError is a connection that could not be made secure: errors.As finds the
// errors of crypto/tls and crypto/x509 in it, the server's alert as a
// tls.AlertError, and what a callback or a file has to say.
type TLSError = actors.TLSError

// Callbacks for TLS. They are called from a goroutine of their own at every
// handshake and may block for as long as Timeout lasts; after that, as after a
// panic, an error or an empty answer, the attempt fails with ErrCallbackFailed.
type (
	// TLSCertHandler returns the client's certificate.
	TLSCertHandler func() (tls.Certificate, error)
	// RootCAsHandler returns the authorities that servers' certificates are
	// verified against.
	RootCAsHandler func() (*x509.CertPool, error)
)

// Secure requires TLS, with the given configuration or Go's defaults: the
// server's certificate is verified. A server that does not offer TLS fails with
// ErrSecureConnWanted before anything is sent. So does a tls address anywhere in
// the list of servers. Without either, TLS is used where a server requires it.
// The configuration is cloned for each handshake; more than one is an
// ErrMultipleTLSConfigs.
func Secure(configs ...*tls.Config) Option {
	return func(o *Options) error {
		if len(configs) > 1 {
			return &InvalidArgError{Kind: ErrMultipleTLSConfigs, What: "option Secure", Reason: "was given several"}
		}
		o.Secure = true
		if len(configs) == 1 {
			o.TLSConfig = configs[0]
		}
		return nil
	}
}

// RootCAs requires TLS and verifies servers against the certificates in the given
// PEM files. They are read at once, so that a mistake ends Connect with an
// ErrInvalidArg, and again at every handshake: they may be replaced meanwhile.
func RootCAs(files ...string) Option {
	return func(o *Options) error {
		if len(files) == 0 {
			return badArg("option RootCAs", "names no file")
		}
		if _, err := readRootCAs(files); err != nil {
			return err
		}
		o.Secure = true
		o.RootCAsCB = func() (*x509.CertPool, error) { return readRootCAs(files) }
		return nil
	}
}

func readRootCAs(files []string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, badFile("option RootCAs", "cannot be read", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, badArg("option RootCAs", fmt.Sprintf("found no certificate in %q", file))
		}
	}
	return pool, nil
}

// ClientCert requires TLS and presents the certificate and key in the given PEM
// files to servers that ask for one. They are read at once, so that a mistake ends
// Connect with an ErrInvalidArg, and again at every handshake: they may be
// replaced meanwhile.
func ClientCert(certFile, keyFile string) Option {
	return func(o *Options) error {
		if _, err := readClientCert(certFile, keyFile); err != nil {
			return err
		}
		o.Secure = true
		o.TLSCertCB = func() (tls.Certificate, error) { return readClientCert(certFile, keyFile) }
		return nil
	}
}

func readClientCert(certFile, keyFile string) (tls.Certificate, error) {
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return certificate, badFile("option ClientCert", "cannot be used", err)
	}
	return certificate, nil
}

// ClientTLSConfig requires TLS, with the client's certificate and the authorities
// from callbacks, of which one may be nil. Both are called at once, so that a
// mistake ends Connect with an ErrCallbackFailed, and again at every handshake.
// Without any the error is an ErrClientCertOrRootCAsRequired.
func ClientTLSConfig(certCB TLSCertHandler, rootCAsCB RootCAsHandler) Option {
	return func(o *Options) error {
		if certCB == nil && rootCAsCB == nil {
			return &InvalidArgError{Kind: ErrClientCertOrRootCAsRequired, What: "option ClientTLSConfig", Reason: "was given no callback"}
		}
		ctx, cancel := o.bounded()
		defer cancel()
		trial := actors.Config{TLSCertificate: certCB, TLSRootCAs: rootCAsCB}
		if err := trial.AskTLS(ctx, new(tls.Config)); err != nil {
			return err
		}
		o.Secure, o.TLSCertCB, o.RootCAsCB = true, certCB, rootCAsCB
		return nil
	}
}

// TLSHandshakeFirst requires TLS and begins with it, before the server has said
// anything: servers have to be configured for that with handshake_first. Others
// fail with ErrSecureConnFailed at the stage "first".
func TLSHandshakeFirst() Option {
	return set(func(o *Options) { o.TLSHandshakeFirst, o.Secure = true, true })
}

// TLSServerName sets the name that a server's certificate has to carry, where that
// is not the host of its address. It does not require TLS. A blank or a character
// outside of ASCII in it is an ErrInvalidArg. Default: the ServerName of the
// tls.Config, or else the host of the server's address.
func TLSServerName(name string) Option { return set(func(o *Options) { o.TLSServerName = name }) }

// NoTLS forbids TLS, which is otherwise used where a server requires it: such a
// server fails with ErrSecureConnRequired. Together with an option or an address
// that requires TLS it is an ErrInvalidArg.
func NoTLS() Option { return set(func(o *Options) { o.NoTLS = true }) }

// TLSConnectionState returns the state of TLS with the server in use. The error is
// ErrDisconnected while there is none and ErrConnectionNotTLS without TLS.
func (nc *Conn) TLSConnectionState() (tls.ConnectionState, error) {
	if !nc.valid() {
		return tls.ConnectionState{}, ErrInvalidConnection
	}
	state, err := nc.core.TLS()
	switch {
	case err != nil:
		return tls.ConnectionState{}, err
	case state == nil:
		return tls.ConnectionState{}, ErrConnectionNotTLS
	}
	return *state, nil
}

// skipTLSDialer is a CustomDialer that may see to TLS by itself.
type skipTLSDialer interface{ SkipTLSHandshake() bool }

// dialSecures reports whether the dialer sees to TLS by itself.
func (o *Options) dialSecures() bool {
	dialer, ok := o.CustomDialer.(skipTLSDialer)
	return ok && dialer.SkipTLSHandshake()
}

// checkTLS refuses what requires and forbids TLS at once, and a name that no
// certificate carries.
func (o *Options) checkTLS() error {
	if o.NoTLS && o.Secure {
		return badArg("option NoTLS", "contradicts an option or an address that requires TLS")
	}
	if strings.ContainsFunc(o.TLSServerName, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return badArg("option TLSServerName", fmt.Sprintf("%q is not the name of a host", o.TLSServerName))
	}
	return nil
}

// bounded returns a context for callbacks that are tried while the options are
// put together.
func (o *Options) bounded() (context.Context, context.CancelFunc) {
	limit := o.Timeout
	if limit <= 0 {
		limit = DefaultTimeout
	}
	return context.WithTimeout(context.Background(), limit)
}

// badFile says that the file of an option cannot be used.
func badFile(what, reason string, err error) error {
	return &InvalidArgError{Kind: ErrInvalidArg, What: what, Reason: reason, Err: err}
}
