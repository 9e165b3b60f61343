package api

import (
	"slices"
	"testing"
)

func TestServerAddressesAreCompleted(t *testing.T) {
	for _, c := range []struct {
		in     string
		scheme string
		want   string
	}{
		{"host", "nats", "nats://host:4222"},
		{"host:", "nats", "nats://host:4222"},
		{"host:1234", "nats", "nats://host:1234"},
		{"nats://host", "nats", "nats://host:4222"},
		{"nats://host:", "nats", "nats://host:4222"},
		{"nats://host:1/", "nats", "nats://host:1/"},
		{"nats://host/", "nats", "nats://host:4222/"},
		{"tls://host", "nats", "tls://host:4222"},
		{"host", "tls", "tls://host:4222"},
		{"127.0.0.1", "nats", "nats://127.0.0.1:4222"},
		{"[::1]", "nats", "nats://[::1]:4222"},
		{"[::1]:99", "nats", "nats://[::1]:99"},
		{"nats://[::1]", "nats", "nats://[::1]:4222"},
		{"user:pass@host", "nats", "nats://user:pass@host:4222"},
		{"token@host:1", "nats", "nats://token@host:1"},
		{"ws://host", "nats", "ws://host:80"},
		{"wss://host/path?q=1", "nats", "wss://host:443/path?q=1"},
		{"ws://[::1]", "nats", "ws://[::1]:80"},
		{"host", "wss", "wss://host:443"},
		{"host:1/path", "ws", "ws://host:1/path"},
		{"  host  ", "nats", "nats://host:4222"},
	} {
		u, reason := parseServer(c.in, c.scheme)
		if reason != "" || u.String() != c.want {
			t.Errorf("%q became %v (%s), want %q", c.in, u, reason, c.want)
		}
	}
}

func TestServerListIsSplit(t *testing.T) {
	for in, want := range map[string][]string{
		"": nil, ",": nil, " , ,": nil, "a": {"a"}, "a,b": {"a", "b"}, " a , , b ,": {"a", "b"},
	} {
		if got := splitServers(in); !slices.Equal(got, want) {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestUrlComesFirstWhateverTheOrder(t *testing.T) {
	for range 20 {
		o := Options{Url: "first", Servers: []string{"a", "b", "c"}}
		all, err := o.servers()
		if err != nil || all[0].Host != "first:4222" || len(all) != 4 {
			t.Fatalf("order %v, %v", all, err)
		}
	}
	o := Options{Servers: []string{"a", "b", "c"}, NoRandomize: true}
	all, _ := o.servers()
	if all[0].Host != "a:4222" || all[2].Host != "c:4222" {
		t.Errorf("order %v", all)
	}
}

func TestOneSecureServerMakesAllSecure(t *testing.T) {
	o := Options{Servers: []string{"a", "tls://b"}}
	if _, err := o.servers(); err != nil || !o.Secure || o.TLSConfig == nil {
		t.Errorf("secure %v, %v", o.Secure, err)
	}
}

func TestRedactedURLHidesTokensToo(t *testing.T) {
	for in, want := range map[string]string{
		"nats://t0ken@host:1": "nats://xxxxx@host:1", "nats://user:pass@host:1": "nats://user:xxxxx@host:1", "nats://host:1": "nats://host:1",
		"ws://u:p@host:1/path?token=t0ken": "ws://u:xxxxx@host:1/path?xxxxx",
	} {
		u, _ := parseServer(in, "nats")
		if got := redactedURL(u); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}
