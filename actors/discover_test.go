package actors

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// TestAFullServerTellsOfOthers: the INFO of a server that then refuses us has announced
// other servers, and Connect goes there.
func TestAFullServerTellsOfOthers(t *testing.T) {
	for _, c := range []struct {
		ignore bool
		kind   error
	}{{false, nil}, {true, protocol.ErrMaxConnectionsExceeded}} {
		synctest.Test(t, func(t *testing.T) {
			cfg := config(t)
			cfg.IgnoreDiscovered = c.ignore
			var hosts []string
			peers(t, &cfg, func(p *peer) {
				if p.nth == 1 {
					p.send(string(protocol.AppendInfo(nil, &protocol.Info{ServerID: "full", MaxPayload: 1, ConnectURLs: []string{"other:1"}})))
					go io.Copy(io.Discard, p.conn)
					p.send("-ERR 'maximum connections exceeded'\r\n")
					return
				}
				served(p)
			})
			through := cfg.Dial
			cfg.Dial = func(ctx context.Context, u *url.URL) (net.Conn, error) {
				hosts = append(hosts, u.Host)
				return through(ctx, u)
			}
			conn, err := Connect(t.Context(), NewSystem(nil), cfg)
			if c.kind != nil {
				if !errors.Is(err, c.kind) || !errors.Is(err, ErrNoServers) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			conn.Close(t.Context())
			if !slices.Equal(hosts, []string{"peer", "other:1"}) {
				t.Errorf("dialed %v", hosts)
			}
		})
	}
}

// TestPartsOfAnInfoTakeNothingAway: limits stay, headers stay, servers change.
func TestPartsOfAnInfoTakeNothingAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		tape := record(&cfg)
		ready := make(chan *peer, 1)
		peers(t, &cfg, playing(ready))
		c := connect(t, cfg)
		p := <-ready
		p.send("INFO {\"connect_urls\":[\"d:1\",\"e:1\"]}\r\n")
		synctest.Wait()
		if i := c.Info(); i.MaxPayload != 1<<20 || !i.Headers || i.ServerID != "peer" || len(c.Pool()) != 3 {
			t.Errorf("info %+v, pool %v", i, c.Pool())
		}
		if err := c.Publish("a", "", []byte("NATS/1.0\r\n\r\n"), []byte("x")); err != nil {
			t.Error(err)
		}
		p.send("INFO {\"connect_urls\":[\"e:1\"]}\r\nINFO {\"connect_urls\":[]}\r\nINFO {\"connect_urls\":[\"e:1\",\"d:1\"],\"max_payload\":10}\r\n")
		synctest.Wait()
		if i := c.Info(); i.MaxPayload != 10 || len(c.Pool()) != 3 {
			t.Errorf("info %+v, pool %v", i, c.Pool())
		}
		if n := len(tape.all(isKind(supervisor.ServersDiscovered))); n != 1 {
			t.Errorf("%d discoveries, though d only came back", n)
		}
	})
}
