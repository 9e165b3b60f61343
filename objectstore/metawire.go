package objectstore

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/protocol"
)

// metawire.go - the message that holds the info of an object.
//
//	subject  $O.<bucket>.M.<name, as base64 for URLs>
//	data     {"name":"metropolis.mkv","bucket":"films","nuid":"…","size":…,"chunks":…,"digest":"SHA-256=…"}
//
// The time when an object was stored is that of its message; the one in the data is ignored.

// lineReserve is what a protocol line has besides the subject of a request, in bytes: the verb,
// the reply subject, two numbers.
const lineReserve = 160

// encodeName returns the last token of the subject of an object's info.
func encodeName(name string) string { return base64.URLEncoding.EncodeToString([]byte(name)) }

// nameOf returns the name of an object from the subject of its info; the last token of the
// subject if it is not a valid name.
func nameOf(subject string) string {
	token := subject[strings.LastIndexByte(subject, '.')+1:]
	if name, err := base64.URLEncoding.DecodeString(token); err == nil {
		return string(name)
	}
	return token
}

// badName says what is wrong with the name of an object; empty for nothing. overhead is how many
// bytes the longest subject with the name has besides it.
func badName(name string, overhead int) string {
	switch {
	case name == "":
		return "the name is empty"
	case !utf8.ValidString(name):
		return "the name is not UTF-8"
	case base64.URLEncoding.EncodedLen(len(name))+overhead+lineReserve > protocol.ClientControlLineMax:
		return fmt.Sprintf("the name has %d bytes: servers do not accept such a long subject", len(name))
	}
	return ""
}

// wireInfo is an Info as other clients may have written it.
type wireInfo struct {
	*Info

	ModTime json.RawMessage `json:"mtime"` // not read: clients write it in different forms
}

// Reasons why an info is invalid.
var (
	errOtherName error = kind.New("it is about another object than its subject says", ErrBadObjectMeta)
	errBadID     error = kind.New("its id cannot be part of a subject", ErrBadObjectMeta)
	errNoChunks  error = kind.New("its size and its number of chunks contradict each other", ErrBadObjectMeta)
	errBadLink   error = kind.New("it points to something that is not a bucket", ErrBadObjectMeta)
)

// decodeInfo reads an info of the bucket from its message. It checks the bucket, the name and
// the id, because calls make subjects of them.
func decodeInfo(bucket string, m *jetstream.RawStreamMsg) (*Info, error) {
	info := &Info{}
	if err := json.Unmarshal(m.Data, &wireInfo{Info: info}); err != nil {
		return nil, err
	}
	if err := info.check(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]); err != nil {
		return nil, err
	}
	info.Bucket, info.ModTime, info.Revision = bucket, m.Time.UTC(), m.Sequence
	if ttl := readTTL(m.Header.Get(jetstream.MsgTTLHeader)); ttl > 0 {
		info.Expires = info.ModTime.Add(ttl)
	}
	return info, nil
}

// readTTL reads the time to live of a message; 0 for that of the bucket.
func readTTL(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	ttl, err := time.ParseDuration(text)
	if err != nil {
		return 0
	}
	return ttl
}

// check returns an error for an info that no store can have written under that token.
func (i *Info) check(token string) error {
	link := i.link()
	switch {
	case i.Name == "" || encodeName(i.Name) != token:
		return errOtherName
	case !isID(i.NUID):
		return errBadID
	case i.Size > 0 && (i.Chunks == 0 || i.Size < uint64(i.Chunks)):
		return errNoChunks
	case link != nil && badBucket(link.Bucket):
		return errBadLink
	}
	return nil
}

// badBucket reports whether a name is not valid for a bucket.
func badBucket(name string) bool {
	_, is := stores.Bucket(stores.Stream(name))
	return !is
}

// idMax bounds the id of an object, in bytes; object stores write ids of 22.
const idMax = 256

// isID reports whether an id is valid for the chunks of an object: one token of a subject.
func isID(id string) bool {
	return len(id) <= idMax && !strings.Contains(id, ".") && protocol.CheckPublishSubject(id) == nil
}

// encodeInfo returns an info in the form that other clients expect.
func encodeInfo(info *Info) ([]byte, error) {
	stored := *info
	stored.ModTime = time.Time{}
	return json.Marshal(&stored)
}
