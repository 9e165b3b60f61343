package kv_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/kv"
	"github.com/troupe-go/troupe/protocol"
)

// upper is a KeyCodec that is not a FilterCodec.
type upper struct{}

func (upper) EncodeKey(key string) (string, error) { return strings.ToUpper(key), nil }
func (upper) DecodeKey(key string) (string, error) { return strings.ToLower(key), nil }

func TestKeysAreEncoded(t *testing.T) {
	for _, test := range []struct {
		name, key, want string
		codec           kv.KeyCodec
	}{
		{"as it is", "a.b", "a.b", kv.NoOp{}},
		{"base64 by token", "orders.a b", "b3JkZXJz.YSBi", kv.Base64{}},
		{"base64 of a star", "a.*", "YQ.Kg", kv.Base64{}},
		{"path", "etc/hosts", "etc.hosts", kv.Path{}},
		{"rooted path", "/etc/hosts", "_root_.etc.hosts", kv.Path{}},
		{"the root", "/", "_root_", kv.Path{}},
		{"path with a dot", "hosts.d/a", "hosts=2Ed.a", kv.Path{}},
		{"path with other bytes", "my file/é", "my=20file.=C3=A9", kv.Path{}},
		{"path with an escape", "a=2Fb", "a=3D2Fb", kv.Path{}},
		{"path that ends with a slash", "etc/", "etc.=", kv.Path{}},
		{"path with two slashes", "//a", "_root_.=.a", kv.Path{}},
		{"path that looks rooted", "_root_/a", "=5Froot_.a", kv.Path{}},
		{"path with the root inside", "a/_root_", "a._root_", kv.Path{}},
		{"path with a star", "a/*", "a.=2A", kv.Path{}},
		{"chain", "/a", "X3Jvb3Rf.YQ", kv.KeyChain(kv.Path{}, nil, kv.Base64{})},
		{"empty chain", "a", "a", kv.KeyChain()},
		{"chain of one", "a", "YQ", kv.KeyChain(kv.Base64{})},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.codec.EncodeKey(test.key)
			if err != nil || got != test.want {
				t.Fatalf("encoded %q, %v, want %q", got, err, test.want)
			}
			if back, err := test.codec.DecodeKey(got); err != nil || back != test.key {
				t.Errorf("decoded %q, %v, want %q", back, err, test.key)
			}
		})
	}
}

func TestPatternsAreEncoded(t *testing.T) {
	for _, test := range []struct {
		name, pattern, want string
		codec               kv.KeyCodec
		err                 error
	}{
		{"as it is", "a.*.>", "a.*.>", kv.NoOp{}, nil},
		{"base64", "a.*.b.>", "YQ.*.Yg.>", kv.Base64{}, nil},
		{"base64 of all", ">", ">", kv.Base64{}, nil},
		{"base64 of what is no wildcard", "a.>.b*", "YQ.Pg.Yio", kv.Base64{}, nil},
		{"path", "/etc/*/hosts", "_root_.etc.*.hosts", kv.Path{}, nil},
		{"path of all below", "/etc/>", "_root_.etc.>", kv.Path{}, nil},
		{"path of all", ">", ">", kv.Path{}, nil},
		{"path that is no pattern", "a/>/b*", "a.=3E.b=2A", kv.Path{}, nil},
		{"chain", "/a/*/>", "X3Jvb3Rf.YQ.*.>", kv.KeyChain(kv.Path{}, kv.Base64{}), nil},
		{"chain of one key", "/a", "X3Jvb3Rf.YQ", kv.KeyChain(kv.Path{}, kv.Base64{}), nil},
		{"chain that loses it", "a.*", "", kv.KeyChain(kv.Base64{}, kv.Path{}), kv.ErrWildcardNotSupported},
		{"chain that refuses it", "a..*", "", kv.KeyChain(kv.NoOp{}, kv.Base64{}), kv.ErrCodec},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.codec.(kv.FilterCodec).EncodeFilter(test.pattern)
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("encoded %q, %v, want %q, %v", got, err, test.want, test.err)
			}
		})
	}
	if _, can := kv.KeyChain(kv.NoOp{}, upper{}).(kv.FilterCodec); can {
		t.Error("a chain with a codec that is no FilterCodec is one")
	}
}

func TestKeysThatAreNotDecoded(t *testing.T) {
	for _, test := range []struct {
		name, key string
		codec     kv.KeyCodec
	}{
		{"no base64", "a!", kv.Base64{}},
		{"base64 of an empty token", "YQ..YQ", kv.Base64{}},
		{"base64 with other bits at its end", "YR", kv.Base64{}},
		{"base64 with a line break", "Y\nQ", kv.Base64{}},
		{"base64 of a dot", "YS5i", kv.Base64{}},
		{"path with half an escape", "a=2", kv.Path{}},
		{"path with an escape that is none", "a=GG", kv.Path{}},
		{"path with a small escape", "a=2e", kv.Path{}},
		{"path with an escape of a letter", "=61", kv.Path{}},
		{"path with an empty escape in it", "a=", kv.Path{}},
		{"another root", "_root_.=", kv.Path{}},
		{"no path", "", kv.Path{}},
		{"path with an empty token", "a..b", kv.Path{}},
		{"chain", "!", kv.KeyChain(kv.Path{}, kv.Base64{})},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.codec.DecodeKey(test.key)
			if failed, ok := errors.AsType[*kv.CodecError](err); !ok || failed.Reason == "" {
				t.Errorf("decoded %q, %v", got, err)
			}
		})
	}
}

