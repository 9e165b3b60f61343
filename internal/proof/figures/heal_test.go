package figures_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/proxy"
	"github.com/troupe-go/troupe/faults/wire"
	"github.com/troupe-go/troupe/internal/must"
)

// TestTimeToFirstSuccessAfterHealOverTCP is the same on sockets and in real time, with
// dial and handshake in it. Outages take from 20 ms to half a second.
func TestTimeToFirstSuccessAfterHealOverTCP(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	echo, err := api.Connect(s.URL())
	must.Do(t, err)
	defer echo.Close()
	_, err = echo.Subscribe("echo", func(m *api.Msg) { _ = m.Respond(m.Data) })
	must.Do(t, err)
	must.Do(t, echo.Flush())

	p := proxy.Run(t, s.URL(), proxy.Options{})
	nc, err := api.Connect(p.URL(), append(eager(), api.IgnoreDiscoveredServers())...)
	must.Do(t, err)
	defer nc.Close()
	took := newLatencies()
	for i := range sized(300, 5) {
		outage, err := p.Inject(fmt.Sprintf("for %dms refuse", 20+i*97%480))
		must.Do(t, err)
		_, err = p.Inject("reset")
		must.Do(t, err)
		if err := outage.Wait(must.Within(t, patience), math.MaxInt); !errors.Is(err, wire.ErrEnded) {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = nc.Request("echo", nil, patience)
		took.add(time.Since(began))
		must.Do(t, err)
		p.Clear()
	}
	record(t, figure{
		what: "first success after heal: over TCP, in real time, `ReconnectWait(100ms), ReconnectJitter(0, 0)`", goal: "p50 ≤ 50 ms, p99 ≤ 500 ms",
		measured: took.String(), kept: took.at(50) <= 50*time.Millisecond && took.at(99) <= 500*time.Millisecond,
	})
}
