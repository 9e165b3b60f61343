package proof_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// refusals are what servers say of credentials, with the kind that it is.
var refusals = map[string]error{
	"Authorization Violation":        api.ErrAuthorization,
	"User Authentication Expired":    api.ErrAuthExpired,
	"User Authentication Revoked":    api.ErrAuthRevoked,
	"Account Authentication Expired": api.ErrAccountAuthExpired,
	"Authentication Timeout":         api.ErrAuthTimeout,
}

// isVerdict reports whether a refusal is one on the credentials: a server that had no
// time has not judged them.
func isVerdict(kind error) bool { return !errors.Is(kind, api.ErrAuthTimeout) }

// TestP04AuthErrors, said to a connection that is live, and then to its first attempts to come
// back. G11: each is typed and says what the server said. G8: the connection comes back, unless
// the same verdict comes twice, which is the policy; and with the other policy, always. A
// timeout is not a verdict, however often it comes.
func TestP04AuthErrors(t *testing.T) {
	for text, kind := range refusals {
		for _, stubborn := range []bool{false, true} {
			for _, times := range []int{1, 2, 10} {
				t.Run(fmt.Sprintf("%s %d times, keep trying %v", text, times, stubborn), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						refused(t, refusal{text: text, kind: kind, stubborn: stubborn, times: times})
					})
				})
			}
		}
	}
}

// refusal is a case of TestP04AuthErrors.
type refusal struct {
	text     string
	kind     error
	stubborn bool // the policy is to keep trying
	times    int  // in a row: once while live, the others in handshakes
}

func refused(t *testing.T, c refusal) {
	t.Helper()
	left := 0
	s := fakeserver.Run(t, fakeserver.Options{DontListen: true, Auth: func(*fakeserver.Client, protocol.Connect) string {
		if left == 0 {
			return ""
		}
		left--
		return c.text
	}})
	events := newTape()
	options := []api.Option{events.option(), api.MaxReconnects(-1)}
	if c.stubborn {
		options = append(options, api.IgnoreAuthErrorAbort())
	}
	nc := join(t, s, options...)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	must.Do(t, nc.Flush())
	time.Sleep(time.Minute)
	left = c.times - 1
	must.Do(t, s.Client(1).Send(protocol.AppendErr(nil, c.text)))
	s.Client(1).Close()

	lost := events.await(t, api.LinkLost, 1)
	kinds(t, lost.Cause, c.kind)
	if said := as[*api.AuthorizationError](t, lost.Cause); said.Reason != c.text || said.During != "running" {
		t.Errorf("lost by %+v", said)
	}
	told := events.await(t, api.AuthenticationFailed, 1)
	kinds(t, told.Cause, c.kind)
	time.Sleep(10 * time.Minute)
	if c.times > 1 && isVerdict(c.kind) && !c.stubborn {
		closed := events.await(t, api.ConnectionClosed, 1)
		kinds(t, closed.Cause, c.kind)
		if said := as[*api.AuthorizationError](t, closed.Cause); said.During != "reconnect" {
			t.Errorf("closed by %+v", said)
		}
		kinds(t, nc.Publish("a", nil), api.ErrConnectionClosed, c.kind)
		if n := s.Accepted(); n != 2 {
			t.Errorf("tried %d times", n)
		}
		return
	}
	if got := events.of(api.AuthenticationFailed); len(got) != c.times {
		t.Errorf("told %d times", len(got))
	}
	must.Do(t, nc.Publish("a", []byte("x")))
	if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != "x" {
		t.Errorf("got %q", m.Data)
	}
	nc.Close()
}

