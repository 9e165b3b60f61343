package fakeserver_test

import (
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
)

// roomMax is how much memory, in bytes, a server may use for one client that sends at
// most 64 KiB: buffers, its transcript, what is queued for it, and overhead.
const roomMax = 4 << 20

// FuzzClientBytes has a client send arbitrary bytes, in pieces, and read or not read the
// answers. The server neither panics nor hangs, uses a bounded amount of memory, and
// serves others as before.
func FuzzClientBytes(f *testing.F) {
	for _, s := range scenarios {
		var all strings.Builder
		for _, step := range s.steps {
			all.WriteString(step.bytes)
		}
		f.Add([]byte(all.String()), uint16(0), false)
		f.Add([]byte(all.String()), uint16(1), true)
	}
	f.Add([]byte(hello+"PUB a 1048576\r\n"), uint16(0), false)
	f.Add([]byte(hello+"SUB > 1\r\nSUB > 2\r\n"+strings.Repeat("PUB a a 10\r\n0123456789\r\n", 200)), uint16(0), true)
	f.Fuzz(func(t *testing.T, bytes []byte, piece uint16, deaf bool) {
		bytes = bytes[:min(len(bytes), 64<<10)]
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s := fakeserver.New(fakeserver.Options{QueueMax: 1 << 20})
		defer s.Close()
		conn, err := s.InProcessConn()
		must.Do(t, err)
		var reading sync.WaitGroup
		if !deaf {
			reading.Go(func() { drain(conn) })
		}
		for rest := bytes; len(rest) > 0; {
			n := min(len(rest), int(piece)+1)
			if piece == 0 {
				n = len(rest)
			}
			if conn.SetWriteDeadline(time.Now().Add(patience)) != nil {
				break
			}
			if _, err := conn.Write(rest[:n]); err != nil {
				break // the server has cut it
			}
			rest = rest[n:]
		}
		runtime.ReadMemStats(&after)
		if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > roomMax {
			runtime.GC()
			runtime.ReadMemStats(&after)
			if held = int64(after.HeapAlloc) - int64(before.HeapAlloc); held > roomMax {
				t.Errorf("%d bytes are held for %d that were sent", held, len(bytes))
			}
		}
		conn.Close()
		reading.Wait()
		<-s.Client(1).Done()
		dial(t, s).greeted()
	})
}

func drain(conn net.Conn) {
	chunk := make([]byte, 4096)
	for {
		if _, err := conn.Read(chunk); err != nil {
			return
		}
	}
}
