package bucket

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// Type is the type of a bucket: the prefix of the names of its streams.
type Type string

// The types.
const (
	KeyValue Type = "KV_"
	Object   Type = "OBJ_"
)

// name returns the name of the type in errors.
func (t Type) name() string {
	if t == Object {
		return "object"
	}
	return "key-value"
}

// Stream returns the name of the stream of a bucket.
func (t Type) Stream(bucket string) string { return string(t) + bucket }

// Bucket returns the name of the bucket for the name of a stream, and whether it is that of a
// bucket.
func (t Type) Bucket(stream string) (name string, is bool) {
	name, is = strings.CutPrefix(stream, string(t))
	return name, is && badName(name) == ""
}

// Error returns an error about a bucket.
func (t Type) Error(op, bucket string, kind error, reason string) *Error {
	return &Error{Op: op, Store: t.name(), Bucket: bucket, Reason: reason, Kind: kind}
}

// Check returns an error for an invalid name, and for a nil JetStream.
func (t Type) Check(op string, js jetstream.JetStream, name string) error {
	if js == nil {
		return t.Error(op, name, api.ErrInvalidArg, "there is no JetStream")
	}
	if reason := badName(name); reason != "" {
		return t.Error(op, name, ErrInvalidName, reason)
	}
	return nil
}

// Open returns the stream of a bucket.
func (t Type) Open(ctx context.Context, js jetstream.JetStream, name string) (jetstream.Stream, error) {
	if err := t.Check("open", js, name); err != nil {
		return nil, err
	}
	s, err := js.Stream(ctx, t.Stream(name))
	if err != nil {
		return nil, t.Failed("open", name, err)
	}
	return s, nil
}

// Create creates the stream of a bucket. If it exists with the same config, it is returned. If
// it differs only in what old clients set otherwise, it is updated.
func (t Type) Create(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := js.CreateStream(ctx, cfg)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) && outdated(ctx, js, cfg) {
		s, _, err = js.EnsureStream(ctx, cfg)
	}
	if err != nil {
		return nil, t.Failed("create", strings.TrimPrefix(cfg.Name, string(t)), err)
	}
	return s, nil
}

// outdated reports whether the existing stream differs from cfg only in what old clients set
// otherwise.
func outdated(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig) bool {
	plan, err := js.PlanStream(ctx, cfg)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(plan.Changes, func(c jetstream.Change) bool { return c.Field != "Discard" && c.Field != "AllowDirect" })
}

// Update changes the stream of a bucket.
func (t Type) Update(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := js.UpdateStream(ctx, cfg)
	if err != nil {
		return nil, t.Failed("update", strings.TrimPrefix(cfg.Name, string(t)), err)
	}
	return s, nil
}

// CreateOrUpdate updates the stream of a bucket, or creates it if there is none.
func (t Type) CreateOrUpdate(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := js.CreateOrUpdateStream(ctx, cfg)
	if err != nil {
		return nil, t.Failed("create or update", strings.TrimPrefix(cfg.Name, string(t)), err)
	}
	return s, nil
}

// Delete deletes a bucket.
func (t Type) Delete(ctx context.Context, js jetstream.JetStream, name string) error {
	if err := t.Check("delete", js, name); err != nil {
		return err
	}
	if err := js.DeleteStream(ctx, t.Stream(name)); err != nil {
		return t.Failed("delete", name, err)
	}
	return nil
}

// Failed wraps an error of the stream in an error about a bucket.
func (t Type) Failed(op, name string, err error) *Error {
	e := &Error{Op: op, Store: t.name(), Bucket: name, Err: err}
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		e.Kind = ErrNotFound
	case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse):
		e.Kind = ErrExists
	}
	return e
}

// Names yields the names of the buckets, without the prefix of their streams. Otherwise it is
// like jetstream's AllStreamNames.
func (t Type) Names(ctx context.Context, js jetstream.JetStream) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if js == nil {
			yield("", t.Check("list", js, ""))
			return
		}
		for stream, err := range js.AllStreamNames(ctx) {
			name, is := t.Bucket(stream)
			if err == nil && !is {
				continue
			}
			if !yield(name, err) {
				return
			}
		}
	}
}

// List yields the infos of the streams of buckets. Otherwise it is like jetstream's AllStreams.
func (t Type) List(ctx context.Context, js jetstream.JetStream) iter.Seq2[*jetstream.StreamInfo, error] {
	return func(yield func(*jetstream.StreamInfo, error) bool) {
		if js == nil {
			yield(nil, t.Check("list", js, ""))
			return
		}
		for info, err := range js.AllStreams(ctx) {
			if err == nil {
				if _, is := t.Bucket(info.Config.Name); !is {
					continue
				}
			}
			if !yield(info, err) {
				return
			}
		}
	}
}