// TestP04CredentialsAreAskedAnew for each attempt, so that those that expire can be
// renewed.
func TestP04CredentialsAreAskedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		s := fakeserver.Run(t, fakeserver.Options{DontListen: true, Auth: func(_ *fakeserver.Client, connect protocol.Connect) string {
			seen = append(seen, connect.AuthToken)
			if connect.AuthToken == "token 2" || connect.AuthToken == "token 3" {
				return "User Authentication Expired"
			}
			return ""
		}})
		asked := 0
		nc := join(t, s, api.IgnoreAuthErrorAbort(), api.TokenHandler(func() string {
			asked++
			return fmt.Sprint("token ", asked)
		}))
		must.Do(t, s.Client(1).Send(protocol.AppendErr(nil, "User Authentication Expired")))
		s.Client(1).Close()
		must.Get(s.Await(must.Within(t, patience), 4))(t)
		must.Do(t, nc.Flush())
		if want := []string{"token 1", "token 2", "token 3", "token 4"}; !slices.Equal(seen, want) {
			t.Errorf("the server saw %q", seen)
		}
		nc.Close()
	})
}

// TestP05FullServers: a server that takes no more connections, in every way to say it, at
// once and later. G8: the other server is gone to; G11: the attempt says why.
func TestP05FullServers(t *testing.T) {
	for text, kind := range map[string]error{
		"maximum connections exceeded":                             api.ErrMaxConnectionsExceeded,
		"maximum account active connections exceeded":              api.ErrMaxAccountConnectionsExceeded,
		"Connection throttling is active. Please try again later.": api.ErrConnectionThrottled,
	} {
		for _, live := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, while live %v", text, live), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					full := !live
					first := fakeserver.Run(t, fakeserver.Options{DontListen: true, Auth: func(*fakeserver.Client, protocol.Connect) string {
						if full {
							return text
						}
						return ""
					}})
					second := fakeserver.Run(t, fakeserver.Options{DontListen: true})
					h := &hosts{servers: map[string]provider{"first": first, "second": second}}
					events := newTape()
					nc := must.Get(api.Connect("first,second", h.options(events.option())...))(t)
					defer nc.Close()
					var cause error
					if live {
						full = true
						must.Do(t, first.Client(1).Send(protocol.AppendErr(nil, text)))
						first.Client(1).Close()
						cause = events.await(t, api.LinkLost, 1).Cause
						events.await(t, api.LinkRestored, 2)
					} else {
						cause = events.await(t, api.ConnectAttemptFailed, 1).Cause
					}
					kinds(t, cause, kind)
					if said := as[*api.ServerError](t, cause); said.Text != text {
						t.Errorf("said %+v", said)
					}
					must.Do(t, nc.Flush())
					if len(second.Clients()) != 1 || !slices.Equal(h.dials(), []string{"first", "second"}) {
						t.Errorf("dialed %v", h.dials())
					}
				})
			})
		}
	}
}

// TestP05Payload: what is larger than the server said is refused at once and alone. What a
// server refuses although it said otherwise costs the link (G11, typed), is never sent again
// (G3), and nothing that came after it and was not sent is lost.
func TestP05Payload(t *testing.T) {
	info := fakeserver.DefaultInfo()
	info.MaxPayload = 100
	fake(t, fakeserver.Options{Info: info}, func(t *testing.T, s *fakeserver.Server) {
		nc, events := observed(t, s)
		err := nc.Publish("a", make([]byte, 101))
		if large := as[*api.MaxPayloadError](t, err); large.Size != 101 || large.Limit != 100 || large.ByServer {
			t.Errorf("refused: %+v", large)
		}
		must.Do(t, nc.Flush())
		liar := s.Control(protocol.OpPub, func(_ *fakeserver.Client, f fakeserver.Frame) fakeserver.Verdict {
			if len(f.Payload) < 50 {
				return fakeserver.Pass()
			}
			return fakeserver.Verdict{Drop: true, Send: protocol.AppendErr(nil, "Maximum Payload Violation"), Close: true}
		})
		must.Do(t, nc.Publish("a", make([]byte, 60)))
		lost := events.await(t, api.LinkLost, 1)
		kinds(t, lost.Cause, api.ErrMaxPayload)
		if large := as[*api.MaxPayloadError](t, lost.Cause); !large.ByServer || large.Limit != 100 {
			t.Errorf("lost by %+v", large)
		}
		must.Do(t, nc.Publish("a", []byte("behind")))
		events.await(t, api.LinkRestored, 2)
		must.Do(t, nc.Flush())
		if n := liar.Hits(); n != 2 {
			t.Errorf("%d publishes came, want the large one and the one behind it", n)
		}
		if n := nc.Stats().Uncertain; n != 1 {
			t.Errorf("%d are uncertain", n)
		}
		events.none(t, api.MessagesDropped)
		nc.Close()
	})
}

