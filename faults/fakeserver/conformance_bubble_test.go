package fakeserver_test

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/protocol"
)

// differs lists what nats-server does and the fake one does not, or the other way
// round, by a name and with how it is taken out of a transcript. Everything else that
// the scenarios show is equal byte by byte.
var differs = []struct {
	name   string
	remove func(heard string) string
}{
	{"nats-server PINGs by itself", func(heard string) string {
		return regexp.MustCompile(`(?m)^PING\r\n`).ReplaceAllString(heard, "")
	}},
	{"nats-server puts a blank behind the JSON of INFO", func(heard string) string {
		return strings.ReplaceAll(heard, "} \r\n", "}\r\n")
	}},
	{"INFO tells of the server, the machine it runs on, and its level of JetStream", func(heard string) string {
		return regexp.MustCompile(`INFO {.*}`).ReplaceAllStringFunc(heard, anonymous)
	}},
}

// Differences that no scenario shows, as its transcript would show nothing else:
//
//   - The number of a subscription has to be a number; nats-server takes any token.
//   - The limit of a control line counts the whole line; nats-server leaves out the
//     operation and the blanks after it.
//   - CONNECT may be longer than a control line.
//   - Operations of servers (INFO, MSG, +OK, -ERR) are unknown operations when a client
//     sends them; nats-server ignores some of them.
//   - A second CONNECT only replaces the content of the first one.
//   - UNSUB with a count of more than nine digits is taken as written; nats-server ends
//     the subscription at once.
//   - A client that sends nothing is not cut.

// anonymous removes from an INFO what identifies the server.
func anonymous(info string) string {
	var fields map[string]any
	if err := json.Unmarshal([]byte(strings.TrimPrefix(info, "INFO ")), &fields); err != nil {
		return info
	}
	for _, name := range []string{"server_id", "server_name", "version", "go", "git_commit", "host", "port", "ip",
		"client_id", "client_ip", "xkey", "api_lvl"} {
		delete(fields, name)
	}
	return fmt.Sprint("INFO ", fields) // in the order of the names
}

// said is one step of a scenario: bytes of one client.
type said struct {
	client int // counted from 1; connects when it first says something
	bytes  string
}

// connect is the handshake of a client: with everything that it may know, except for
// what fields says.
func connect(fields string) string {
	return `CONNECT {"verbose":false,"pedantic":false,"protocol":1,"headers":true,"no_responders":true,"echo":true` + fields + "}\r\nPING\r\n"
}

// plain is the handshake of the usual client.
var plain = connect("")

// scenario is what clients say; what they hear is compared.
type scenario struct {
	name  string
	auth  bool // user "ann" with the password "pw"
	steps []said
	// either matches what two runs may do differently, and is cut out.
	either *regexp.Regexp
}

// numbers are those of subscriptions: nats-server serves several to one message in an
// order of chance, and so does each that chooses the member of a queue group.
var numbers = regexp.MustCompile(`MSG a [12]`)

const header = "NATS/1.0\r\nK: v\r\n\r\n" // 18 bytes

