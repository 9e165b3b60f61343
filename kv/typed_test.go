package kv_test

import (
	"errors"
	"testing"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/kv"
)

// person is what a bucket of people holds.
type person struct {
	Name string `json:"name"`
	Age  int    `json:"age"`
}

func TestTypedValues(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "people", Transactions: true})
	people := kv.Of[person](s, nil)
	first := must.Get(people.Create(ctx, "ann", person{"Ann", 30}))(t)
	must.Get(people.Update(ctx, "ann", person{"Ann", 31}, first))(t)
	must.Get(people.Put(ctx, "bob", person{Name: "Bob"}))(t)
	e := must.Get(people.Get(ctx, "ann"))(t)
	if e.Data != (person{"Ann", 31}) || e.Key() != "ann" || e.Revision() != 2 || string(e.Value()) != `{"name":"Ann","age":31}` {
		t.Errorf("it is %+v", e)
	}
	must.Get(people.Store().PutString(ctx, "cy", "no json"))(t)
	_, err := people.Get(ctx, "cy")
	is(t, err, kv.ErrValueDecodeFailed)
	ages, undecoded := 0, 0
	for e, err := range people.GetMany(ctx, "*") {
		if failed, ok := errors.AsType[*kv.KeyError](err); ok && failed.Key == "cy" {
			undecoded++
			continue
		}
		must.Do(t, err)
		ages += e.Data.Age
	}
	if ages != 31 || undecoded != 1 {
		t.Errorf("ages %d, %d undecoded", ages, undecoded)
	}
	_, err = people.Get(ctx, "none")
	is(t, err, kv.ErrKeyNotFound)

	must.Get(s.Txn().Put("dan", must.Get(people.Encode("dan", person{Name: "Dan"}))(t)).Delete("bob").Commit(ctx))(t)
	if e := must.Get(people.Get(ctx, "dan"))(t); e.Data.Name != "Dan" {
		t.Errorf("dan is %+v", e)
	}
	_, err = people.Get(ctx, "bob")
	marker, _ := errors.AsType[*kv.KeyError](err)
	if e, err := people.Decode(marker.Entry); err != nil || e.Data != (person{}) || e.Operation() != kv.OpDelete {
		t.Errorf("the marker is %+v, %v", e, err)
	}
	channels := kv.Of[chan int](s, nil)
	for _, call := range []func() (uint64, error){
		func() (uint64, error) { return channels.Put(ctx, "x", nil) },
		func() (uint64, error) { return channels.Create(ctx, "x", nil) },
		func() (uint64, error) { return channels.Update(ctx, "x", nil, 0) },
	} {
		_, err := call()
		is(t, err, kv.ErrValueEncodeFailed)
	}
}