// TestP05ControlLine costs the link, and no more.
func TestP05ControlLine(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		nc, events := observed(t, s)
		must.Do(t, nc.Publish(strings.Repeat("a", 5000), nil))
		kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrMaxControlLine)
		events.await(t, api.LinkRestored, 2)
		must.Do(t, nc.Flush())
		if n := len(events.of(api.LinkLost)); n != 1 {
			t.Errorf("lost %d times", n)
		}
		nc.Close()
	})
}

// TestP05Subscriptions: the one too many is reported, and only that one.
func TestP05Subscriptions(t *testing.T) {
	fake(t, fakeserver.Options{SubscriptionsMax: 2}, func(t *testing.T, s *fakeserver.Server) {
		nc, events := observed(t, s)
		var subs []*api.Subscription
		for _, subject := range []string{"a", "b", "c"} {
			subs = append(subs, must.Get(nc.SubscribeSync(subject))(t))
		}
		must.Do(t, nc.Flush())
		denied := events.await(t, api.PermissionDenied, 1)
		kinds(t, denied.Cause, api.ErrMaxSubscriptionsExceeded)
		if e := as[*api.PermissionError](t, denied.Cause); e.Subject != "c" {
			t.Errorf("denied %+v", e)
		}
		for _, subject := range []string{"a", "b", "c"} {
			must.Do(t, nc.Publish(subject, nil))
		}
		for i, sub := range subs {
			_, err := sub.NextMsg(time.Second)
			if denied := errors.Is(err, api.ErrMaxSubscriptionsExceeded) || errors.Is(err, api.ErrTimeout); denied != (i == 2) {
				t.Errorf("subscription %d: %v", i, err)
			}
		}
		events.none(t, api.LinkLost)
		// The next link tells what it can take, again.
		must.Do(t, subs[0].Unsubscribe())
		s.Client(1).Reset()
		events.await(t, api.SubscriptionRestored, 1)
		must.Do(t, nc.Publish("c", nil))
		must.Get(subs[2].NextMsg(time.Second))(t)
		nc.Close()
	})
}

