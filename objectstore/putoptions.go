package objectstore

import (
	"github.com/troupe-go/troupe/jetstream"
)

// putoptions.go - options of PutWith that are about the transfer.

// putOption is an option that is a function.
type putOption func(*putOptions) error

// configurePut implements PutOpt.
func (f putOption) configurePut(o *putOptions) error { return f(o) }

const (
	// windowDefault is how many bytes of an object may wait for their acknowledgement.
	windowDefault = 4 << 20
	// windowChunksMax is how many chunks they may be at most.
	windowChunksMax = 1024
)

// PutWindow has so many bytes of the object, and at least one chunk, be on their way without
// an acknowledgement; they are what the put keeps in memory. Default: 4 MiB. On a link that is
// both fast and long more of them make the put faster. ErrInvalidOption unless positive.
func PutWindow(bytes int) PutOpt {
	return putOption(func(o *putOptions) error {
		if bytes <= 0 {
			return &jetstream.OptionError{Option: "PutWindow", Reason: "is not positive"}
		}
		o.window = bytes
		return nil
	})
}

// PutProgress has f called as the store acknowledges chunks, and at the end; on the
// goroutine of the call, which it holds up. ErrInvalidOption for nil.
func PutProgress(f func(Progress)) PutOpt {
	return putOption(func(o *putOptions) error {
		if f == nil {
			return &jetstream.OptionError{Option: "PutProgress", Reason: "is nil"}
		}
		o.progress = f
		return nil
	})
}

// readPutOptions reads the options of a put.
func readPutOptions(opts []PutOpt) (putOptions, error) {
	o := putOptions{window: windowDefault}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt.configurePut(&o); err != nil {
			return o, err
		}
	}
	return o, nil
}

// chunks returns how many chunks of a size make the window.
func (o *putOptions) chunks(size int) int { return min(max(1, o.window/size), windowChunksMax) }
