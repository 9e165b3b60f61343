package objectstore

import "github.com/troupe-go/troupe/jetstream"

// getoptions.go - options of Get that are about the transfer.

// getParallelMax bounds GetObjectParallel.
const getParallelMax = 64

// GetObjectParallel fetches n pages of up to 1 MiB at a time: several replicas answer, and a
// long way to them counts less. All of them are kept in memory until it is their turn, and the
// stream is asked first where the chunks are, by a consumer. Default: 1, without that.
// ErrInvalidOption below 1 and above 64.
func GetObjectParallel(n int) GetObjectOpt {
	return func(o *getObjectOptions) error {
		if n < 1 || n > getParallelMax {
			return &jetstream.OptionError{Option: "GetObjectParallel", Reason: "is not between 1 and 64"}
		}
		o.parallel = n
		return nil
	}
}

// GetObjectProgress has f called for each chunk that Read or WriteTo takes up, and at the end;
// on the goroutine of that call, which it holds up. ErrInvalidOption for nil.
func GetObjectProgress(f func(Progress)) GetObjectOpt {
	return func(o *getObjectOptions) error {
		if f == nil {
			return &jetstream.OptionError{Option: "GetObjectProgress", Reason: "is nil"}
		}
		o.progress = f
		return nil
	}
}

// readGetOptions reads the options of a get.
func readGetOptions(opts []GetObjectOpt) (getObjectOptions, error) {
	var o getObjectOptions
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			return o, err
		}
	}
	return o, nil
}