// TestP06Permissions reach the call or the subscription that they are about, at once (G2, G11),
// and no other caller; the connection stays.
func TestP06Permissions(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		events := newTape()
		nc := join(t, s, events.option(), api.PermissionErrOnSubscribe(true))
		s.Control(protocol.OpPub, func(_ *fakeserver.Client, f fakeserver.Frame) fakeserver.Verdict {
			switch f.Subject {
			case "denied":
				return fakeserver.Answer("-ERR 'Permissions Violation for Publish to \"denied\"'\r\n")
			case "reply":
				return fakeserver.Answer(fmt.Sprintf("-ERR 'Permissions Violation for Publish with Reply of %q'\r\n", f.Reply))
			}
			return fakeserver.Pass()
		})
		s.Control(protocol.OpSub, func(_ *fakeserver.Client, f fakeserver.Frame) fakeserver.Verdict {
			switch {
			case f.Subject == "secret" && f.Queue == "":
				return fakeserver.Answer("-ERR 'Permissions Violation for Subscription to \"secret\"'\r\n")
			case f.Queue == "q":
				return fakeserver.Answer("-ERR 'Permissions Violation for Subscription to \"" + f.Subject + "\" using queue \"q\"'\r\n")
			case f.Subject == "a.b.c":
				return fakeserver.Answer("-ERR 'Permissions Violation for Subscription to \"a.b.c\", too many tokens'\r\n")
			}
			return fakeserver.Pass()
		})

		fine := must.Get(nc.SubscribeSync("fine"))(t)
		denials := func(n int, role protocol.Role, subject, queue string) {
			t.Helper()
			e := as[*api.PermissionError](t, events.await(t, api.PermissionDenied, n).Cause)
			if e.Op != role || e.Subject != subject || e.Queue != queue {
				t.Errorf("denied %+v", e)
			}
		}
		must.Do(t, nc.Publish("denied", nil))
		denials(1, protocol.RolePublish, "denied", "")
		began := time.Now()
		_, err := nc.Request("denied", nil, time.Hour)
		kinds(t, err, api.ErrPermissionViolation)
		denials(2, protocol.RolePublish, "denied", "")
		_, err = nc.Request("reply", nil, time.Hour)
		kinds(t, err, api.ErrPermissionViolation)
		for n, c := range []struct{ subject, queue string }{{"secret", ""}, {"secret", "q"}, {"a.b.c", ""}, {"fine", "q"}} {
			sub := must.Get(nc.QueueSubscribeSync(c.subject, c.queue))(t)
			_, err := sub.NextMsg(time.Hour)
			kinds(t, err, api.ErrPermissionViolation)
			denials(4+n, protocol.RoleSubscribe, c.subject, c.queue)
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("they waited %v to be told", d)
		}
		// One that a change of the permissions takes away is named by its number.
		c := s.Client(1)
		i := slices.IndexFunc(c.Subscriptions(), func(sub fakeserver.Subscription) bool { return sub.Subject == "fine" })
		sid := c.Subscriptions()[i].SID
		must.Do(t, nc.Publish("fine", nil))
		must.Get(fine.NextMsg(time.Hour))(t)
		must.Do(t, c.Send(fmt.Appendf(nil, "-ERR 'Permissions Violation for Subscription to \"fine\" (sid \"%d\")'\r\n", sid)))
		_, err = fine.NextMsg(time.Hour)
		kinds(t, err, api.ErrPermissionViolation)
		denials(8, protocol.RoleSubscribe, "fine", "")
		events.none(t, api.LinkLost)
		nc.Close()
	})
}

// TestP07OurOwnMistakes: what a server says of frames that it does not understand. G11:
// each is an event with its kind; and where the server ends the connection, that is the
// reason of the loss, and the connection comes back.
func TestP07OurOwnMistakes(t *testing.T) {
	for _, c := range []struct {
		text   string
		kind   error
		closes bool
		event  api.EventKind
	}{
		{"Invalid Subject", api.ErrBadSubject, false, api.PermissionDenied},
		{"Invalid Publish Subject", api.ErrBadSubject, false, api.ServerErrorReported},
		{"Unknown Protocol Operation", api.ErrProtocol, true, api.ServerErrorReported},
		{"Parser Error", api.ErrServer, true, api.ServerErrorReported},
	} {
		t.Run(c.text, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				nc, events := observed(t, s)
				must.Get(nc.SubscribeSync("newest"))(t)
				synctest.Wait()
				must.Do(t, s.Client(1).Send(protocol.AppendErr(nil, c.text)))
				if c.closes {
					s.Client(1).Close()
					events.await(t, api.LinkRestored, 2)
				}
				told := events.await(t, c.event, 1)
				kinds(t, told.Cause, c.kind)
				if said := as[*api.ServerError](t, told.Cause); said.Text != c.text {
					t.Errorf("said %+v", said)
				}
				must.Do(t, nc.Flush())
				if n := len(events.of(api.LinkLost)); (n == 1) != c.closes {
					t.Errorf("lost %d times", n)
				}
				nc.Close()
			})
		})
	}
}

