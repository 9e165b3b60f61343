package api_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

// anycall_test.go - every public method, called at every place where user code runs:
// the places are in places_test.go, the methods come from the types.

const (
	// briefly bounds the calls that take a timeout or a context.
	briefly = 10 * time.Millisecond

	// callMax is how long any call may take. A call that waits for a server without a limit
	// of its own, from a callback of an attempt to connect, waits until that attempt is
	// given up.
	callMax = patience
)

// visit is one arrival of a test at a place where user code runs.
type visit struct {
	nc    *api.Conn
	own   *api.Subscription // of the handler that it is in; nil elsewhere
	actor *api.ActorContext // of the actor that it is in; nil elsewhere
}

// endings are the methods of a Conn that end or move it: a visit makes one such call.
// All others are made in one visit, one after the other.
var endings = []string{"Close", "CloseContext", "Drain", "DrainContext", "ForceReconnect", "Rotate"}

// call is one method of a type.
type call struct {
	name string
	on   func(v *visit) reflect.Value // the receiver, not valid if there is none here
	i    int                          // of the method
}

// harmless are all methods but the endings.
func harmless() (all []call) {
	for _, on := range []func(v *visit) any{
		func(v *visit) any { return v.nc },
		func(v *visit) any { return fresh(v.nc) },
		func(v *visit) any { return v.own },
		func(v *visit) any { return &api.Msg{Subject: own(v.nc), Reply: own(v.nc), Sub: fresh(v.nc)} },
		func(v *visit) any { return spawned(v.nc) },
		func(v *visit) any { return v.actor },
	} {
		receiver := func(v *visit) reflect.Value { return reflect.ValueOf(on(v)) }
		of := reflect.TypeOf(on(new(visit)))
		for i := range of.NumMethod() {
			if name := of.Method(i).Name; of != reflect.TypeFor[*api.Conn]() || !slices.Contains(endings, name) {
				all = append(all, call{fmt.Sprintf("%v.%s", of, name), receiver, i})
			}
		}
	}
	return all
}

// lastCall is one of the endings.
func lastCall(name string) call {
	method, _ := reflect.TypeFor[*api.Conn]().MethodByName(name)
	return call{"Conn." + name, func(v *visit) reflect.Value { return reflect.ValueOf(v.nc) }, method.Index}
}

// fresh returns a subscription with a message on its way to it, nil if there can be
// none any more.
func fresh(nc *api.Conn) *api.Subscription {
	sub, err := nc.SubscribeSync(own(nc))
	if err != nil {
		return nil
	}
	_ = nc.Publish(own(nc), nil)
	return sub
}

func spawned(nc *api.Conn) *api.ActorRef {
	ref, err := nc.Spawn(doing("", func(*api.ActorContext, any) {}))
	if err != nil {
		return nil
	}
	return ref
}

// argument makes an argument of a type, not valid if it does not know how.
func (v *visit) argument(of reflect.Type) (arg reflect.Value, done func()) {
	done = func() {}
	var value any
	switch of {
	case reflect.TypeFor[context.Context]():
		value, done = context.WithTimeout(context.Background(), briefly)
	case reflect.TypeFor[string]():
		value = own(v.nc)
	case reflect.TypeFor[[]byte]():
		value = []byte("data")
	case reflect.TypeFor[time.Duration]():
		value = briefly
	case reflect.TypeFor[int](), reflect.TypeFor[any]():
		value = 10
	case reflect.TypeFor[*api.Msg]():
		value = api.NewMsg(own(v.nc))
	case reflect.TypeFor[chan *api.Msg]():
		value = make(chan *api.Msg, 100)
	case reflect.TypeFor[chan api.Status]():
		value = v.nc.StatusChanged()
	case reflect.TypeFor[[]string]():
		value = v.nc.Servers()
	case reflect.TypeFor[api.Spec]():
		value = doing("", func(*api.ActorContext, any) {})
	case reflect.TypeFor[*api.ActorRef]():
		value = spawned(v.nc)
	case reflect.TypeFor[api.Level]():
		value = api.Degraded
	case reflect.TypeFor[api.RetryPolicy]():
		value = api.RetryPolicy{Attempts: 2}
	case reflect.TypeFor[api.BreakersConfig]():
		value = api.BreakersConfig{}
	case reflect.TypeFor[api.OutletSpec]():
		value = api.OutletSpec{Lost: func(api.OutletLoss) {}, Linked: func() {}, Refused: func(string, string, error) {}}
	default:
		if of.Kind() != reflect.Func {
			return reflect.Value{}, done
		}
		return reflect.MakeFunc(of, func([]reflect.Value) (results []reflect.Value) {
			for i := range of.NumOut() {
				results = append(results, reflect.Zero(of.Out(i)))
			}
			return results
		}), done
	}
	return reflect.ValueOf(value), done
}

