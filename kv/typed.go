package kv

import (
	"context"
	"encoding/json"
	"iter"
)

// TypeCodec maps the values of a type to those of a bucket. It must be safe for concurrent use.
type TypeCodec[T any] interface {
	// Encode returns the bytes in the bucket for a value.
	Encode(value T) ([]byte, error)
	// Decode is the inverse of Encode.
	Decode(data []byte) (T, error)
}

// JSON is a TypeCodec: values are in the bucket as encoding/json writes them.
type JSON[T any] struct{}

// Encode implements TypeCodec.
func (JSON[T]) Encode(value T) ([]byte, error) { return json.Marshal(value) }

// Decode implements TypeCodec.
func (JSON[T]) Decode(data []byte) (value T, err error) {
	err = json.Unmarshal(data, &value)
	return value, err
}

// Typed is a Store whose values have one Go type. It is safe for concurrent use. Its methods
// return the errors of the Store; a value that the codec cannot encode is an
// ErrValueEncodeFailed, and one that it cannot decode an ErrValueDecodeFailed.
type Typed[T any] struct {
	store Store
	codec TypeCodec[T]
}

// TypedEntry is an entry with its value decoded.
type TypedEntry[T any] struct {
	Entry
	// Data is the value.
	Data T
}

// Of returns a Store with values of type T. A nil codec is JSON.
func Of[T any](s Store, codec TypeCodec[T]) Typed[T] {
	if codec == nil {
		codec = JSON[T]{}
	}
	return Typed[T]{s, codec}
}

// Store returns the Store, for what needs no values, such as to delete, list or watch keys.
func (t Typed[T]) Store() Store { return t.store }

// Get is Store.Get.
func (t Typed[T]) Get(ctx context.Context, key string) (TypedEntry[T], error) {
	e, err := t.store.Get(ctx, key)
	if err != nil {
		return TypedEntry[T]{}, err
	}
	return t.Decode(e)
}

// Put is Store.Put.
func (t Typed[T]) Put(ctx context.Context, key string, value T) (uint64, error) {
	data, err := t.Encode(key, value)
	if err != nil {
		return 0, err
	}
	return t.store.Put(ctx, key, data)
}

// Create is Store.Create.
func (t Typed[T]) Create(ctx context.Context, key string, value T, opts ...CreateOpt) (uint64, error) {
	data, err := t.Encode(key, value)
	if err != nil {
		return 0, err
	}
	return t.store.Create(ctx, key, data, opts...)
}

// Update is Store.Update.
func (t Typed[T]) Update(ctx context.Context, key string, value T, revision uint64) (uint64, error) {
	data, err := t.Encode(key, value)
	if err != nil {
		return 0, err
	}
	return t.store.Update(ctx, key, data, revision)
}

// GetMany is Store.GetMany. An entry that cannot be decoded is yielded as an error.
func (t Typed[T]) GetMany(ctx context.Context, keys ...string) iter.Seq2[TypedEntry[T], error] {
	return func(yield func(TypedEntry[T], error) bool) {
		for e, err := range t.store.GetMany(ctx, keys...) {
			var typed TypedEntry[T]
			if err == nil {
				typed, err = t.Decode(e)
			}
			if !yield(typed, err) {
				return
			}
		}
	}
}

// Decode decodes the value of an entry, such as one from a watcher; that of a marker is the zero
// value.
func (t Typed[T]) Decode(e Entry) (TypedEntry[T], error) {
	typed := TypedEntry[T]{Entry: e}
	if e.Operation() != OpPut {
		return typed, nil
	}
	var err error
	if typed.Data, err = t.codec.Decode(e.Value()); err != nil {
		return TypedEntry[T]{}, &KeyError{Op: "decode", Bucket: e.Bucket(), Key: e.Key(), Revision: e.Revision(), Kind: ErrValueDecodeFailed, Err: err}
	}
	return typed, nil
}

// Encode returns the bytes in the bucket for a value, for use in a transaction. The key is used
// in errors only.
func (t Typed[T]) Encode(key string, value T) ([]byte, error) {
	data, err := t.codec.Encode(value)
	if err != nil {
		return nil, &KeyError{Op: "encode", Bucket: t.store.Bucket(), Key: key, Kind: ErrValueEncodeFailed, Err: err}
	}
	return data, nil
}
