//go:build invariants

package api

import "github.com/troupe-go/troupe/actors"

// poisoning says that borrowed messages are overwritten when the handler returns.
const poisoning = true

// poisonByte replaces every byte of a borrowed message after the handler has returned.
const poisonByte = 0xDB

// poison overwrites everything that a handler has borrowed, so that a test finds code that
// kept part of it without Clone. The bytes belong to this message alone.
func poison(m *Msg, raw *actors.Raw) {
	for _, b := range [][]byte{raw.Subject, raw.Reply, raw.Header, raw.Payload} {
		for i := range b {
			b[i] = poisonByte
		}
	}
	clear(m.Header)
	*m = Msg{}
}