// TestP07WrongPort: an address of a server for servers is not tried again, and the
// others serve.
func TestP07WrongPort(t *testing.T) {
	for _, text := range []string{"attempted to connect to route port", "attempted to connect to gateway port",
		"attempted to connect to leaf node port"} {
		synctest.Test(t, func(t *testing.T) {
			wrong := fakeserver.Run(t, fakeserver.Options{DontListen: true, Auth: func(*fakeserver.Client, protocol.Connect) string { return text }})
			right := fakeserver.Run(t, fakeserver.Options{DontListen: true})
			h := &hosts{servers: map[string]provider{"wrong": wrong, "right": right}}
			events := newTape()
			nc := must.Get(api.Connect("wrong,right", h.options(events.option())...))(t)
			kinds(t, events.await(t, api.ConnectAttemptFailed, 1).Cause, api.ErrWrongPort)
			for range 3 {
				right.Clients()[0].Reset()
				time.Sleep(time.Minute)
				must.Do(t, nc.Flush())
			}
			if n := wrong.Accepted(); n != 1 {
				t.Errorf("%s: dialed %d times", text, n)
			}
			if servers := nc.Servers(); len(servers) != 1 {
				t.Errorf("%s: the pool is %v", text, servers)
			}
			nc.Close()
			_, err := api.Connect("wrong", h.options()...)
			kinds(t, err, api.ErrWrongPort, api.ErrNoServers)
		})
	}
}

// TestP07ConnectRefused: if our CONNECT is at fault no other server can help.
func TestP07ConnectRefused(t *testing.T) {
	for _, text := range []string{"invalid client protocol", "no responders requires headers support"} {
		synctest.Test(t, func(t *testing.T) {
			s := fakeserver.Run(t, fakeserver.Options{DontListen: true, Auth: func(*fakeserver.Client, protocol.Connect) string { return text }})
			h := &hosts{servers: map[string]provider{"a": s, "b": s}}
			_, err := api.Connect("a,b", h.options(api.RetryOnFailedConnect(false))...)
			kinds(t, err, api.ErrProtocol)
			if said := as[*api.ServerError](t, err); said.Text != text || s.Accepted() != 1 {
				t.Errorf("said %+v after %d attempts", said, s.Accepted())
			}
		})
	}
}

// TestP08OddErrors: -ERR in every form. What can be read is an event and ends nothing
// (G8, G11); what never ends costs the link at the limit of a line and not the memory
// (G9).
func TestP08OddErrors(t *testing.T) {
	for name, c := range map[string]struct{ raw, text string }{
		"unknown":        {"-ERR 'Never Heard Of'\r\n", "Never Heard Of"},
		"empty":          {"-ERR ''\r\n", ""},
		"bare":           {"-ERR\r\n", ""},
		"blank":          {"-ERR    \r\n", ""},
		"unquoted":       {"-ERR no quotes\r\n", "no quotes"},
		"half quoted":    {"-ERR 'half\r\n", "half"},
		"quotes inside":  {"-ERR 'it's'\r\n", "it's"},
		"lower case":     {"-err 'x'\r\n", "x"},
		"line feed only": {"-ERR 'x'\n", "x"},
		"not UTF-8":      {"-ERR '\xff\xfe'\r\n", "\xff\xfe"},
		"half a denial":  {"-ERR 'Permissions Violation for'\r\n", "Permissions Violation for"},
		"long":           {"-ERR '" + strings.Repeat("x", 60_000) + "'\r\n", strings.Repeat("x", protocol.ServerErrorTextMax)},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				nc, events := observed(t, s)
				must.Do(t, s.Client(1).Send([]byte(c.raw)))
				must.Do(t, nc.Flush())
				synctest.Wait()
				told := append(events.of(api.ServerErrorReported), events.of(api.PermissionDenied)...)
				if len(told) != 1 {
					t.Fatalf("told %d times", len(told))
				}
				if said := as[*api.ServerError](t, told[0].Cause); said.Text != c.text {
					t.Errorf("said %.100q", said.Text)
				}
				events.none(t, api.LinkLost)
				nc.Close()
			})
		})
	}
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		nc, events := observed(t, s)
		huge := []byte("-ERR '" + strings.Repeat("x", 10<<20) + "'\r\n")
		allocated := allocates(func() {
			must.Do(t, s.Client(1).Send(huge))
			kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrMaxControlLine)
			events.await(t, api.LinkRestored, 2)
		})
		if own := allocated - uint64(len(huge)); allocated > uint64(len(huge)) && own > 4<<20 {
			t.Errorf("%d bytes were allocated for an error of %d", allocated, len(huge))
		}
		must.Do(t, nc.Flush())
		nc.Close()
	})
}

// allocates returns how many bytes are allocated while f runs, by everybody.
func allocates(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
