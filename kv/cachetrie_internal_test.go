package kv

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// contents is what a version has.
func (t *trie) contents() map[string]uint64 {
	all := map[string]uint64{}
	t.root.all(func(e *cached) bool {
		all[e.key] = e.revision
		return true
	})
	return all
}

// checkTrie compares a version with what it is to have.
func checkTrie(t *rapid.T, v *trie, want map[string]uint64) {
	if got := v.contents(); !maps.Equal(got, want) || v.keys != len(want) {
		t.Fatalf("it has %v and counts %d, want %v", got, v.keys, want)
	}
	bytes := 0
	for key, revision := range want {
		e := v.get(key)
		if e == nil || e.revision != revision {
			t.Fatalf("get %q: %+v, want revision %d", key, e, revision)
		}
		bytes += e.size()
	}
	if v.bytes != bytes {
		t.Fatalf("it counts %d bytes, want %d", v.bytes, bytes)
	}
}

func TestVersionsOfATrieAreMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			trie trie
			has  map[string]uint64
		}
		now := version{newTrie(), map[string]uint64{}}
		var before []version
		key := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint("k", rapid.IntRange(0, 300).Draw(t, "key")) })
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { checkTrie(t, &now.trie, now.has) },
			"put": func(t *rapid.T) {
				for i := range rapid.IntRange(1, 50).Draw(t, "n") {
					e := &cached{entry: entry{key: key.Draw(t, "key"), revision: uint64(len(before)*100 + i), value: make([]byte, i)}}
					now.trie = now.trie.with(e)
					now.has[e.key] = e.revision
				}
			},
			"remove": func(t *rapid.T) {
				for range rapid.IntRange(1, 50).Draw(t, "n") {
					k := key.Draw(t, "key")
					now.trie = now.trie.without(k)
					delete(now.has, k)
				}
			},
			"share": func(t *rapid.T) {
				now.trie = now.trie.shared()
				before = append(before, version{now.trie, maps.Clone(now.has)})
			},
			"look back": func(t *rapid.T) {
				for i := range before {
					checkTrie(t, &before[i].trie, before[i].has)
				}
			},
		})
	})
}

func TestKeysWithTheSameHash(t *testing.T) {
	v := newTrie()
	root := v.root
	for i := range 4 {
		root, _ = v.put(root, &cached{entry: entry{key: fmt.Sprint(i), revision: uint64(i)}}, 7, hashBits)
	}
	root, old := v.put(root, &cached{entry: entry{key: "2", revision: 9}}, 7, hashBits)
	if old == nil || old.revision != 2 {
		t.Errorf("it replaces %+v", old)
	}
	for i, want := range []uint64{0, 1, 9, 3} {
		key := fmt.Sprint(i)
		rest, old := v.remove(root, key, 7, hashBits)
		if old == nil || old.revision != want || (rest == nil) != (i == 3) {
			t.Errorf("%s had %+v, and left %v", key, old, rest)
		}
		root = rest
	}
}

func BenchmarkCachedKey(b *testing.B) {
	for _, n := range []int{100, 10_000, 1_000_000} {
		v := newTrie()
		keys := make([]string, n)
		for i := range keys {
			keys[i] = fmt.Sprint("orders.customer.", i)
			v = v.with(&cached{entry: entry{key: keys[i]}})
		}
		v = v.shared()
		b.Run(fmt.Sprint("get of ", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if v.get(keys[i*7919%n]) == nil {
					b.Fatal("it is not there")
				}
			}
		})
		b.Run(fmt.Sprint("put into ", n), func(b *testing.B) {
			w := v
			for i := 0; b.Loop(); i++ {
				w = w.with(&cached{entry: entry{key: keys[i*7919%n]}})
			}
		})
	}
}
