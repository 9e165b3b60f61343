package natsserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
)

// Reload changes the options. A running server applies them at once, as on a reload of
// its configuration: users that no longer exist are disconnected, limits hold from then
// on, and other connections stay. A server that is down applies them at its next start.
//
// Some options cannot change: the error is an [*OptionError] for what this package fixes
// at the first start, otherwise it quotes the server. All options then stay as they were.
// The error is [ErrPaused] while the server is paused and [ErrShutdown] after Shutdown.
func (s *Server) Reload(edit func(*Options)) error {
	s.change <- struct{}{}
	defer func() { <-s.change }()
	if s.isGone() {
		return ErrShutdown
	}
	opts, srv := s.options(), s.alive()
	if srv != nil && !s.goesOn() {
		return ErrPaused
	}
	edit(&opts)
	if err := fixed(&s.opts, &opts); err != nil {
		return err
	}
	so, err := opts.serverOptions(s.at)
	if err != nil {
		return err
	}
	if srv != nil {
		err = srv.ReloadOptions(so)
	}
	if err != nil {
		return fmt.Errorf("natsserver: reload: %w", err)
	}
	if srv != nil {
		srv.SetLoggerV2(&logger{forward: opts.Log}, so.Debug, so.Trace, so.TraceVerbose)
	}
	s.mu.Lock()
	s.opts = opts
	s.mu.Unlock()
	return nil
}

// options returns a copy that the caller may change.
func (s *Server) options() Options {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opts.clone()
}

// clone returns a copy that shares nothing that an edit may change.
func (o Options) clone() Options {
	o.Accounts = slices.Clone(o.Accounts)
	for i := range o.Accounts {
		a := &o.Accounts[i]
		a.Users, a.Exports, a.Imports = slices.Clone(a.Users), slices.Clone(a.Exports), slices.Clone(a.Imports)
	}
	return o
}

func (s *Server) isGone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone
}

// goesOn reports whether the server is not paused.
func (s *Server) goesOn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gate.isOpen()
}

// fixed returns an error if opts change what the first start has fixed.
func fixed(now, opts *Options) error {
	for _, o := range []struct {
		name    string
		changed bool
	}{
		{"DontListen", now.DontListen != opts.DontListen},
		{"JetStream", now.JetStream != opts.JetStream},
		{"StoreDir", now.StoreDir != opts.StoreDir},
		{"WebSocket", now.WebSocket != opts.WebSocket},
		{"Operator", now.Operator != opts.Operator},
		{"TLS", (now.TLS == nil) != (opts.TLS == nil)},
		{"WebSocketTLS", (now.WebSocketTLS == nil) != (opts.WebSocketTLS == nil)},
	} {
		if o.changed {
			return &OptionError{Option: o.name, Why: "is fixed by the first start"}
		}
	}
	return nil
}

// follow applies the JWT of an account from the operator. A server that is down reads it
// when it starts.
func (s *Server) follow(account, token string) error {
	srv := s.alive()
	if srv == nil {
		return nil
	}
	if err := s.at.resolver.Store(account, token); err != nil {
		return fmt.Errorf("natsserver: account %s: %w", account, err)
	}
	claims, err := jwt.DecodeAccountClaims(token)
	if err != nil {
		return fmt.Errorf("natsserver: account %s: %w", account, err)
	}
	known, err := renewed(srv, account)
	if err != nil {
		return fmt.Errorf("natsserver: account %s: %w", account, err)
	}
	srv.UpdateAccountClaims(known, claims)
	return nil
}

// renewWait is longer than a server keeps treating an account as expired after a look-up, on
// any machine.
const renewWait = 30 * time.Second

// renewed looks an account up. A server whose account has expired does not look for
// another JWT within a second.
func renewed(srv *server.Server, account string) (*server.Account, error) {
	ctx, cancel := context.WithTimeout(context.Background(), renewWait)
	defer cancel()
	for {
		known, err := srv.LookupAccount(account)
		if !errors.Is(err, server.ErrAccountExpired) || pause(ctx) != nil {
			return known, err
		}
	}
}
