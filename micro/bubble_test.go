package micro_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// place is a service and a client on connections of their own, in a bubble.
type place struct {
	t      *testing.T
	b      *faults.Env
	nc     *api.Conn // of the service
	other  *api.Conn // of the client
	client *micro.Client
	svc    micro.Service

	mu   sync.Mutex
	told []*micro.NATSError
}

// inBubble runs f with a service in a bubble.
func inBubble(t *testing.T, config micro.Config, f func(p *place), options ...api.Option) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		p := &place{t: b.T, b: b}
		connect := func(name string, options ...api.Option) *api.Conn {
			options = append([]api.Option{api.System(b.System), api.SetCustomDialer(b.Dialer(name)), api.MaxReconnects(-1)}, options...)
			return must.Get(api.Connect(b.URL("s1"), options...))(b.T)
		}
		p.nc, p.other = connect("service", options...), connect("client")
		defer p.nc.Close()
		defer p.other.Close()
		p.client = must.Get(micro.NewClient(p.other))(b.T)
		config.Name, config.Version = "Test", "1.0.0"
		config.ErrorHandler = func(svc micro.Service, err *micro.NATSError) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.told = append(p.told, err)
			_ = svc.Info() // from anywhere
		}
		p.svc = must.Get(micro.AddService(p.nc, config))(b.T)
		must.Do(b.T, p.nc.Flush())
		f(p)
	})
}

// add adds an endpoint that others may speak to.
func (p *place) add(name string, handler micro.Handler, options ...micro.EndpointOpt) {
	p.t.Helper()
	must.Do(p.t, p.svc.AddEndpoint(name, handler, options...))
	must.Do(p.t, p.nc.Flush())
}

// errors returns what the ErrorHandler got since the last call.
func (p *place) errors() []*micro.NATSError {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	told := p.told
	p.told = nil
	return told
}

// expectErrors checks the errors since the last call, by kind.
func (p *place) expectErrors(kinds ...error) {
	p.t.Helper()
	told := p.errors()
	if len(told) != len(kinds) {
		p.t.Errorf("told %v, want %v", told, kinds)
		return
	}
	for i, kind := range kinds {
		if !errors.Is(told[i], kind) {
			p.t.Errorf("told %v, want %v", told[i], kind)
		}
	}
}

// ask returns data and error of a request that waits for so long.
func (p *place) ask(subject, data string, patience time.Duration, opts ...micro.RequestOpt) (string, error) {
	ctx := must.Within(p.t, patience)
	m, err := p.client.Request(ctx, subject, []byte(data), opts...)
	if err != nil {
		return "", err
	}
	return string(m.Data), nil
}

// asking asks in the background, and returns where the outcome comes.
func (p *place) asking(subject, data string, patience time.Duration) chan string {
	outcome := make(chan string, 1)
	go func() {
		answer, err := p.ask(subject, data, patience)
		if err != nil {
			answer = err.Error()
		}
		outcome <- answer
	}()
	return outcome
}

// stats are those of an endpoint.
func (p *place) stats(name string) (*micro.EndpointStats, micro.Metrics) {
	p.t.Helper()
	synctest.Wait()
	for _, s := range p.svc.Stats().Endpoints {
		if s.Name == name {
			return s, unmarshal[micro.Metrics](p.t, s.Data)
		}
	}
	p.t.Fatalf("no endpoint %s", name)
	return nil, micro.Metrics{}
}

// node is that of an endpoint in the tree, or of the service if name is empty. One that was
// added in the place of another may have a number behind its name.
func (p *place) node(name string) api.Node {
	p.t.Helper()
	synctest.Wait()
	group, _ := p.nc.Tree().Find("consumers")
	if len(group.Children) != 1 {
		p.t.Fatalf("consumers:\n%v", group)
	}
	if name == "" {
		return group.Children[0]
	}
	for _, n := range group.Children[0].Children {
		if n.Name == name || n.Name == name+"~2" {
			return n
		}
	}
	p.t.Fatalf("no %s in:\n%v", name, group)
	return api.Node{}
}

// expectState checks the state of an endpoint in the tree, and whether the connection is well.
func (p *place) expectState(name, state string, level api.Level) {
	p.t.Helper()
	n := p.node(name)
	if n.State != state || n.Level != level {
		p.t.Errorf("%s is %s (%v): %s; want %s (%v)", name, n.State, n.Level, n.Reason, state, level)
	}
	if health := p.nc.Health(); (health == nil) != (level == api.Well) {
		p.t.Errorf("%s: health is %v", name, health)
	}
}

// counter is one of an endpoint's in the tree.
func (p *place) counter(name, counter string) uint64 {
	p.t.Helper()
	n, ok := p.node(name).Counter(counter)
	if !ok {
		p.t.Errorf("%s has no %q", name, counter)
	}
	return n
}

func sprint(v any, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(v)
}
