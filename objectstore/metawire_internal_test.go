package objectstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// stored is the message of an info under a name.
func stored(name, data string) *jetstream.RawStreamMsg {
	return &jetstream.RawStreamMsg{Subject: "$O.b.M." + encodeName(name), Sequence: 7, Data: []byte(data), Time: time.Unix(100, 5)}
}

func TestInfoIsWhatWasWritten(t *testing.T) {
	want := &Info{
		Meta: Meta{
			Name: "a/ü b.>", Description: "what", Headers: api.Header{"K": {"a", "b"}, "k": {""}}, Metadata: map[string]string{"m": "1"},
			Opts: &MetaOptions{ChunkSize: 5},
		},
		Bucket: "b", NUID: "id", Size: 12, Chunks: 3, Digest: "SHA-256=abc", Revision: 7, ModTime: time.Unix(100, 5).UTC(),
	}
	m := stored(want.Name, string(must.Get(encodeInfo(want))(t)))
	if diff := cmp.Diff(want, must.Get(decodeInfo("b", m))(t)); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(string(m.Data), `"mtime":"0001-01-01T00:00:00Z"`) {
		t.Errorf("a time is stored: %s", m.Data)
	}
	m.Header = api.Header{jetstream.MsgTTLHeader: {"1m30s"}}
	if got := must.Get(decodeInfo("b", m))(t).Expires; !got.Equal(time.Unix(190, 5)) {
		t.Errorf("it expires at %v", got)
	}
}

func TestInfosThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       error
	}{
		{"junk", `}`, nil},
		{"no object", `[]`, nil},
		{"nothing", `null`, errOtherName},
		{"empty", `{}`, errOtherName},
		{"another name", `{"name":"o","nuid":"x"}`, errOtherName},
		{"no id", `{"name":"n"}`, errBadID},
		{"an id that is every id", `{"name":"n","nuid":">"}`, errBadID},
		{"an id that is any id", `{"name":"n","nuid":"*"}`, errBadID},
		{"an id of two tokens", `{"name":"n","nuid":"a.b"}`, errBadID},
		{"an id with a line end", `{"name":"n","nuid":"a\r\n"}`, errBadID},
		{"a huge id", `{"name":"n","nuid":"` + strings.Repeat("a", 1000) + `"}`, errBadID},
		{"bytes without chunks", `{"name":"n","nuid":"x","size":3}`, errNoChunks},
		{"more chunks than bytes", `{"name":"n","nuid":"x","size":3,"chunks":4}`, errNoChunks},
		{"a negative size", `{"name":"n","nuid":"x","size":-3}`, nil},
		{"too many chunks", `{"name":"n","nuid":"x","chunks":4294967296}`, nil},
		{"a link to no bucket", `{"name":"n","nuid":"x","options":{"link":{}}}`, errBadLink},
		{"a link to a bucket that cannot be", `{"name":"n","nuid":"x","options":{"link":{"bucket":"a.>"}}}`, errBadLink},
	} {
		info, err := decodeInfo("b", stored("n", c.data))
		if err == nil {
			t.Errorf("%s is %+v", c.name, info)
		}
		if c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestTimesOfOthersDoNotCount(t *testing.T) {
	for _, mtime := range []string{`""`, `null`, `5`, `"yesterday"`, `{}`} {
		info := must.Get(decodeInfo("b", stored("n", `{"name":"n","nuid":"x","bucket":"other","mtime":`+mtime+`}`)))(t)
		if !info.ModTime.Equal(time.Unix(100, 5)) || info.Bucket != "b" {
			t.Errorf("mtime %s: %v in %q", mtime, info.ModTime, info.Bucket)
		}
	}
}

func TestTimesToLive(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "never": 0, "5": 5 * time.Second, "1h": time.Hour, "x": 0, "99999999999999": 0} {
		if got := readTTL(text); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

func TestNamesOfObjects(t *testing.T) {
	longest := (4096 - lineReserve - 100) / 4 * 3
	for name, ok := range map[string]bool{
		"a": true, " ": true, "a.b/*>": true, "ü": true, "a\x00\r\n": true, "": false, "\xff": false,
		strings.Repeat("a", longest): true, strings.Repeat("a", longest+1): false,
	} {
		if reason := badName(name, 100); (reason == "") != ok {
			t.Errorf("%.20q: %q", name, reason)
		}
	}
}

// FuzzDecodeInfo: what a bucket holds never panics, and what comes out of it can be made
// subjects of, and be written again.
func FuzzDecodeInfo(f *testing.F) {
	f.Add("n", []byte(`{"name":"n","nuid":"x","size":3,"chunks":1,"options":{"link":{"bucket":"b","name":"o"}}}`))
	f.Add("n", []byte(`{"name":"n","nuid":"*","headers":{"a":["b"]},"metadata":{"a":"b"},"mtime":{}}`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		info, err := decodeInfo("b", stored(name, string(data)))
		if err != nil {
			return
		}
		if info.Name != name || !isID(info.NUID) || info.Bucket != "b" {
			t.Fatalf("%q became %+v", data, info)
		}
		again := must.Get(encodeInfo(info))(t)
		back := must.Get(decodeInfo("b", stored(name, string(again))))(t)
		if once := must.Get(json.Marshal(info))(t); !bytes.Equal(once, must.Get(json.Marshal(back))(t)) {
			t.Fatalf("%s became %s", once, again)
		}
	})
}
