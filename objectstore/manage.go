package objectstore

import (
	"context"
	"iter"

	"github.com/troupe-go/troupe/jetstream"
)

// Create creates a bucket. If it exists with the same config, it is opened. Errors, each a
// *BucketError: ErrInvalidBucketName; ErrBucketExists; those of CreateStream.
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
	do := stores.Create
	switch op {
	case "update":
		do = stores.Update
	case "create or update":
		do = stores.CreateOrUpdate
	}
	s, err := do(ctx, js, cfg.stream())
	if err != nil {
		return nil, err
	}
	return newStore(js, s), nil
}

// Plan returns what CreateOrUpdate would do, and changes nothing. Errors: ErrInvalidBucketName;
// those of PlanStream.
func Plan(ctx context.Context, js jetstream.JetStream, cfg Config) (*jetstream.Plan, error) {
	if err := stores.Check("plan", js, cfg.Bucket); err != nil {
		return nil, err
	}
	return js.PlanStream(ctx, cfg.stream())
}

// Open returns an existing bucket. Errors: ErrInvalidBucketName; ErrBucketNotFound; ErrBadBucket
// if its stream does not have the subjects of a bucket.
func Open(ctx context.Context, js jetstream.JetStream, bucket string) (Store, error) {
	s, err := open(ctx, js, bucket)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func open(ctx context.Context, js jetstream.JetStream, bucket string) (*store, error) {
	s, err := stores.Open(ctx, js, bucket)
	if err != nil {
		return nil, err
	}
	if reason := misfit(bucket, &s.CachedInfo().Config); reason != "" {
		return nil, stores.Error("open", bucket, ErrBadBucket, reason)
	}
	return newStore(js, s), nil
}

// Delete removes a bucket with all its objects. Errors: ErrInvalidBucketName;
// ErrBucketNotFound.
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
			name, _ := stores.Bucket(info.Config.Name)
			if misfit(name, &info.Config) == "" && !yield(&BucketStatus{name, info}, nil) {
				return
			}
		}
	}
}
