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
	// ErrSecureConnWanted: the client requires TLS, which the server does not offer. Nothing
	// was sent. It is fatal for the link.
	ErrSecureConnWanted = actors.ErrSecureConnWanted
	// ErrSecureConnRequired: the server requires TLS, which NoTLS forbids. It is fatal for the
	// link.
	ErrSecureConnRequired = protocol.ErrSecureConnRequired
	// ErrSecureConnFailed: the TLS handshake failed. It is fatal for the link.
	ErrSecureConnFailed = actors.ErrSecureConnFailed
	// ErrConnectionNotTLS: the connection does not use TLS.
	ErrConnectionNotTLS error = kind.New("troupe: connection is not tls").In(kind.TLS)
	// ErrMultipleTLSConfigs: Secure was given more than one configuration.
	ErrMultipleTLSConfigs error = kind.New("troupe: multiple tls.Configs not allowed", ErrInvalidArg)
	// ErrClientCertOrRootCAsRequired: ClientTLSConfig has no callback.
	ErrClientCertOrRootCAsRequired error = kind.New("troupe: at least one of certCB or rootCAsCB must be set", ErrInvalidArg)
)

// TLSError is a connection that could not be secured. errors.As finds in it the errors
// of crypto/tls and crypto/x509, the server's alert as a tls.AlertError, and the error of
// a callback or file.
type TLSError = actors.TLSError

// Callbacks for TLS. They are called on a goroutine of their own at every handshake
// and may block for up to Timeout. After that, and after a panic, an error or an empty
// result, the attempt fails with ErrCallbackFailed.
type (
	// TLSCertHandler returns the client's certificate.
	TLSCertHandler func() (tls.Certificate, error)
	// RootCAsHandler returns the authorities that servers' certificates are verified
	// against.
	RootCAsHandler func() (*x509.CertPool, error)
)

// Secure requires TLS with the given configuration, or with Go's defaults, which verify the
// server's certificate. With a server that does not offer TLS, an attempt fails with
// ErrSecureConnWanted before anything is sent. A tls address anywhere in the list of servers
// has the same effect. Without either, TLS is used if the server requires it. The
// configuration is cloned for each handshake; more than one is an ErrMultipleTLSConfigs.
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

// RootCAs requires TLS and verifies servers against the certificates in the given PEM files.
// They are read at once, so that Connect returns a mistake as an ErrInvalidArg, and again at
// every handshake, so that they can be replaced.
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

// ClientCert requires TLS and presents the certificate and key in the given PEM files to
// servers that ask for one. They are read at once, so that Connect returns a mistake as an
// ErrInvalidArg, and again at every handshake, so that they can be replaced.
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

// ClientTLSConfig requires TLS, with callbacks for the client's certificate and for the
// authorities, one of which may be nil. They are called at once, so that Connect returns a
// mistake as an ErrCallbackFailed, and again at every handshake. If both are nil, the error
// is ErrClientCertOrRootCAsRequired.
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

// TLSHandshakeFirst requires TLS and begins with its handshake, before the server has sent
// anything. The server must be configured with handshake_first; with any other, an attempt
// fails with ErrSecureConnFailed at the stage "first".
func TLSHandshakeFirst() Option {
	return set(func(o *Options) { o.TLSHandshakeFirst, o.Secure = true, true })
}

// TLSServerName sets the name that a server's certificate must contain, if that is not the
// host of its address. It does not require TLS. A name with a blank or a non-ASCII character
// is an ErrInvalidArg. Default: the ServerName of the tls.Config, or else the host of the
// server's address.
func TLSServerName(name string) Option { return set(func(o *Options) { o.TLSServerName = name }) }

// NoTLS forbids TLS, which is otherwise used if the server requires it. With such a server,
// an attempt fails with ErrSecureConnRequired. Together with an option or an address that
// requires TLS it is an ErrInvalidArg.
func NoTLS() Option { return set(func(o *Options) { o.NoTLS = true }) }

// TLSConnectionState returns the TLS state of the link to the server. The error is
// ErrDisconnected while there is no server, and ErrConnectionNotTLS without TLS.
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

// skipTLSDialer is a CustomDialer that may do TLS by itself.
type skipTLSDialer interface{ SkipTLSHandshake() bool }

// dialSecures reports whether the dialer does TLS by itself.
func (o *Options) dialSecures() bool {
	dialer, ok := o.CustomDialer.(skipTLSDialer)
	return ok && dialer.SkipTLSHandshake()
}

// checkTLS refuses options that both require and forbid TLS, and a name that no
// certificate can contain.
func (o *Options) checkTLS() error {
	if o.NoTLS && o.Secure {
		return badArg("option NoTLS", "contradicts an option or an address that requires TLS")
	}
	if strings.ContainsFunc(o.TLSServerName, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return badArg("option TLSServerName", fmt.Sprintf("%q is not the name of a host", o.TLSServerName))
	}
	return nil
}

// bounded returns a context for callbacks that are called while options are applied.
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
