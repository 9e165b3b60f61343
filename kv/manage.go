package kv

import (
	"context"
	"errors"
	"iter"

	"github.com/troupe-go/troupe/jetstream"
)

// Create creates a bucket. If it exists with the same config, it is opened. Errors, each a
// *BucketError: ErrInvalidBucketName; ErrKeyHistoryTooLarge; ErrLimitMarkerTTLNotSupported;
// ErrBucketExists; those of CreateStream.
func Create(ctx context.Context, js jetstream.JetStream, cfg Config) (Store, error) {
	return put(ctx, js, cfg, "create")
}

// Update replaces the whole config of a bucket by cfg. Errors: those of Create;
// ErrBucketNotFound.
func Update(ctx context.Context, js jetstream.JetStream, cfg Config) (Store, error) {
	return put(ctx, js, cfg, "update")
}

// CreateOrUpdate updates a bucket, or creates it if it does not exist. Errors: those of Create
// and Update.
func CreateOrUpdate(ctx context.Context, js jetstream.JetStream, cfg Config) (Store, error) {
	return put(ctx, js, cfg, "create or update")
}

func put(ctx context.Context, js jetstream.JetStream, cfg Config, op string) (Store, error) {
	if err := stores.Check(op, js, cfg.Bucket); err != nil {
		return nil, err
	}
	config, err := cfg.stream(op)
	if err != nil {
		return nil, err
	}
	do := stores.Create
	switch op {
	case "update":
		do = stores.Update
	case "create or update":
		do = stores.CreateOrUpdate
	}
	s, err := do(ctx, js, config)
	if err != nil {
		return nil, cfg.refused(err)
	}
	return newStore(js, s), nil
}

// Plan returns what CreateOrUpdate would do, and changes nothing. Errors: ErrInvalidBucketName
// and ErrKeyHistoryTooLarge, each a *BucketError; those of PlanStream.
func Plan(ctx context.Context, js jetstream.JetStream, cfg Config) (*jetstream.Plan, error) {
	if err := stores.Check("plan", js, cfg.Bucket); err != nil {
		return nil, err
	}
	config, err := cfg.stream("plan")
	if err != nil {
		return nil, err
	}
	return js.PlanStream(ctx, config)
}

// refused gives an error the kind that follows from the config.
func (c *Config) refused(err error) error {
	if e, ok := errors.AsType[*BucketError](err); ok && c.LimitMarkerTTL != 0 && errors.Is(err, jetstream.ErrRequiredAPILevel) {
		e.Kind = ErrLimitMarkerTTLNotSupported
	}
	return err
}

// Open returns an existing bucket. Errors: ErrInvalidBucketName; ErrBucketNotFound;
// ErrBadBucket.
func Open(ctx context.Context, js jetstream.JetStream, bucket string) (Store, error) {
	s, err := stores.Open(ctx, js, bucket)
	if err != nil {
		return nil, err
	}
	if s.CachedInfo().Config.MaxMsgsPerSubject < 1 {
		return nil, stores.Error("open", bucket, ErrBadBucket, "its stream keeps no history of subjects")
	}
	return newStore(js, s), nil
}

// Delete removes a bucket with all its keys. Errors: ErrInvalidBucketName; ErrBucketNotFound.
func Delete(ctx context.Context, js jetstream.JetStream, bucket string) error {
	return stores.Delete(ctx, js, bucket)
}

// Names yields the names of the buckets of the account. The first error ends it.
func Names(ctx context.Context, js jetstream.JetStream) iter.Seq2[string, error] {
	return stores.Names(ctx, js)
}

// List yields the statuses of the buckets of the account. The first error ends it.
func List(ctx context.Context, js jetstream.JetStream) iter.Seq2[Status, error] {
	return func(yield func(Status, error) bool) {
		for info, err := range stores.List(ctx, js) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&status{info}, nil) {
				return
			}
		}
	}
}
