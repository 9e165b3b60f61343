package objectstore

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"strings"

	"github.com/troupe-go/troupe/jetstream"
)

// getorder.go - checks that messages are the chunks of an object, each once and in order. It is
// pure.

// order is the progress of reading the chunks of an object.
type order struct {
	info   *Info
	digest hash.Hash // nil if the object is not read from its beginning

	seq    uint64 // of the last chunk in the stream; 0 before
	chunks uint32 // how many have come, or precede the first one that does
	bytes  uint64
}

// newOrder returns the order for an object that is read from one of its chunks on; from the
// first one for the zero place.
func newOrder(info *Info, at place) order {
	o := order{info: info, seq: at.before, chunks: at.chunks, bytes: at.bytes}
	if at == (place{}) {
		o.digest = sha256.New()
	}
	return o
}

// place is the place of a chunk in an object.
type place struct {
	before uint64 // sequence that it comes after
	chunks uint32 // how many chunks precede it
	bytes  uint64 // how many bytes precede it
}

// take takes the next chunk. It returns an error if the message is not the next chunk.
func (o *order) take(m *jetstream.RawStreamMsg) error {
	n := uint64(len(m.Data))
	switch {
	case m.Sequence <= o.seq:
		return o.wrong("a chunk is out of order")
	case o.chunks == o.info.Chunks:
		return o.wrong("there are more chunks than there should be")
	case n > o.info.Size-o.bytes:
		return o.wrong("there are more bytes than there should be")
	}
	if number, known := o.number(m); known && number != o.chunks+1 {
		return o.wrong(fmt.Sprintf("chunk %d is in the place of chunk %d", number, o.chunks+1))
	}
	o.seq = m.Sequence
	o.chunks++
	o.bytes += n
	if o.digest != nil {
		o.digest.Write(m.Data)
	}
	return nil
}

// number returns which chunk it is, if that is known: chunks of other clients have no id.
func (o *order) number(m *jetstream.RawStreamMsg) (number uint32, known bool) {
	text, ours := strings.CutPrefix(m.Header.Get(jetstream.MsgIDHeader), o.info.NUID+"-")
	if !ours {
		return 0, false
	}
	id, known := parseChunkID(text)
	return id.number, known
}

// whole reports whether all chunks have come.
func (o *order) whole() bool { return o.chunks == o.info.Chunks }

// end checks an object that has come completely; more is how many messages follow it.
func (o *order) end(more uint64) error {
	switch {
	case more > 0:
		return o.wrong("there are more chunks than there should be")
	case !o.whole():
		return o.wrong("chunks are missing")
	case o.bytes != o.info.Size:
		return o.wrong("bytes are missing")
	case o.digest == nil || o.info.Chunks == 0 && o.info.Digest == "":
		return nil
	}
	want, err := readDigest(o.info.Digest)
	if err != nil {
		return &ObjectError{Op: "get", Bucket: o.info.Bucket, Name: o.info.Name, Kind: ErrInvalidDigestFormat, Err: err}
	}
	if string(o.digest.Sum(nil)) != string(want) {
		e := o.wrong("")
		e.Actual = GetObjectDigestValue(o.digest)
		return e
	}
	return nil
}

// wrong returns the error for bytes that are not those that were put.
func (o *order) wrong(reason string) *DigestMismatchError {
	return &DigestMismatchError{Bucket: o.info.Bucket, Name: o.info.Name, Algorithm: strings.TrimSuffix(digestPrefix, "="),
		Expected: o.info.Digest, Size: o.bytes, Chunks: o.chunks, Reason: reason}
}

// DigestMismatchError says that the bytes of an object are not those that were put: chunks are
// missing, come twice, or have changed. It is an ErrDigestMismatch.
type DigestMismatchError struct {
	// Bucket and Name are the object's.
	Bucket, Name string
	// Algorithm is that of the digests: "SHA-256".
	Algorithm string
	// Expected is the digest of what was put, Actual that of what has come; empty if the error
	// was found before the end. See DecodeObjectDigest.
	Expected, Actual string
	// Size is how many bytes have come, in Chunks chunks.
	Size   uint64
	Chunks uint32
	// Reason says what is wrong; empty if only the digests differ.
	Reason string
}

// Error says what is wrong.
func (e *DigestMismatchError) Error() string {
	text := fmt.Sprintf("troupe: object %q in bucket %q is not what was put, after %d bytes in %d chunks", e.Name, e.Bucket, e.Size, e.Chunks)
	if e.Reason != "" {
		return text + ": " + e.Reason
	}
	return text + fmt.Sprintf(": its digest is %s, not %s", e.Actual, e.Expected)
}

// Unwrap returns ErrDigestMismatch.
func (e *DigestMismatchError) Unwrap() error { return ErrDigestMismatch }
