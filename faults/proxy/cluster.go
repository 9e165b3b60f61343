package proxy

import (
	"maps"
	"net"
	"net/url"
)

// StartCluster starts a proxy for each server of a cluster, in their order. Clients
// are told of the proxies in place of the servers; a server that is none of them is not
// told of. Options.Advertise is asked first, if it is set: what it returns "" for is
// looked up. The error is that of [Start]; no proxy runs then.
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

// lookup returns what is told in place of a server.
func lookup(first func(string) string, behind map[string]string) func(string) string {
	behind = maps.Clone(behind) // read by many from now on
	return func(server string) string {
		if first != nil {
			if told := first(server); told != "" {
				return told
			}
		}
		return behind[server]
	}
}
