//go:build invariants

package api

import "github.com/troupe-go/troupe/actors"

// poisoning says that borrowed messages are destroyed when they are given back.
const poisoning = true

// poisonByte is what a borrowed message that was kept is found to consist of.
const poisonByte = 0xDB

// poison overwrites everything that a handler was lent, so that a test sees when
// something of it was kept without Clone. The bytes are this message's alone.
func poison(m *Msg, raw *actors.Raw) {
	for _, b := range [][]byte{raw.Subject, raw.Reply, raw.Header, raw.Payload} {
		for i := range b {
			b[i] = poisonByte
		}
	}
	clear(m.Header)
	*m = Msg{}
}
