package protocol

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recordedInfo is what nats-server 2.15 sends to a new client, shortened.
const recordedInfo = `{"server_id":"NDJ","server_name":"n1","version":"2.15.2","proto":1,"git_commit":"abc","go":"go1.26","host":"0.0.0.0",` +
	`"port":4222,"headers":true,"auth_required":true,"tls_required":true,"tls_verify":true,"tls_available":true,"max_payload":1048576,` +
	`"jetstream":true,"client_id":5,"client_ip":"127.0.0.1","nonce":"n0nce","cluster":"c1","cluster_dynamic":true,"domain":"hub",` +
	`"connect_urls":["10.0.0.1:4222","10.0.0.2:4222"],"ws_connect_urls":["10.0.0.1:80"],"ldm":true,"xkey":"XK","api_lvl":2,` +
	`"connect_info":true,"remote_account":"A","acc_is_sys":true,"ip":"1.2.3.4","unknown":{"x":[1]}}`

func TestInfoHoldsEveryField(t *testing.T) {
	got, err := ParseInfo([]byte(recordedInfo))
	if err != nil {
		t.Fatal(err)
	}
	want := &Info{
		ServerID: "NDJ", ServerName: "n1", Version: "2.15.2", Proto: 1, GitCommit: "abc", GoVersion: "go1.26", Host: "0.0.0.0",
		Port: 4222, Headers: true, AuthRequired: true, TLSRequired: true, TLSVerify: true, TLSAvailable: true, MaxPayload: 1048576,
		JetStream: true, ClientID: 5, ClientIP: "127.0.0.1", Nonce: "n0nce", Cluster: "c1", ClusterDynamic: true, Domain: "hub",
		ConnectURLs: []string{"10.0.0.1:4222", "10.0.0.2:4222"}, WSConnectURLs: []string{"10.0.0.1:80"}, LameDuckMode: true,
		XKey: "XK", APILevel: 2, ConnectInfo: true, RemoteAccount: "A", IsSystemAccount: true, IP: "1.2.3.4",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, field := range reflect.ValueOf(*got).Fields() {
		if field.IsZero() {
			t.Errorf("the recorded INFO leaves a field of %v zero", field.Type())
		}
	}
}

func TestConnectHoldsEveryField(t *testing.T) {
	want := &Connect{
		Verbose: true, Pedantic: true, TLSRequired: true, JWT: "j", Nkey: "n", Signature: "s", User: "u", Password: "p",
		AuthToken: "t", Name: "app", Lang: "go", Version: "1", Protocol: 1, Echo: true, Headers: true, NoResponders: true,
		Account: "a", NewAccount: true, ProxySig: "x",
	}
	const text = `{"verbose":true,"pedantic":true,"tls_required":true,"jwt":"j","nkey":"n","sig":"s","user":"u","pass":"p",` +
		`"auth_token":"t","name":"app","lang":"go","version":"1","protocol":1,"echo":true,"headers":true,"no_responders":true,` +
		`"account":"a","new_account":true,"proxy_sig":"x"}`
	got, err := ParseConnect([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	data, err := AppendConnect(nil, want)
	if err != nil || string(data) != "CONNECT "+text+"\r\n" {
		t.Errorf("got %s, %v", data, err)
	}
}

func TestConnectWithoutFieldsMeansWhatAServerAssumes(t *testing.T) {
	got, err := ParseConnect([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Connect{Verbose: true, Pedantic: true, Echo: true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConnectLeavesOutCredentialsThatAreNotSet(t *testing.T) {
	data, err := AppendConnect(nil, &Connect{Name: "app"})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"user", "pass", "auth_token", "jwt", "nkey", "sig", "account", "proxy_sig"} {
		if strings.Contains(string(data), `"`+key+`"`) {
			t.Errorf("%s is sent: %s", key, data)
		}
	}
}

func TestConnectCannotInjectLines(t *testing.T) {
	data, err := AppendConnect(nil, &Connect{Name: "a\r\nPUB x 0\r\n", User: "\x00\n"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(data), "\n") != 1 || !strings.HasSuffix(string(data), "\r\n") {
		t.Errorf("got %q", data)
	}
}

func TestConnectThatJSONWouldChangeIsRefused(t *testing.T) {
	dst := []byte("before")
	for name, c := range map[string]*Connect{"nothing": nil, "password that is not UTF-8": {Password: "\xff\xfe"}, "name": {Name: "\x80"}} {
		got, err := AppendConnect(dst, c)
		if !errors.Is(err, ErrJSONParse) || string(got) != "before" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestBadJSONGivesTypedErrors(t *testing.T) {
	for _, text := range []string{"", " ", "null", "[]", "1", `"x"`, "{", "{bad", `{"port":"x"}`, `{"user":1,"server_id":1}`, "{}{}", "{}x"} {
		info, err := ParseInfo([]byte(text))
		checkJSONError(t, "INFO", err)
		connect, connectErr := ParseConnect([]byte(text))
		if text != `{"port":"x"}` { // not a field of CONNECT
			checkJSONError(t, "CONNECT", connectErr)
		}
		if info != nil || connect != nil && connectErr != nil {
			t.Errorf("%q: got %v and %v in spite of an error", text, info, connect)
		}
	}
}

func checkJSONError(t *testing.T, what string, err error) {
	t.Helper()
	var bad *JSONParseError
	if !errors.As(err, &bad) || !errors.Is(err, ErrJSONParse) || !errors.Is(err, ErrProtocol) {
		t.Fatalf("%s: error %v", what, err)
	}
	if bad.What != what || bad.Err == nil {
		t.Fatalf("%s: %+v", what, bad)
	}
}

func TestJSONErrorsShowTheirCause(t *testing.T) {
	_, err := ParseInfo([]byte("{bad" + strings.Repeat("x", 100)))
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		t.Errorf("no syntax error in %v", err)
	}
	want := `troupe: parse json error in INFO: invalid character 'b' looking for beginning of object key string: "{bad` + strings.Repeat("x", 28) + `"`
	if err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = ParseConnect([]byte(`{"pass":"secret"`))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestInfoRoundTrip(t *testing.T) {
	want, err := ParseInfo([]byte(recordedInfo))
	if err != nil {
		t.Fatal(err)
	}
	stream := AppendInfo(nil, want)
	var f Frame
	if n, err := NewServerParser(Limits{}).Next(stream, &f); n != len(stream) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	got, err := ParseInfo(f.Arg.Of(stream))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if nothing := AppendInfo(nil, nil); !strings.HasPrefix(string(nothing), `INFO {"server_id":""`) {
		t.Errorf("got %s", nothing)
	}
}

// TestLaterInfosAreCompleted: what a partial INFO leaves out stays as it was, a complete
// one replaces everything.
func TestLaterInfosAreCompleted(t *testing.T) {
	before := Info{ServerID: "a", ServerName: "n", Headers: true, MaxPayload: 100, ClientID: 7, ClientIP: "::1",
		AuthRequired: true, ConnectURLs: []string{"x:1"}, RemoteAccount: "A", IsSystemAccount: true, JetStream: true}
	for name, c := range map[string]struct {
		later Info
		want  func(*Info) // changes of before
	}{
		"nothing":        {Info{}, func(i *Info) { i.ConnectURLs = nil }},
		"servers only":   {Info{ConnectURLs: []string{"y:2"}}, func(i *Info) { i.ConnectURLs = []string{"y:2"} }},
		"lame duck only": {Info{LameDuckMode: true}, func(i *Info) { i.ConnectURLs, i.LameDuckMode = nil, true }},
		"limit only":     {Info{MaxPayload: 5}, func(i *Info) { i.ConnectURLs, i.MaxPayload = nil, 5 }},
		"a whole one": {Info{ServerID: "a", ServerName: "m", MaxPayload: 50, ConnectURLs: []string{"z:3"}},
			func(i *Info) {
				*i = Info{ServerID: "a", ServerName: "m", MaxPayload: 50, ClientID: 7, ClientIP: "::1", ConnectURLs: []string{"z:3"},
					RemoteAccount: "A", IsSystemAccount: true}
			}},
		"another account": {Info{ServerID: "a", MaxPayload: 1, RemoteAccount: "B"},
			func(i *Info) {
				*i = Info{ServerID: "a", MaxPayload: 1, ClientID: 7, ClientIP: "::1", RemoteAccount: "B"}
			}},
	} {
		got, want := c.later, before
		got.Complete(&before)
		c.want(&want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	first := Info{MaxPayload: -1}
	if first.Complete(nil); first.MaxPayload != -1 {
		t.Error("completed from nothing")
	}
}
