package objectstore

import (
	"github.com/troupe-go/troupe/jetstream"
)

// putoptions.go - options of PutWith for the transfer.

// putOption is an option that is a function.
type putOption func(*putOptions) error

// configurePut implements PutOpt.
func (f putOption) configurePut(o *putOptions) error { return f(o) }

const (
	// windowFirst is how many bytes of an object may be unacknowledged at first, and
	// windowDefault how many the window grows to.
	windowFirst   = 4 << 20
	windowDefault = 16 << 20
	// windowInMemory is windowDefault for an object that is in memory anyway.
	windowInMemory = 32 << 20
	// windowTogether is the sum of the windows of several puts of a Store. A server accepts 128
	// MiB at a time from all clients together.
	windowTogether = 48 << 20
	// windowChunksMax bounds a window in chunks.
	windowChunksMax = 1024
)

// PutWindow bounds the bytes of the object that are sent but not acknowledged, which the put
// holds in memory; one chunk is always allowed. A put begins with at most 4 MiB, grows the
// window as chunks are stored, and shrinks it when the store is overloaded. A larger window
// makes a put faster on a link with both high bandwidth and high latency. Default: 16 MiB, or 32
// MiB for what is put from memory without a copy; concurrent puts of a Store share 48 MiB.
// Errors: ErrInvalidOption unless positive.
func PutWindow(bytes int) PutOpt {
	return putOption(func(o *putOptions) error {
		if bytes <= 0 {
			return &jetstream.OptionError{Option: "PutWindow", Reason: "is not positive"}
		}
		o.window = bytes
		return nil
	})
}

// PutProgress calls f as the store acknowledges chunks, and at the end, on the goroutine of the
// call, which waits for it. Errors: ErrInvalidOption for nil.
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
	var o putOptions
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

// places returns the window for a put of all bytes in chunks of size bytes; all is 0 if unknown.
func (o *putOptions) places(all uint64, size int) window {
	most, together := o.window, windowTogether/size
	switch {
	case most > 0:
		together = 0
	case all > 0:
		most = windowInMemory
	default:
		most = windowDefault
	}
	chunks := func(bytes int) int { return min(max(1, bytes/size), windowChunksMax) }
	n := chunks(most)
	if all > 0 {
		n = int(min(uint64(n), (all-1)/uint64(size)+2)) // one more for the end after the last chunk
	}
	w := newWindow(chunks(windowFirst), n)
	w.together = together
	return w
}