// scenarios is the table: one row for each thing that the fake server claims to do.
var scenarios = []scenario{
	{name: "handshake", steps: []said{{1, plain}, {1, "PING\r\n"}, {1, "PONG\r\n"}}},
	{name: "handshake of an old client", steps: []said{{1, connect(`,"protocol":0`)}, {1, "PING\r\n"}}},
	{name: "PING before CONNECT", steps: []said{{1, "PING\r\nPING\r\n"}, {1, plain}}},
	{name: "no CONNECT at all", steps: []said{{1, "SUB a 1\r\nPUB a 1\r\nx\r\nPUB a..b 1\r\nx\r\n"}}},
	{name: "publish to oneself", steps: []said{{1, plain}, {1, "SUB a 1\r\nPUB a 5\r\nhello\r\n"}}},
	{name: "publish to another", either: numbers, steps: []said{{1, plain}, {2, plain}, {1, "SUB a 1\r\nSUB a 2\r\n"}, {2, "PUB a rr 5\r\nhello\r\nPUB b 1\r\nx\r\n"}}},
	{name: "empty payload", steps: []said{{1, plain}, {1, "SUB a 1\r\nPUB a 0\r\n\r\nPUB a  \t 0 \r\n\r\npub a 0\r\n\r\n"}}},
	{name: "bare line feeds", steps: []said{{1, plain}, {1, "SUB a 1\nPUB a 1\nx\r\nPING\n"}}},
	{name: "one byte at a time", steps: bytewise(plain + "SUB a 1\r\nPUB a r 5\r\nhello\r\nUNSUB 1\r\nPING\r\n")},
	{name: "wildcards", steps: []said{{1, plain}, {1, "SUB a.* 1\r\n"}, {1, "PUB a.b 1\r\n1\r\nPUB a 1\r\n2\r\nPUB a.b.c 1\r\n3\r\nPUB b.a 1\r\n4\r\n"},
		{1, "UNSUB 1\r\nSUB a.> 2\r\n"}, {1, "PUB a.b 1\r\n1\r\nPUB a 1\r\n2\r\nPUB a.b.c 1\r\n3\r\n"},
		{1, "UNSUB 2\r\nSUB > 3\r\nPUB x 1\r\n1\r\nPUB a.* 1\r\n2\r\n"}, {1, "SUB *.b 4\r\nUNSUB 3\r\nPUB a.b 1\r\n1\r\nPUB *.b 1\r\n2\r\n"}}},
	{name: "odd subjects", steps: []said{{1, plain}, {1, "SUB > 1\r\n"}, {1, "PUB a..b 1\r\n1\r\nPUB .a 1\r\n2\r\nPUB a. 1\r\n3\r\nPUB a>b 1\r\n4\r\nPUB \xff\xfe 1\r\n5\r\n"}}},
	{name: "bad patterns", steps: []said{{1, plain}, {1, "SUB a..b 1\r\nSUB .a 2\r\nSUB a. 3\r\nSUB >.a 4\r\nSUB a.>.b 5\r\nSUB a>.* 6\r\n"}, {1, "PUB a>.b 1\r\nx\r\n"}}},
	{name: "unsubscribe", steps: []said{{1, plain}, {1, "SUB a 1\r\nPUB a 1\r\n1\r\nUNSUB 1\r\nPUB a 1\r\n2\r\nUNSUB 1\r\nUNSUB 7\r\n"}}},
	{name: "unsubscribe after", steps: []said{{1, plain}, {1, "SUB a 1\r\nUNSUB 1 2\r\nPUB a 1\r\n1\r\nPUB a 1\r\n2\r\nPUB a 1\r\n3\r\n"},
		{1, "SUB a 1\r\nPUB a 1\r\n4\r\nPUB a 1\r\n5\r\nUNSUB 1 2\r\nPUB a 1\r\n6\r\n"}, {1, "SUB a 2\r\nPUB a 1\r\n7\r\nUNSUB 2 5\r\nUNSUB 2 3\r\nPUB a 1\r\n8\r\nPUB a 1\r\n9\r\nPUB a 1\r\n0\r\n"}}},
	{name: "a number that is taken", steps: []said{{1, plain}, {1, "SUB a 1\r\nSUB b 1\r\nPUB a 1\r\n1\r\nPUB b 1\r\n2\r\n"}}},
	{name: "queue group of one", steps: []said{{1, plain}, {1, "SUB a q 1\r\nSUB a 2\r\n"}, {1, "PUB a 1\r\n1\r\nPUB a 1\r\n2\r\n"}}},
	{name: "queue group", either: numbers, steps: []said{{1, plain}, {2, plain},
		{1, "SUB a q 1\r\nSUB a q 2\r\n"}, {2, strings.Repeat("PUB a 1\r\nx\r\n", 20)}}},
	{name: "queue group over patterns", either: numbers, steps: []said{{1, plain}, {2, plain},
		{1, "SUB a q 1\r\nSUB * q 2\r\n"}, {2, strings.Repeat("PUB a 1\r\nx\r\n", 20)}}},
	{name: "two queue groups", either: numbers, steps: []said{{1, plain}, {2, plain}, {1, "SUB a q 1\r\nSUB a r 2\r\n"}, {2, "PUB a 1\r\nx\r\n"}}},
	{name: "verbose", steps: []said{{1, connect(`,"verbose":true`)}, {1, "SUB a 1\r\n"}, {1, "PUB a 1\r\n1\r\n"}, {1, "HPUB a 18 19\r\n" + header + "1\r\n"},
		{1, "UNSUB 1 9\r\n"}, {1, "UNSUB 1\r\n"}, {1, "UNSUB 7\r\n"}, {1, "PONG\r\n"}, {1, "SUB a..b 1\r\n"}}},
	{name: "pedantic", steps: []said{{1, connect(`,"pedantic":true,"verbose":true`)}, {1, "SUB > 1\r\nPUB a..b 1\r\n1\r\nPUB a.* 1\r\n2\r\nPUB > 1\r\n3\r\nPUB a 1\r\n4\r\n"}}},
	{name: "echo off", steps: []said{{1, connect(`,"echo":false`)}, {2, plain}, {1, "SUB a 1\r\nPUB a 1\r\n1\r\n"}, {2, "PUB a 1\r\n2\r\nSUB a q 3\r\n"},
		{1, "SUB a q 4\r\nPUB a 1\r\n5\r\nPUB a 1\r\n6\r\nPUB a 1\r\n7\r\n"}}},
	{name: "headers", steps: []said{{1, plain}, {1, "SUB a 1\r\nHPUB a 18 23\r\n" + header + "hello\r\nHPUB a r 18 18\r\n" + header + "\r\nHPUB a 0 1\r\nx\r\n"}}},
	{name: "headers for one who has none", steps: []said{{1, connect(`,"headers":false,"no_responders":false`)}, {2, plain},
		{1, "SUB a 1\r\n"}, {2, "HPUB a r 18 23\r\n" + header + "hello\r\n"}}},
	{name: "headers from one who has none", steps: []said{{1, connect(`,"headers":false,"no_responders":false`)}, {1, "HPUB a 18 19\r\n" + header + "x\r\n"}}},
	{name: "headers before CONNECT", steps: []said{{1, "HPUB a 18 19\r\n" + header + "x\r\n"}}},
	{name: "request and reply", steps: []said{{1, plain}, {2, plain}, {1, "SUB service 1\r\n"}, {2, "SUB inbox.* 7\r\nPUB service inbox.1 2\r\nhi\r\n"}, {1, "PUB inbox.1 2\r\nho\r\n"}}},
	{name: "no responders", steps: []said{{1, plain}, {1, "SUB inbox.* 7\r\nPUB nobody inbox.1 2\r\nhi\r\n"}, {1, "PUB nobody other 1\r\nx\r\n"},
		{1, "HPUB nobody inbox.2 18 19\r\n" + header + "x\r\n"}}},
	{name: "no responders, not asked for", steps: []said{{1, connect(`,"no_responders":false`)}, {1, "SUB inbox 7\r\nPUB nobody inbox 1\r\nx\r\n"}}},
	{name: "no responders, inbox of another", steps: []said{{1, plain}, {2, plain}, {2, "SUB inbox 1\r\n"}, {1, "PUB nobody inbox 1\r\nx\r\n"}}},
	{name: "no responders, inbox of a queue", steps: []said{{1, plain}, {1, "SUB inbox q 1\r\nPUB nobody inbox 1\r\nx\r\n"}}},
	{name: "no responders, only oneself without echo", steps: []said{{1, connect(`,"echo":false`)}, {1, "SUB a 1\r\nSUB inbox 2\r\nPUB a inbox 1\r\nx\r\n"}}},
	{name: "largest payload", steps: []said{{1, plain}, {1, "SUB a 1\r\nPUB a 1024\r\n" + strings.Repeat("x", 1024) + "\r\n"}}},
	{name: "payload too large", steps: []said{{1, plain}, {1, "PING\r\nPUB a 1025\r\n"}}},
	{name: "payload too large with header", steps: []said{{1, plain}, {1, "HPUB a 18 1025\r\n"}}},
	{name: "unknown operation", steps: []said{{1, plain}, {1, "PING\r\nFOO\r\n"}}},
	{name: "not NATS", steps: []said{{1, "GET / HTTP/1.1\r\n\r\n"}}},
	{name: "payload longer than told", steps: []said{{1, plain}, {1, "PUB a 1\r\nxy\r\n"}}},
	{name: "line without end", steps: []said{{1, plain}, {1, "SUB " + strings.Repeat("a", 5000)}}},
	{name: "PUB without size", steps: []said{{1, plain}, {1, "PUB a\r\n"}}},
	{name: "PUB with a size that is none", steps: []said{{1, plain}, {1, "PUB a b c\r\n"}}},
	{name: "PUB with a negative size", steps: []said{{1, plain}, {1, "PUB a -1\r\n"}}},
	{name: "PUB with too many arguments", steps: []said{{1, plain}, {1, "PUB a b c 1\r\n"}}},
	{name: "SUB without number", steps: []said{{1, plain}, {1, "SUB a\r\n"}}},
	{name: "SUB without arguments", steps: []said{{1, plain}, {1, "SUB\r\n"}}},
	{name: "UNSUB without number", steps: []said{{1, plain}, {1, "UNSUB\r\n"}}},
	{name: "HPUB with header above total", steps: []said{{1, plain}, {1, "HPUB a 9 8\r\n"}}},
	{name: "CONNECT that is no JSON", steps: []said{{1, "CONNECT {\r\n"}}},
	{name: "CONNECT of the future", steps: []said{{1, connect(`,"protocol":2`)}}},
	{name: "CONNECT with an account", steps: []said{{1, connect(`,"account":"a"`)}}},
	{name: "no responders without headers", steps: []said{{1, connect(`,"headers":false`)}}},
	{name: "right password", auth: true, steps: []said{{1, connect(`,"user":"ann","pass":"pw"`)}, {1, "SUB a 1\r\nPUB a 1\r\nx\r\n"}}},
	{name: "wrong password", auth: true, steps: []said{{1, connect(`,"user":"ann","pass":"guess"`)}}},
	{name: "no password", auth: true, steps: []said{{1, plain}}},
	{name: "before the password", auth: true, steps: []said{{1, "PING\r\n"}}},
	{name: "a client that leaves", steps: []said{{1, plain}, {2, plain}, {1, "SUB a 1\r\nPUB b 1\r\n"}, {1, leaves}, {2, "SUB inbox 1\r\nPUB a inbox 1\r\nx\r\n"}}},
}

