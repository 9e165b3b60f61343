package api

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
)

// The blocks of this file are large, and say in their lines, not in their fields,
// how much they want.

// blockOf returns a header block with these lines.
func blockOf(lines string) string { return headerStart + lines + "\r\n" }

// distinct returns n fields, each with a name of its own.
func distinct(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d:v\r\n", i)
	}
	return b.String()
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// ways are the ways in which a block is read.
func ways(block string) map[string]func() (Header, error) {
	raw := &actors.Raw{Subject: []byte("a"), Header: []byte(block)}
	reply := &actors.Reply{Data: []byte("a" + block), SubjectLen: 1, HeaderLen: len(block)}
	nc := &Conn{}
	reader := &headerReader{}
	return map[string]func() (Header, error){
		"borrowed": func() (Header, error) { return reader.read(block) },
		"owned": func() (Header, error) {
			var m Msg
			err := copyMsg(&m, raw)
			return m.Header, err
		},
		"reply": func() (Header, error) {
			m, err := nc.replyMsg(reply)
			if err != nil {
				return nil, err
			}
			return m.Header, nil
		},
	}
}

// TestLinesOfAHeaderBlockTakeNoMemory reads blocks whose lines contain no field. They may
// cost one copy, but nothing per line.
func TestLinesOfAHeaderBlockTakeNoMemory(t *testing.T) {
	const slack = 64 << 10
	for name, lines := range map[string]string{
		"line ends":                 strings.Repeat("\n", 1<<20),
		"blank lines":               strings.Repeat("\r\n", 1<<19),
		"as many as are read":       strings.Repeat("\n", protocol.HeaderFieldsMax),
		"lines without a name":      strings.Repeat(":\r\n", protocol.HeaderFieldsMax),
		"one field, then line ends": "a: b\r\n\r\n" + strings.Repeat("\n", 1<<20),
	} {
		block := blockOf(lines)
		for way, read := range ways(block) {
			bytes := allocated(func() {
				if _, err := read(); err != nil {
					t.Errorf("%s, %s: %v", way, name, err)
				}
			})
			if limit := uint64(len(block) + slack); bytes > limit {
				t.Errorf("%s, %s: a block of %d bytes allocates %d", way, name, len(block), bytes)
			}
		}
	}
}

// TestTooManyFieldsAreRefusedCheaply reads blocks with more lines than are allowed: the
// constant bounds the allocation, not the number of lines.
func TestTooManyFieldsAreRefusedCheaply(t *testing.T) {
	const limit = 16*protocol.HeaderFieldsMax + 64<<10
	for name, lines := range map[string]string{
		"lines without a name": strings.Repeat(":\r\n", 300_000),
		"broken lines":         strings.Repeat("x\r\n", 300_000),
	} {
		block := blockOf(lines)
		var reader headerReader
		bytes := allocated(func() {
			if h, err := reader.read(block); !errors.Is(err, protocol.ErrBadHeaderMsg) {
				t.Errorf("%s: %d fields, error %v", name, len(h), err)
			}
		})
		if bytes > uint64(limit+2*len(block)) {
			t.Errorf("%s: a block of %d bytes allocates %d", name, len(block), bytes)
		}
		if reader.header != nil || reader.values != nil {
			t.Errorf("%s: the reader keeps memory of what it refused", name)
		}
	}
}

// TestHeadersOfManyFieldsAreReadAsTheProtocolSays crosses the bounds of chunks, of the memory
// that a reader keeps, and of the number of fields.
func TestHeadersOfManyFieldsAreReadAsTheProtocolSays(t *testing.T) {
	var reader headerReader
	for _, n := range []int{headerChunk - 1, headerChunk, headerChunk + 1, 3*headerChunk + 1,
		headerFieldsKept, headerFieldsKept + 1, 1, protocol.HeaderFieldsMax, protocol.HeaderFieldsMax + 1} {
		sameHeader(t, &reader, blockOf(distinct(n)))
		sameHeader(t, &reader, blockOf(distinct(n-1)+"k0:again\r\n"))
		sameHeader(t, &reader, blockOf(":\r\n"+distinct(n)+": x\r\n"))
	}
}

// TestReaderKeepsOrdinaryMemoryOnly: fields up to the bound cost no allocation, and nothing
// is kept of a header above it.
func TestReaderKeepsOrdinaryMemoryOnly(t *testing.T) {
	var reader headerReader
	read := func(block string) {
		if _, err := reader.read(block); err != nil {
			t.Error(err)
		}
		reader.release()
	}
	small, atBound, large := blockOf(distinct(3)), blockOf(distinct(headerFieldsKept)), blockOf(distinct(20_000))
	read(atBound) // its chunks become one
	for name, block := range map[string]string{"three fields": small, "as many as are kept": atBound} {
		if n := testing.AllocsPerRun(10, func() { read(block) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	for _, block := range []string{large, blockOf(distinct(20_000) + "k0:again\r\n")} {
		read(block)
		if reader.header != nil || cap(reader.values) > headerFieldsKept {
			t.Errorf("a map of %d fields and %d values are kept", len(reader.header), cap(reader.values))
		}
	}
}

// TestBorrowedMessagesLeaveNoLargeHeader delivers a header of many fields, also to a handler
// that panics.
func TestBorrowedMessagesLeaveNoLargeHeader(t *testing.T) {
	want := Header{}
	for i := range 2 * headerFieldsKept {
		want[fmt.Sprint("k", i)] = []string{"v"}
	}
	for _, panics := range []string{"", "on purpose"} {
		at := cursorAt(t, 1, &Msg{Subject: "a", Header: want})
		var got Header
		sub := &Subscription{handler: func(m *Msg) {
			got = m.Clone().Header
			if panics != "" {
				panic(panics)
			}
		}}
		c := sub.borrowedConsumer().(*borrowed)
		func() {
			defer func() {
				if r := recover(); r != nil && r != panics {
					t.Errorf("panic: %v", r)
				}
			}()
			c.Build(&at, 1)
			c.Call(0)
		}()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if c.msg.Header != nil || c.header.header != nil || cap(c.header.values) > headerFieldsKept {
			t.Errorf("panic %q: the header is kept", panics)
		}
	}
}
