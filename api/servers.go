package api

import (
	"crypto/tls"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
)

// URLError says which server address cannot be used. It does not quote the
// address, which may hold a password.
type URLError struct {
	Position int    // of the address in the list, from 1
	Reason   string // what is wrong
}

// Error names the address by its position.
func (e *URLError) Error() string {
	return ErrInvalidURL.Error() + " number " + strconv.Itoa(e.Position) + ": " + e.Reason
}

// Unwrap returns ErrInvalidURL.
func (e *URLError) Unwrap() []error { return []error{ErrInvalidURL} }

// splitServers cuts a list of addresses at its commas and drops empty entries.
func splitServers(list string) []string {
	var servers []string
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			servers = append(servers, s)
		}
	}
	return servers
}

// servers reads the addresses in the order in which they are to be tried: Url,
// then Servers, shuffled unless that was forbidden. A tls address makes all of
// them secure.
func (o *Options) servers() (all []*url.URL, err error) {
	list := o.Servers
	if o.Url != "" {
		list = append([]string{o.Url}, list...)
	}
	if len(list) == 0 {
		list = []string{DefaultURL}
	}
	for i, s := range list {
		u, reason := parseServer(s, o.Secure)
		if reason != "" {
			return nil, &URLError{Position: i + 1, Reason: reason}
		}
		if u.Scheme == "tls" {
			o.Secure = true
		}
		all = append(all, u)
	}
	if o.Secure && o.TLSConfig == nil {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if !o.NoRandomize {
		shuffled := all
		if o.Url != "" {
			shuffled = all[1:]
		}
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	}
	return all, nil
}

// parseServer reads one address. A missing scheme is nats, or tls when secure; a
// missing port is DefaultPort.
func parseServer(s string, secure bool) (u *url.URL, reason string) {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "://") {
		scheme := "nats://"
		if secure {
			scheme = "tls://"
		}
		s = scheme + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, "it is malformed"
	}
	switch u.Scheme {
	case "nats", "tls", "tcp":
	case "ws", "wss":
		return nil, "websockets are not supported"
	default:
		return nil, "scheme " + strconv.Quote(u.Scheme) + " is unknown"
	}
	if u.Hostname() == "" {
		return nil, "it has no host"
	}
	if u.Port() == "" {
		u.Host = strings.TrimSuffix(u.Host, ":") + ":" + strconv.Itoa(DefaultPort)
	}
	if _, err := strconv.ParseUint(u.Port(), 10, 16); err != nil {
		return nil, "its port is not a number below 65536"
	}
	return u, ""
}

// redactedURL is the address with every credential masked: net/url masks
// passwords, but not a token that stands in the place of the user.
func redactedURL(u *url.URL) string {
	if u.User == nil {
		return u.String()
	}
	masked := *u
	masked.User = url.User("xxxxx")
	if _, ok := u.User.Password(); ok {
		masked.User = url.UserPassword(u.User.Username(), "xxxxx")
	}
	return masked.String()
}
