package natsserver

import (
	"math"

	"github.com/nats-io/nats-server/v2/server"
)

// Kick closes, without notice, the connections of all clients with that name, and returns
// how many there were. The error is an [*UnknownClientError] if there was none, [ErrDown]
// while the server is down, and [ErrPaused] while it is paused.
func (s *Server) Kick(name string) (int, error) {
	return s.kick(&UnknownClientError{Name: name}, func(c *server.ConnInfo) bool { return c.Name == name })
}

// KickID closes the connection of the client with that id, the client_id of INFO. The
// errors are those of Kick.
func (s *Server) KickID(id uint64) error {
	_, err := s.kick(&UnknownClientError{ID: id}, func(c *server.ConnInfo) bool { return c.Cid == id })
	return err
}

// KickAll closes the connections of all clients and returns how many there were. The
// error is [ErrDown] or [ErrPaused], as for Kick.
func (s *Server) KickAll() (int, error) {
	return s.kick(nil, func(*server.ConnInfo) bool { return true })
}

// kick closes the connections that meant selects. The error is unknown if there are none.
func (s *Server) kick(unknown *UnknownClientError, meant func(*server.ConnInfo) bool) (int, error) {
	srv := s.alive()
	switch {
	case srv == nil:
		return 0, ErrDown
	case !s.goesOn():
		return 0, ErrPaused
	}
	clients, err := clientsOf(srv)
	if err != nil {
		return 0, err
	}
	kicked := 0
	for _, c := range clients {
		if meant(c) && srv.DisconnectClientByID(c.Cid) == nil {
			kicked++
		}
	}
	if kicked > 0 || unknown == nil {
		return kicked, nil
	}
	for _, c := range clients {
		unknown.Known = append(unknown.Known, c.Name)
	}
	return 0, unknown
}

// clientsOf returns all clients that are connected to srv.
func clientsOf(srv *server.Server) ([]*server.ConnInfo, error) {
	list, err := srv.Connz(&server.ConnzOptions{Limit: math.MaxInt32})
	if err != nil {
		return nil, err
	}
	return list.Conns, nil
}
