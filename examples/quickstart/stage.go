package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

// closeMax bounds the end of one connection.
const closeMax = 10 * time.Second

// stage is what the steps share: one connection to one server.
//
// Steps run one after the other, so nothing here is locked.
type stage struct {
	screen  *screen
	events  *journal           // what happened to the connection
	server  *natsserver.Server // nil if the server is not ours
	nc      *api.Conn
	cluster *cluster // nil before the step that starts it
	vault   *vault   // likewise
	prefix  string   // begins every subject, so that messages of others do not interfere
}

// open starts a server, unless there is one at url, and connects to it.
func (s *stage) open(url string) error {
	if url == "" {
		server, err := natsserver.Start(natsserver.Options{Name: "quickstart"})
		if err != nil {
			return err
		}
		s.server = server
		url = server.URL()
	}
	nc, err := api.Connect(url, api.Name("troupe quickstart"), api.OnEvent(s.events.add))
	if errors.Is(err, api.ErrInvalidURL) {
		return fmt.Errorf("-url is not the address of a NATS server: %w", err)
	}
	if err != nil {
		return fmt.Errorf("no connection to a NATS server at -url: %w", err)
	}
	s.nc = nc
	inbox := nc.NewInbox()
	s.prefix = "quickstart." + inbox[len(inbox)-6:] + "."
	return nil
}

// close ends the connection and the server, and returns an error if something did not
// end.
func (s *stage) close() error {
	var err error
	if s.nc != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeMax)
		defer cancel()
		_, err = s.nc.CloseContext(ctx)
	}
	if s.cluster != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeMax)
		defer cancel()
		err = errors.Join(err, s.cluster.close(ctx))
	}
	if s.vault != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeMax)
		defer cancel()
		err = errors.Join(err, s.vault.close(ctx))
	}
	if s.server != nil {
		s.server.Shutdown()
	}
	return err
}

// subject returns the subject of a step.
func (s *stage) subject(name string) string { return s.prefix + name }

// wrong returns the error for a wrong count, with the last error of the connection.
func (s *stage) wrong(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if last := s.nc.LastError(); last != nil {
		return fmt.Errorf("%w (the last error reported: %v)", err, last)
	}
	return err
}

// showServer shows the server.
func showServer(_ context.Context, s *stage) (shown, error) {
	where := "started inside this program"
	if s.server == nil {
		where = "yours"
	}
	return shown{line: fmt.Sprintf("nats-server %s, %s, at %s",
		s.nc.ConnectedServerVersion(), where, s.nc.ConnectedUrlRedacted())}, nil
}
