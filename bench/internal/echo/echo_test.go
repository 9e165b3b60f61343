package echo

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/troupe-go/troupe/faults/natsserver"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wait bounds every wait of a test; it is reached only by a failing one.
const wait = time.Minute

func TestRequestsAreEchoed(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	conn, err := Start(strings.TrimPrefix(s.URL(), "nats://"), "echo")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	nc, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, size := range []int{0, 1, 16, 4096, 600_000} {
		payload := bytes.Repeat([]byte{byte(size), '\r', '\n'}, size/3+1)[:size]
		m, err := nc.Request("echo", payload, wait)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if !bytes.Equal(m.Data, payload) {
			t.Errorf("%d bytes came back as %d others", size, len(m.Data))
		}
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 50 {
				if _, err := nc.Request("echo", []byte("x"), wait); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestThereIsNoResponderWithoutAServer(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{Token: "secret"})
	address := strings.TrimPrefix(s.URL(), "nats://")
	if _, err := Start(address, "echo"); err == nil {
		t.Error("a responder that was not let in is no error")
	}
	s.Shutdown()
	if _, err := Start(address, "echo"); err == nil {
		t.Error("a responder without a server is no error")
	}
}

func TestOddFramesEndTheResponder(t *testing.T) {
	for _, frame := range []string{"-ERR 'no'\r\n", "MSG a 1 x\r\n", "MSG a 1 5\r\n", "HMSG a 1 b 2 3\r\n"} {
		if _, err := (&echo{}).frame([]byte(frame)); err == nil {
			t.Errorf("%q is no error", frame)
		}
	}
	for _, part := range []string{"", "MSG a 1 b 5", "MSG a 1 b 5\r\n12"} {
		if n, err := (&echo{}).frame([]byte(part)); n != 0 || err != nil {
			t.Errorf("%q has length %d (%v), want it to be incomplete", part, n, err)
		}
	}
}
