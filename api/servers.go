package api

import (
	"cmp"
	"crypto/tls"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// URLError says which server address is invalid. It does not quote the address, which
// may contain a password.
type URLError struct {
	Kind     error  // a kind below ErrInvalidURL; nil for ErrInvalidURL itself
	Position int    // of the address in the list, from 1
	Reason   string // what is wrong
}

// Error names the address by its position.
func (e *URLError) Error() string {
	return e.kind().Error() + ": address " + strconv.Itoa(e.Position) + ": " + e.Reason
}

// Unwrap returns the kind.
func (e *URLError) Unwrap() []error { return []error{e.kind()} }

func (e *URLError) kind() error { return cmp.Or(e.Kind, ErrInvalidURL) }

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

// servers parses the addresses in the order in which they will be tried: Url, then
// Servers, shuffled unless NoRandomize is set. One tls or wss address makes all of them
// require TLS.
func (o *Options) servers() (all []*url.URL, err error) {
	list := o.Servers
	if o.Url != "" {
		list = append([]string{o.Url}, list...)
	}
	if len(list) == 0 {
		list = []string{DefaultURL}
	}
	all, err = parseServers(list, nil, o.Secure)
	if err != nil {
		return nil, err
	}
	o.Secure = o.Secure || slices.ContainsFunc(all, inTLS)
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

// isWebSocket reports whether the address is for a WebSocket.
func isWebSocket(u *url.URL) bool { return u.Scheme == "ws" || u.Scheme == "wss" }

// inTLS reports whether the address requires TLS.
func inTLS(u *url.URL) bool { return u.Scheme == "tls" || u.Scheme == "wss" }

// parseServers parses addresses. Either all of them are for WebSockets or none is, as for
// like; if like is nil, the first address decides. Addresses without a scheme require TLS
// if secure is true, and after an address that requires it.
func parseServers(list []string, like *url.URL, secure bool) (all []*url.URL, err error) {
	for i, s := range list {
		u, reason := parseServer(s, defaultScheme(like, secure))
		if reason != "" {
			return nil, &URLError{Position: i + 1, Reason: reason}
		}
		if like == nil {
			like = u
		}
		if isWebSocket(u) != isWebSocket(like) {
			return nil, &URLError{Kind: ErrMixingWebsocketSchemes, Position: i + 1,
				Reason: "its scheme is " + u.Scheme + " but that of another address is " + like.Scheme}
		}
		secure = secure || inTLS(u)
		all = append(all, u)
	}
	return all, nil
}

// defaultScheme returns the scheme for an address without one.
func defaultScheme(like *url.URL, secure bool) string {
	viaWebSocket := like != nil && isWebSocket(like)
	switch {
	case viaWebSocket && secure:
		return "wss"
	case viaWebSocket:
		return "ws"
	case secure:
		return "tls"
	default:
		return "nats"
	}
}

// parseServer parses one address. A missing scheme is replaced by the given one, and a
// missing port by that of the scheme.
func parseServer(s, scheme string) (u *url.URL, reason string) {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "://") {
		s = scheme + "://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, "it is malformed"
	}
	port := DefaultPort
	switch u.Scheme {
	case "nats", "tls", "tcp":
	case "ws":
		port = 80
	case "wss":
		port = 443
	default:
		if strings.Contains(s, "@") { // what looks like a scheme may be part of a secret
			return nil, "its scheme is unknown"
		}
		return nil, "scheme " + strconv.Quote(u.Scheme) + " is unknown"
	}
	password, _ := u.User.Password()
	switch {
	case u.Hostname() == "":
		return nil, "it has no host"
	case !utf8.ValidString(u.User.Username() + password):
		return nil, "its credentials are not valid UTF-8"
	}
	if u.Port() == "" {
		u.Host = strings.TrimSuffix(u.Host, ":") + ":" + strconv.Itoa(port)
	}
	if _, err := strconv.ParseUint(u.Port(), 10, 16); err != nil {
		return nil, "its port is not a number below 65536"
	}
	return u, ""
}

// mask stands for a secret.
const mask = "xxxxx"

// redactedURL returns the address with every credential masked. net/url masks passwords,
// but neither a token in place of the user nor one in the query of a WebSocket.
func redactedURL(u *url.URL) string {
	masked := *u
	if u.RawQuery != "" {
		masked.RawQuery = mask
	}
	if u.User != nil {
		masked.User = url.User(mask)
	}
	if _, ok := u.User.Password(); ok {
		masked.User = url.UserPassword(u.User.Username(), mask)
	}
	return masked.String()
}
