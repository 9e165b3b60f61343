package objectstore

import "github.com/troupe-go/troupe/jetstream"

// getoptions.go - options of Get for the transfer.

// getParallelMax bounds GetObjectParallel.
const getParallelMax = 64

// GetObjectParallel fetches n pages of up to 1 MiB at a time, so that several replicas send, and
// a long round trip matters less. All n are held in memory until it is their turn, and a
// consumer first finds out where the chunks are. Default: 1, which needs neither. Errors:
// ErrInvalidOption unless n is 1 to 64.
func GetObjectParallel(n int) GetObjectOpt {
	return func(o *getObjectOptions) error {
		if n < 1 || n > getParallelMax {
			return &jetstream.OptionError{Option: "GetObjectParallel", Reason: "is not between 1 and 64"}
		}
		o.parallel = n
		return nil
	}
}

// GetObjectProgress calls f for each chunk that Read or WriteTo begins, and at the end, on the
// goroutine of that call, which waits for it. Errors: ErrInvalidOption for nil.
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
