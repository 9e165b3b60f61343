package kv

import (
	"hash/maphash"
	"math/bits"
)

// cachetrie.go - a map from keys to entries whose versions are immutable. It is pure.
//
//	root ── 5 bits of the hash ──► entry
//	  └──────────────────────────► node ── the next 5 bits ──► entry, entry, node, ...
//
// A change copies the nodes on the path to its key, and shares the others with the version
// before, so a version is read without a lock. A version that is not shared yet, as while a
// cache loads, is changed in place.

// trie is one version. Its zero value cannot be used: see newTrie.
type trie struct {
	seed  maphash.Seed
	root  *node
	keys  int
	bytes int // keys and values
	own   *owner
}

// owner identifies the version that may change a node in place.
type owner struct{ _ byte }

// node has a slot for each bit that is set, in order. Where the hash is used up, it has any
// number of entries, and no bits.
type node struct {
	bits  uint32
	slots []slot
	own   *owner // nil if it must be copied
}

// slot is an entry, or a node below.
type slot struct {
	entry *cached
	below *node
}

const (
	trieBits = 5
	trieMask = 1<<trieBits - 1
	hashBits = 64
)

// newTrie returns an empty version that is changed in place until it is shared.
func newTrie() trie { return trie{seed: maphash.MakeSeed(), root: &node{}, own: &owner{}} }

// shared returns the version for readers: changes copy from now on.
func (t trie) shared() trie {
	t.own = nil
	return t
}

// get returns the entry of a key; nil if there is none.
func (t *trie) get(key string) *cached {
	hash, n := maphash.String(t.seed, key), t.root
	for shift := 0; shift < hashBits; shift += trieBits {
		bit := uint32(1) << (hash >> shift & trieMask)
		if n.bits&bit == 0 {
			return nil
		}
		s := &n.slots[bits.OnesCount32(n.bits&(bit-1))]
		if s.below == nil {
			if s.entry.key == key {
				return s.entry
			}
			return nil
		}
		n = s.below
	}
	for i := range n.slots {
		if n.slots[i].entry.key == key {
			return n.slots[i].entry
		}
	}
	return nil
}

// with returns a version that has the entry for its key.
func (t trie) with(e *cached) trie {
	var old *cached
	t.root, old = t.put(t.root, e, maphash.String(t.seed, e.key), 0)
	if old == nil {
		t.keys++
	} else {
		t.bytes -= old.size()
	}
	t.bytes += e.size()
	return t
}

// without returns a version that has nothing for the key.
func (t trie) without(key string) trie {
	root, old := t.remove(t.root, key, maphash.String(t.seed, key), 0)
	if old == nil {
		return t
	}
	if root == nil {
		root = &node{own: t.own}
	}
	t.root = root
	t.keys--
	t.bytes -= old.size()
	return t
}

// all calls yield for each entry, in no order, until it returns false.
func (n *node) all(yield func(*cached) bool) bool {
	for i := range n.slots {
		s := &n.slots[i]
		if s.below != nil {
			if !s.below.all(yield) {
				return false
			}
		} else if !yield(s.entry) {
			return false
		}
	}
	return true
}

// writable returns the node, or a copy of it with room for one slot more.
func (t *trie) writable(n *node) *node {
	if t.own != nil && n.own == t.own {
		return n
	}
	slots := make([]slot, len(n.slots), len(n.slots)+1)
	copy(slots, n.slots)
	return &node{bits: n.bits, slots: slots, own: t.own}
}

// put returns the node with e in it, and what e replaces.
func (t *trie) put(n *node, e *cached, hash uint64, shift int) (*node, *cached) {
	if shift >= hashBits {
		return t.putLast(n, e)
	}
	bit := uint32(1) << (hash >> shift & trieMask)
	i := bits.OnesCount32(n.bits & (bit - 1))
	n = t.writable(n)
	if n.bits&bit == 0 {
		n.bits |= bit
		n.slots = append(n.slots, slot{})
		copy(n.slots[i+1:], n.slots[i:])
		n.slots[i] = slot{entry: e}
		return n, nil
	}
	s := n.slots[i]
	switch {
	case s.below != nil:
		below, old := t.put(s.below, e, hash, shift+trieBits)
		n.slots[i].below = below
		return n, old
	case s.entry.key == e.key:
		n.slots[i].entry = e
		return n, s.entry
	}
	below, _ := t.put(&node{own: t.own}, s.entry, maphash.String(t.seed, s.entry.key), shift+trieBits)
	below, _ = t.put(below, e, hash, shift+trieBits)
	n.slots[i] = slot{below: below}
	return n, nil
}

// putLast is put where the hash is used up.
func (t *trie) putLast(n *node, e *cached) (*node, *cached) {
	n = t.writable(n)
	for i := range n.slots {
		if old := n.slots[i].entry; old.key == e.key {
			n.slots[i].entry = e
			return n, old
		}
	}
	n.slots = append(n.slots, slot{entry: e})
	return n, nil
}

// remove returns the node without the key, nil if nothing is left, and the entry that was
// removed; nil if there was none.
func (t *trie) remove(n *node, key string, hash uint64, shift int) (*node, *cached) {
	if shift >= hashBits {
		for i := range n.slots {
			if n.slots[i].entry.key == key {
				return t.drop(n, i, 0)
			}
		}
		return n, nil
	}
	bit := uint32(1) << (hash >> shift & trieMask)
	if n.bits&bit == 0 {
		return n, nil
	}
	i := bits.OnesCount32(n.bits & (bit - 1))
	s := n.slots[i]
	if s.below == nil {
		if s.entry.key != key {
			return n, nil
		}
		return t.drop(n, i, bit)
	}
	below, old := t.remove(s.below, key, hash, shift+trieBits)
	if old == nil {
		return n, nil
	}
	if below == nil {
		n, _ = t.drop(n, i, bit)
		return n, old
	}
	n = t.writable(n)
	n.slots[i].below = below
	if len(below.slots) == 1 && below.slots[0].below == nil {
		n.slots[i] = below.slots[0]
	}
	return n, old
}

// drop returns the node without slot i, nil if nothing is left, and the entry of the slot.
func (t *trie) drop(n *node, i int, bit uint32) (*node, *cached) {
	old := n.slots[i].entry
	if len(n.slots) == 1 {
		return nil, old
	}
	n = t.writable(n)
	n.bits &^= bit
	copy(n.slots[i:], n.slots[i+1:])
	n.slots[len(n.slots)-1] = slot{}
	n.slots = n.slots[:len(n.slots)-1]
	return n, old
}
