package proxy

import (
	"maps"
	"net"
	"net/url"
)

// StartCluster starts a proxy for each server of a cluster, in their order. Clients are
// told the addresses of the proxies in place of the servers'; other servers are not
// advertised. Options.Advertise is called first, if set; servers for which it returns ""
// are looked up. The error is that of [Start]; then no proxy runs.
func StartCluster(upstreams []string, options Options) ([]*Proxy, error) {
	servers := make([]*url.URL, len(upstreams))
	listeners := make([]net.Listener, 0, len(upstreams))
	behind := map[string]string{} // the proxy of each server
	for i, upstream := range upstreams {
		server, err := parse(upstream)
		if err == nil {
			var listener net.Listener
			if listener, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
				listeners = append(listeners, listener)
				servers[i], behind[server.Host] = server, listener.Addr().String()
			}
		}
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			return nil, err
		}
	}
	options.Advertise = lookup(options.Advertise, behind)
	proxies := make([]*Proxy, len(servers))
	for i, server := range servers {
		proxies[i] = start(listeners[i], server, options)
	}
	return proxies, nil
}

// lookup returns a function that says what is advertised in place of a server.
func lookup(first func(string) string, behind map[string]string) func(string) string {
	behind = maps.Clone(behind) // shared and immutable from now on
	return func(server string) string {
		if first != nil {
			if told := first(server); told != "" {
				return told
			}
		}
		return behind[server]
	}
}
