package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("tls: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("tls: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	dir, err := os.MkdirTemp("", "troupe-tls-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	files, options, err := issue(dir)
	if err != nil {
		return err
	}
	server, err := natsserver.Start(options)
	if err != nil {
		return err
	}
	defer server.Shutdown()

	// The files are read again at every attempt: they may be renewed meanwhile.
	authority := api.RootCAs(files.authority)
	certificate := api.ClientCert(files.certificate, files.key)
	credentials := api.UserCredentials(files.credentials)
	nc, err := api.Connect(server.URL(), authority, certificate, credentials)
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := describe(out, nc); err != nil {
		return err
	}
	for _, attempt := range []struct {
		without string
		options []api.Option
		want    error
	}{
		{"the authority", []api.Option{certificate, credentials}, api.ErrTLS},
		{"the certificate", []api.Option{authority, credentials}, api.ErrTLS},
		{"the credentials", []api.Option{authority, certificate}, api.ErrAuthorization},
	} {
		stranger, err := api.Connect(server.URL(), attempt.options...)
		if err == nil {
			stranger.Close()
		}
		if !errors.Is(err, attempt.want) {
			return fmt.Errorf("without %s: got %w, want %w", attempt.without, err, attempt.want)
		}
		fmt.Fprintf(out, "without %s: %s\n", attempt.without, reason(err))
	}
	return nil
}

// describe prints what client and server know of each other.
func describe(out io.Writer, nc *api.Conn) error {
	if err := nc.Flush(); err != nil { // the server sends the account after its first PONG
		return err
	}
	state, err := nc.TLSConnectionState()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "connected to %q with %s\n", state.PeerCertificates[0].Subject.CommonName, tls.VersionName(state.Version))
	account := nc.RemoteAccount()
	fmt.Fprintf(out, "the server sees a user of the account %s…\n", account[:min(8, len(account))])
	if _, err := nc.Subscribe("whisper", func(m *api.Msg) { _ = m.Respond(m.Data) }); err != nil {
		return err
	}
	answer, err := nc.Request("whisper", []byte("a secret"), nc.Opts.Timeout)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "sent and received over TLS: %s\n", answer.Data)
	return nil
}

// reason says why a connection was refused, and at which stage.
func reason(err error) string {
	var handshake *api.TLSError
	if errors.As(err, &handshake) {
		return fmt.Sprintf("TLS failed at the stage %q", handshake.Stage)
	}
	var refused *api.AuthorizationError
	if errors.As(err, &refused) {
		return "refused with " + refused.Reason
	}
	return err.Error()
}