// make makes the call, and ranges once over a sequence that it returns.
func (v *visit) make(c call) error {
	receiver := c.on(v)
	if !receiver.IsValid() || receiver.IsNil() {
		return nil
	}
	f := receiver.Method(c.i)
	var args []reflect.Value
	for i := range f.Type().NumIn() {
		if f.Type().IsVariadic() && i == f.Type().NumIn()-1 {
			break
		}
		arg, done := v.argument(f.Type().In(i))
		defer done()
		if !arg.IsValid() {
			return fmt.Errorf("%s: no argument of type %v is known: teach visit.argument", c.name, f.Type().In(i))
		}
		args = append(args, arg)
	}
	for _, result := range f.Call(args) {
		if !strings.HasPrefix(result.Type().String(), "iter.Seq") {
			continue
		}
		result.Call([]reflect.Value{reflect.MakeFunc(result.Type().In(0), func([]reflect.Value) []reflect.Value {
			return []reflect.Value{reflect.ValueOf(false)}
		})})
	}
	return nil
}

// TestAnyCallFromAnywhere makes every call at every place where user code runs. Each
// returns in time, and a connection that was not ended works afterwards.
func TestAnyCallFromAnywhere(t *testing.T) {
	w := newWorld(t)
	for _, place := range slices.Sorted(maps.Keys(places)) {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			w.visit(t, place, harmless())
			for _, name := range endings {
				w.visit(t, place, []call{lastCall(name)})
			}
		})
	}
}

// visit makes calls at a place.
func (w *world) visit(t *testing.T, place string, calls []call) {
	t.Helper()
	var now atomic.Pointer[string]
	over, ctx, failed := make(chan *api.Conn, 1), must.Within(t, patience), make(chan error, len(calls))
	places[place](w.in(t), once(func(v *visit) {
		defer func() { over <- v.nc }() // also after a panic
		for _, c := range calls {
			now.Store(&c.name)
			began := time.Now()
			if err := v.make(c); err != nil {
				failed <- err
			}
			if took := time.Since(began); took > callMax {
				failed <- fmt.Errorf("%s took %v", c.name, took)
			}
		}
		close(failed)
	}))
	var nc *api.Conn
	for nc == nil {
		select {
		case nc = <-over:
		case <-ctx.Done():
			before := now.Load()
			ctx = must.Within(t, patience)
			if before == nil {
				t.Fatalf("%s: nobody came here", place)
			}
			select {
			case nc = <-over:
			case <-ctx.Done():
				t.Fatalf("%s: %s does not return; before was %s", place, *now.Load(), *before)
			}
		}
	}
	for err := range failed {
		t.Errorf("%s: %v", place, err)
	}
	if len(calls) > 1 && !nc.IsClosed() {
		if err := nc.FlushWithContext(must.Within(t, patience)); err != nil {
			t.Errorf("%s: the connection does not work: %v", place, err)
		}
	}
}

// once lets only the first call through.
func once(f func(*visit)) func(*visit) {
	var called atomic.Bool
	return func(v *visit) {
		if called.CompareAndSwap(false, true) {
			f(v)
		}
	}
}

// TestNoPlaceIsMissing: every func and interface in the options is a place where user code
// runs.
func TestNoPlaceIsMissing(t *testing.T) {
	options := reflect.TypeFor[api.Options]()
	for i := range options.NumField() {
		f := options.Field(i)
		if kind := f.Type.Kind(); kind != reflect.Func && kind != reflect.Interface {
			continue
		}
		if places[f.Name] == nil {
			t.Errorf("nobody calls anything inside Options.%s", f.Name)
		}
	}
}
