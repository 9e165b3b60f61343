package micro_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// TestDiscovery200: all of two hundred services are found, on a server that has a lot to say.
func TestDiscovery200(t *testing.T) {
	const services = 200
	inBubble(t, micro.Config{}, func(p *place) {
		ids := map[string]bool{p.svc.Info().ID: true}
		for i := range services - 1 {
			svc := must.Get(micro.AddService(p.nc, micro.Config{Name: fmt.Sprintf("S%d", i%10), Version: "1.0.0",
				Endpoint: &micro.EndpointConfig{Subject: fmt.Sprintf("s.%d", i), Handler: echo}}))(t)
			ids[svc.Info().ID] = true
		}
		must.Do(t, p.nc.Flush())
		began := time.Now()
		pings, err := p.client.Ping(p.t.Context(), "", "")
		if err != nil || len(pings) != services || time.Since(began) < micro.DefaultStall || time.Since(began) > 2*micro.DefaultStall {
			t.Errorf("%d, %v after %v", len(pings), err, time.Since(began))
		}
		for i, ping := range pings {
			if !ids[ping.ID] || i > 0 && (pings[i-1].Name > ping.Name || pings[i-1].Name == ping.Name && pings[i-1].ID >= ping.ID) {
				t.Errorf("%d: %+v", i, ping)
			}
		}
		infos, err := p.client.Info(p.t.Context(), "S3", "")
		if err != nil || len(infos) != 20 || infos[0].Name != "S3" || len(infos[0].Endpoints) != 1 {
			t.Errorf("%d, %v", len(infos), err)
		}
		began = time.Now()
		stats, err := p.client.Stats(p.t.Context(), "S3", infos[0].ID)
		if err != nil || len(stats) != 1 || stats[0].ID != infos[0].ID || time.Since(began) != 0 {
			t.Errorf("%+v, %v after %v", stats, err, time.Since(began))
		}
	})
}

// TestDiscoveryEnds: no instances are not an error; bad names and bad answers are; answers that
// came are returned.
func TestDiscoveryEnds(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		ctx := p.t.Context()
		if pings, err := p.client.Ping(ctx, "Nobody", ""); err != nil || len(pings) != 0 {
			t.Errorf("nobody: %v, %v", pings, err)
		}
		if _, err := p.client.Info(ctx, "a.b", ""); !errors.Is(err, micro.ErrInvalidName) {
			t.Errorf("a bad name: %v", err)
		}
		if _, err := p.client.Stats(ctx, "", "id"); !errors.Is(err, micro.ErrServiceNameRequired) {
			t.Errorf("no name: %v", err)
		}
		for _, lie := range []string{"", "{", "[]", `{"type":"io.nats.micro.v1.info_response","id":"a","name":"b"}`, `{"type":"io.nats.micro.v1.ping_response","name":"b"}`,
			`{"type":"io.nats.micro.v1.ping_response","id":5,"name":"b"}`} {
			liar := must.Get(p.nc.Subscribe("$SRV.PING", func(m *api.Msg) { must.Do(t, m.Respond([]byte(lie))) }))(t)
			must.Do(t, p.nc.Flush())
			pings, err := p.client.Ping(ctx, "", "")
			var data *micro.DiscoveryError
			if len(pings) != 1 || !errors.Is(err, micro.ErrBadResponse) || !errors.As(err, &data) || len(data.Causes) != 1 || data.Subject != "$SRV.PING" {
				t.Errorf("%q: %v, %v", lie, pings, err)
			}
			must.Do(t, liar.Unsubscribe())
		}
		twice := must.Get(p.nc.Subscribe("$SRV.PING", func(m *api.Msg) {
			must.Do(t, m.Respond(fmt.Appendf(nil, `{"type":"io.nats.micro.v1.ping_response","id":%q,"name":"Test"}`, p.svc.Info().ID)))
		}))(t)
		must.Do(t, p.nc.Flush())
		if pings, err := p.client.Ping(ctx, "", ""); err != nil || len(pings) != 1 {
			t.Errorf("twice: %v, %v", pings, err)
		}
		must.Do(t, twice.Unsubscribe())
		faulty := must.Get(micro.AddService(p.nc, micro.Config{Name: "Faulty", Version: "1.0.0", Endpoint: &micro.EndpointConfig{Handler: echo},
			StatsHandler: func(*micro.Endpoint) any { panic("no") }}))(t)
		must.Do(t, p.nc.Flush())
		stats, err := p.client.Stats(ctx, "", "")
		if len(stats) != 1 || !errors.Is(err, micro.ErrInternal) {
			t.Errorf("a StatsHandler that panics: %v, %v", stats, err)
		}
		if pings, err := p.client.Ping(ctx, "Faulty", faulty.Info().ID); err != nil || len(pings) != 1 {
			t.Errorf("its ping: %v, %v", pings, err)
		}
	})
}