// leaves is what a client "says" that closes its connection.
const leaves = "\x00leaves"

// bytewise is a client that sends each byte separately.
func bytewise(bytes string) []said {
	var steps []said
	for i := range len(bytes) {
		steps = append(steps, said{1, bytes[i : i+1]})
	}
	return steps
}

// TestConformance runs each scenario against the fake server and against nats-server:
// what every client hears after every step is the same, to the byte.
func TestConformance(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			natsserver.Bubble(t, func(t *testing.T) {
				real := natsserver.Run(t, natsserver.Options{DontListen: true, Edit: func(o *server.Options) {
					o.MaxPayload = 1024
					if s.auth {
						o.Username, o.Password = "ann", "pw"
					}
				}})
				info := fakeserver.DefaultInfo()
				info.MaxPayload = 1024
				options := fakeserver.Options{DontListen: true, Info: info}
				if s.auth {
					options.Auth = func(_ *fakeserver.Client, connect protocol.Connect) string {
						if connect.User != "ann" || connect.Password != "pw" {
							return "Authorization Violation"
						}
						return ""
					}
				}
				want := play(t, real, s)
				got := play(t, fakeserver.Run(t, options), s)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-nats-server +fakeserver:\n%s", diff)
				}
				if len(want) == 0 || !strings.Contains(strings.Join(want, ""), "INFO ") {
					t.Errorf("the scenario shows nothing: %q", want)
				}
			})
		})
	}
}

