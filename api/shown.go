package api

import (
	"fmt"
	"net/http"
	"strings"
)

// The String methods here keep secrets out of what a program prints by accident.

// String returns name, server and state of the connection, without credentials.
func (nc *Conn) String() string {
	if !nc.valid() {
		return "no connection"
	}
	text := nc.core.Name()
	if server := nc.ConnectedUrlRedacted(); server != "" {
		text += " to " + server
	}
	return fmt.Sprintf("%s (%v)", text, nc.Status())
}

// GoString is String: the fields hold credentials.
func (nc *Conn) GoString() string { return nc.String() }

// String returns all options, with credentials masked.
func (o Options) String() string { return fmt.Sprintf("%+v", plain(o.masked())) }

// GoString is String.
func (o Options) GoString() string { return o.String() }

// String returns the address, with credentials masked, and the count.
func (s Server) String() string {
	address := "no address"
	if s.URL != nil {
		address = redactedURL(s.URL)
	}
	return fmt.Sprintf("%s (%d failed)", address, s.Reconnects)
}

// GoString is String.
func (s Server) GoString() string { return s.String() }

// plain is Options without its String.
type plain Options

func (o Options) masked() Options {
	for _, secret := range []*string{&o.Password, &o.Token} {
		if *secret != "" {
			*secret = mask
		}
	}
	o.Url = maskedList(o.Url)
	servers := make([]string, len(o.Servers))
	for i, s := range o.Servers {
		servers[i] = maskedList(s)
	}
	o.Servers = servers
	headers := make(http.Header, len(o.WebSocketConnectionHeaders))
	for name := range o.WebSocketConnectionHeaders {
		headers[name] = []string{mask}
	}
	o.WebSocketConnectionHeaders = headers
	return o
}

// maskedList masks the credentials in a list of addresses. If one of them is invalid,
// the whole list is masked.
func maskedList(list string) string {
	var shown []string
	for _, s := range splitServers(list) {
		u, reason := parseServer(s, "nats")
		if reason != "" {
			return mask
		}
		shown = append(shown, redactedURL(u))
	}
	return strings.Join(shown, ",")
}