func TestValuesAreEncoded(t *testing.T) {
	for _, test := range []struct {
		codec       kv.ValueCodec
		value, want string
	}{
		{kv.NoOp{}, "a", "a"},
		{kv.Base64{}, "\xff\x00", "_wA"},
		{kv.Base64{}, "", ""},
		{kv.ValueChain(), "a", "a"},
		{kv.ValueChain(kv.Base64{}, nil, kv.Base64{}), "a", "WVE"},
	} {
		got, err := test.codec.EncodeValue([]byte(test.value))
		if err != nil || string(got) != test.want {
			t.Errorf("%T: encoded %q, %v, want %q", test.codec, got, err, test.want)
		}
		if back, err := test.codec.DecodeValue(got); err != nil || string(back) != test.value {
			t.Errorf("%T: decoded %q, %v, want %q", test.codec, back, err, test.value)
		}
	}
	for _, wrong := range []string{"!", "Y\nQ", "YR"} {
		if got, err := kv.ValueChain(kv.NoOp{}, kv.Base64{}).DecodeValue([]byte(wrong)); !errors.Is(err, kv.ErrCodec) {
			t.Errorf("decoded %q to %q, %v", wrong, got, err)
		}
	}
}

// keyByKey are the codecs that are fuzzed, by name.
func keyCodecs() map[string]kv.FilterCodec {
	return map[string]kv.FilterCodec{
		"base64": kv.Base64{}, "path": kv.Path{},
		"chain": kv.KeyChain(kv.Path{}, kv.Base64{}).(kv.FilterCodec),
	}
}

// FuzzKeyCodecs: what is encoded is a key, and comes back as it was; what comes from a bucket
// is decoded only if it is what would be encoded.
func FuzzKeyCodecs(f *testing.F) {
	for _, seed := range []string{"", "a", "a.b", "/", "/etc/hosts", "a//b/", "_root_", "_root_/a", "a=2F", "..", "é/*", "YQ.Yg", "=5Froot_", "_root_.=", "\x00\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		for name, codec := range keyCodecs() {
			if encoded, err := codec.EncodeKey(key); err == nil {
				if err := protocol.CheckPublishSubject(encoded); err != nil || strings.ContainsAny(encoded, "*> \t\r\n") {
					t.Errorf("%s: %q becomes %q: %v", name, key, encoded, err)
				}
				if back, err := codec.DecodeKey(encoded); err != nil || back != key {
					t.Errorf("%s: %q becomes %q, and that %q: %v", name, key, encoded, back, err)
				}
			} else if name == "path" && key != "" {
				t.Errorf("path refuses %q: %v", key, err)
			}
			if decoded, err := codec.DecodeKey(key); err == nil {
				if again, err := codec.EncodeKey(decoded); err != nil || again != key {
					t.Errorf("%s: %q is decoded to %q, and that becomes %q: %v", name, key, decoded, again, err)
				}
			}
		}
	})
}

// FuzzFilterCodecs: a pattern matches, in the bucket, the keys that it matches for the program.
func FuzzFilterCodecs(f *testing.F) {
	f.Add("a/b/c", uint8(0))
	f.Add("_root_/=/*", uint8(3))
	f.Add(">/x.y/é", uint8(7))
	f.Fuzz(func(t *testing.T, path string, wild uint8) {
		for name, codec := range keyCodecs() {
			between, parts := "/", strings.SplitN(path+"//", "/", 3)
			if name == "base64" {
				between = "."
			}
			for i, part := range parts {
				if parts[i] = strings.NewReplacer("/", "", ".", "").Replace(part); parts[i] == "" || parts[i] == "*" || parts[i] == ">" {
					parts[i] = "x"
				}
			}
			key := strings.Join(parts, between)
			for i := range parts {
				if wild&(1<<i) != 0 {
					parts[i] = "*"
				}
			}
			if wild&8 != 0 {
				parts[2] = ">"
			}
			encoded, err1 := codec.EncodeKey(key)
			filter, err2 := codec.EncodeFilter(strings.Join(parts, between))
			if err1 != nil || err2 != nil || !protocol.Match(filter, encoded) {
				t.Errorf("%s: %q (%q, %v) does not match %q (%q, %v)", name, strings.Join(parts, between), filter, err2, key, encoded, err1)
			}
		}
	})
}

func FuzzValueCodecs(f *testing.F) {
	f.Add([]byte("a"))
	f.Add([]byte("_wA"))
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, codec := range []kv.ValueCodec{kv.Base64{}, kv.ValueChain(kv.Base64{}, kv.Base64{})} {
			encoded, err := codec.EncodeValue(value)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := codec.DecodeValue(encoded); err != nil || !bytes.Equal(back, value) {
				t.Errorf("%q becomes %q, and that %q: %v", value, encoded, back, err)
			}
			if decoded, err := codec.DecodeValue(value); err == nil {
				if again, err := codec.EncodeValue(decoded); err != nil || !bytes.Equal(again, value) {
					t.Errorf("%q is decoded to %q, and that becomes %q: %v", value, decoded, again, err)
				}
			}
		}
	})
}