// play runs a scenario and returns what was heard, one entry for a client and a step.
func play(t *testing.T, p provider, s scenario) []string {
	t.Helper()
	clients := map[int]*raw{}
	var transcript []string
	for n, step := range s.steps {
		c := clients[step.client]
		if c == nil {
			c = dial(t, p)
			clients[step.client] = c
		}
		if step.bytes == leaves {
			c.conn.Close()
			delete(clients, step.client)
		} else {
			c.send(step.bytes)
		}
		time.Sleep(10 * time.Millisecond)
		for i := 1; i <= len(clients)+1; i++ {
			if clients[i] == nil {
				continue
			}
			heard, err := clients[i].take()
			if heard = normal(s, heard); heard != "" {
				transcript = append(transcript, fmt.Sprintf("step %d, client %d: %s", n, i, heard))
			}
			if err != nil {
				transcript = append(transcript, fmt.Sprintf("step %d, client %d: END %v", n, i, err == io.EOF))
				delete(clients, i)
			}
		}
	}
	return transcript
}

// normal cuts out what may differ.
func normal(s scenario, heard string) string {
	for _, d := range differs {
		heard = d.remove(heard)
	}
	if s.either != nil {
		heard = s.either.ReplaceAllString(heard, "~")
	}
	return heard
}
