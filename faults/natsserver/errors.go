package natsserver

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrShutdown is returned by calls on a server after Shutdown.
	ErrShutdown = errors.New("natsserver: server was shut down")

	// ErrDown is returned by calls that need a running server, such as an in-process
	// dial, while the server is down.
	ErrDown = errors.New("natsserver: server is down")

	// ErrPaused is returned by calls that need an answer of the server, while it is
	// paused.
	ErrPaused = errors.New("natsserver: server is paused")

	// ErrSockets is returned by the Pause of a server that listens: inside one process it
	// can't keep what arrives through sockets from the server.
	ErrSockets = errors.New("natsserver: a server that listens can only be paused in a process of its own")

	// ErrNoChild is returned by StartProcess when this program does not call Child first,
	// so that it can't become a server.
	ErrNoChild = errors.New("natsserver: the program does not call natsserver.Child first in TestMain or main")
)

// UnknownClientError is returned by a kick of a client that is not connected.
type UnknownClientError struct {
	// Name or ID is the client in question; the other one is zero.
	Name string
	ID   uint64

	// Known are the names of the connected clients.
	Known []string
}

// Error names the client in question, and the connected ones.
func (e *UnknownClientError) Error() string {
	who := fmt.Sprintf("name %q", e.Name)
	if e.ID != 0 {
		who = fmt.Sprintf("id %d", e.ID)
	}
	return fmt.Sprintf("natsserver: no client with %s; connected are [%s]", who, strings.Join(e.Known, ", "))
}

// UnknownGroupError is returned when no running server knows a group.
type UnknownGroupError struct{ Group Group }

// Error names the group.
func (e *UnknownGroupError) Error() string {
	return "natsserver: the cluster has no " + e.Group.String()
}

// NoElectionError is returned by a step-down when no other server could be elected.
type NoElectionError struct {
	Group    Group
	Replicas int // how many replicas the stream or the consumer has
}

// Error names the group and how many members it has.
func (e *NoElectionError) Error() string {
	return fmt.Sprintf("natsserver: %v has %d replicas: no other one can lead", e.Group, e.Replicas)
}

// NoLeaderError is returned when a group has no leader, or no new one, in time. It
// unwraps to the cause of the context's end.
type NoLeaderError struct {
	Group Group
	Cause error
}

// Error names the group and the reason.
func (e *NoLeaderError) Error() string {
	return fmt.Sprintf("natsserver: no leader of %v: %v", e.Group, e.Cause)
}

// Unwrap returns the cause.
func (e *NoLeaderError) Unwrap() error { return e.Cause }

// AccountError is returned for an account without a name, or with one that is taken.
type AccountError struct{ Name string }

// Error names the account.
func (e *AccountError) Error() string {
	if e.Name == "" {
		return "an account has no name"
	}
	return fmt.Sprintf("two accounts are called %q", e.Name)
}

// OptionError is returned for an option that a kind of server does not support.
type OptionError struct {
	Option string // the field of Options
	Why    string
}

// Error names the option and the reason.
func (e *OptionError) Error() string {
	return fmt.Sprintf("natsserver: option %s: %s", e.Option, e.Why)
}
