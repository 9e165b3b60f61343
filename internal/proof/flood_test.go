package proof_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
)

// highWater samples the heap while f runs and returns the most that was in use above
// what was before, in bytes. How much garbage there is depends on when it is collected,
// so that is done before each look, and of two looks the one with less of it counts.
func highWater(f func()) int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	before, most := int64(stats.HeapAlloc), int64(0)
	over := make(chan struct{})
	var sampling sync.WaitGroup
	sampling.Go(func() {
		often := time.NewTicker(20 * time.Millisecond)
		defer often.Stop()
		for {
			select {
			case <-over:
				return
			case <-often.C:
				most = max(most, min(held(), held())-before)
			}
		}
	})
	f()
	close(over)
	sampling.Wait()
	return most
}

// flood sends raw n times, as fast as the client takes it.
func flood(t *testing.T, c *fakeserver.Client, raw []byte, n int) {
	t.Helper()
	for range n {
		for {
			err := c.Send(raw)
			if err == nil {
				break
			}
			if !errors.Is(err, fakeserver.ErrQueueFull) {
				t.Fatal(err)
			}
			runtime.Gosched()
		}
	}
}

// TestP09InfoFlood: the largest INFO there can be, with as many servers as fit into it,
// again and again. G9: what waits to be looked at is one INFO, and the pool is bounded.
// G8: the last one counts.
func TestP09InfoFlood(t *testing.T) {
	s := fakeserver.Run(t, fakeserver.Options{QueueMax: 4 << 20})
	nc, err := api.Connect(s.URL(), system(), api.Timeout(patience))
	must.Do(t, err)
	defer nc.Close()
	var urls strings.Builder
	for i := 0; urls.Len() < 900_000; i++ {
		fmt.Fprintf(&urls, `"%x:1",`, i)
	}
	info := []byte(`INFO {"server_id":"x","max_payload":1000,"connect_urls":[` + urls.String() + `"last:1"]}` + "\r\n")
	most := highWater(func() {
		flood(t, s.Client(1), info, 12)
		flood(t, s.Client(1), []byte("INFO {\"server_id\":\"x\",\"headers\":true,\"max_payload\":77}\r\n"), 1)
		must.Do(t, nc.FlushWithContext(must.Within(t, 4*patience)))
	})
	if most > 64<<20 {
		t.Errorf("%d MiB are in use", most>>20)
	}
	if n := nc.MaxPayload(); n != 77 {
		t.Errorf("the largest payload is %d", n)
	}
	if n := len(nc.Servers()); n > 4100 {
		t.Errorf("the pool has %d servers", n)
	}
}

// TestP08ErrorFlood: long errors by the thousand, while a callback hangs at the first. G9:
// what waits for the callback is bounded, in number and in length.
func TestP08ErrorFlood(t *testing.T) {
	s := fakeserver.Run(t, fakeserver.Options{QueueMax: 4 << 20})
	release := make(chan struct{})
	nc, err := api.Connect(s.URL(), system(), api.Timeout(patience), api.OnEvent(func(api.Event) { <-release }))
	must.Do(t, err)
	defer nc.Close()
	defer close(release)
	long := []byte("-ERR '" + strings.Repeat("x", 60_000) + "'\r\n")
	before := inUse()
	flood(t, s.Client(1), long, 3000)
	must.Do(t, nc.FlushWithContext(must.Within(t, 4*patience)))
	if held := inUse() - before; held > 64<<20 {
		t.Errorf("%d MiB wait of %d of errors", held>>20, 3000*len(long)>>20)
	}
}