// TestPrefix: services below another prefix are found there, and nowhere else.
func TestPrefix(t *testing.T) {
	inBubble(t, micro.Config{APIPrefix: "team.SRV"}, func(p *place) {
		if pings, err := p.client.Ping(p.t.Context(), "", ""); err != nil || len(pings) != 0 {
			t.Errorf("%v, %v", pings, err)
		}
		c := must.Get(micro.NewClient(p.other, micro.WithAPIPrefix("team.SRV"), micro.WithStall(time.Second)))(t)
		began := time.Now()
		if pings, err := c.Ping(p.t.Context(), "", ""); err != nil || len(pings) != 1 || time.Since(began) != time.Second {
			t.Errorf("%v, %v", pings, err)
		}
	})
	nc := connected(t)
	for name, opt := range map[string]micro.ClientOpt{"wildcards": micro.WithAPIPrefix("a.*"), "no stall": micro.WithStall(0)} {
		if _, err := micro.NewClient(nc, opt); !errors.Is(err, micro.ErrConfigValidation) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := micro.NewClient(nil); !errors.Is(err, api.ErrInvalidConnection) {
		t.Errorf("%v", err)
	}
}

// TestClientRequests: deadlines, contexts, and several answers.
func TestClientRequests(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		var none context.Context
		if _, err := p.client.Request(none, "e", nil); !errors.Is(err, api.ErrInvalidContext) {
			t.Errorf("nil: %v", err)
		}
		if _, err := p.client.RequestMsg(p.t.Context(), nil); !errors.Is(err, api.ErrInvalidMsg) {
			t.Errorf("nil: %v", err)
		}
		if _, err := p.client.Request(p.t.Context(), "e", nil); !errors.Is(err, api.ErrNoResponders) || errors.Is(err, micro.ErrService) {
			t.Errorf("nobody: %v", err)
		}
		p.add("slow", micro.HandlerFunc(func(micro.Request) { time.Sleep(time.Minute) }))
		began := time.Now()
		if _, err := p.client.Request(p.t.Context(), "slow", nil, nil); !errors.Is(err, api.ErrTimeout) || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		p.add("parts", micro.Func(func(_ context.Context, r micro.Request) error {
			for i := range 3 {
				data := fmt.Append(nil, i)
				if i == 1 {
					data = nil // also a part
				}
				if err := r.RespondPart(data, micro.WithHeaders(micro.Headers{"Part": {fmt.Sprint(i)}})); err != nil {
					return err
				}
			}
			if string(r.Data()) == "fail" {
				return micro.NewServiceErrorCode(500, "no more")
			}
			return nil
		}))
		for data, want := range map[string]string{"": "[0 1 2]", "fail": "[0 1 2 500: no more]"} {
			var got []string
			for m, err := range p.client.RequestMany(must.Within(p.t, time.Hour), "parts", []byte(data), api.RequestManySentinel(micro.LastPart)) {
				if err != nil {
					got = append(got, err.Error())
					break
				}
				got = append(got, m.Header.Get("Part"))
			}
			if fmt.Sprint(got) != want {
				t.Errorf("%q: %v", data, got)
			}
		}
		m := &api.Msg{Subject: "slow", Header: api.Header{"A": {"b"}}}
		_, _ = p.client.RequestMsg(must.Within(p.t, time.Second), m)
		if len(m.Header) != 1 {
			t.Errorf("the message was changed: %v", m.Header)
		}
	})
}

// TestWatch: instances are there, appear, change, disappear, and the link is lost in between.
func TestWatch(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		ctx, cancel := context.WithCancel(p.t.Context())
		var mu sync.Mutex
		var seen []string
		over := make(chan struct{})
		go func() {
			defer close(over)
			for change, err := range p.client.Watch(ctx, "Test", micro.WatchEvery(10*time.Second), micro.WatchMisses(3)) {
				mu.Lock()
				if err != nil {
					seen = append(seen, "error")
				} else {
					seen = append(seen, fmt.Sprint(change.Kind, " ", change.Info.Version, " ", len(change.Before.Endpoints), " ", len(change.Info.Endpoints)))
				}
				mu.Unlock()
			}
		}()
		expect := func(after time.Duration, want ...string) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if strings.Join(seen, ", ") != strings.Join(want, ", ") {
				t.Errorf("seen %q, want %q", seen, want)
			}
			seen = nil
		}
		expect(time.Second, "appeared 1.0.0 0 0")
		other := must.Get(micro.AddService(p.nc, micro.Config{Name: "Test", Version: "2.0.0"}))(t)
		must.Get(micro.AddService(p.nc, micro.Config{Name: "Another", Version: "3.0.0"}))(t)
		expect(15*time.Second, "appeared 2.0.0 0 0")
		p.add("e", echo)
		expect(15*time.Second, "changed 1.0.0 0 1")
		must.Do(t, other.Stop())
		expect(15 * time.Second)
		expect(20*time.Second, "gone 2.0.0 0 0")
		run := p.b.Inject("at 0s for 65s link(client, s1) refuse")
		must.Do(t, p.other.ForceReconnect())
		time.Sleep(2 * time.Minute)
		must.Do(t, run.Wait(p.t.Context()))
		mu.Lock()
		if len(seen) == 0 || strings.Contains(strings.Join(seen, ""), "gone") {
			t.Errorf("without a link: %q", seen)
		}
		seen = nil
		mu.Unlock()
		expect(time.Minute)
		cancel()
		<-over
		for range 2 {
			for change, err := range p.client.Watch(p.t.Context(), "") {
				if err != nil || change.Kind != micro.InstanceAppeared {
					t.Errorf("%v, %v", change, err)
				}
				break
			}
		}
		p.other.Close()
		count := 0
		for _, err := range p.client.Watch(p.t.Context(), "") {
			count++
			if !errors.Is(err, api.ErrConnectionClosed) {
				t.Errorf("%v", err)
			}
		}
		if count != 1 {
			t.Errorf("%d errors of a closed connection", count)
		}
		var none context.Context
		for _, watch := range []struct {
			ctx  context.Context
			name string
			opt  micro.WatchOpt
			want error
		}{
			{none, "", nil, api.ErrInvalidContext},
			{p.t.Context(), "a b", nil, micro.ErrInvalidName},
			{p.t.Context(), "", micro.WatchEvery(0), micro.ErrConfigValidation},
			{p.t.Context(), "", micro.WatchMisses(0), micro.ErrConfigValidation},
		} {
			for _, err := range p.client.Watch(watch.ctx, watch.name, nil, watch.opt) {
				if !errors.Is(err, watch.want) {
					t.Errorf("%v, want %v", err, watch.want)
				}
			}
		}
	})
}
