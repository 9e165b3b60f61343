package protocol

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reading is a frame with its spans resolved, so that frames can be compared
// however the stream was cut.
type reading struct {
	Op                                   Op
	SID                                  uint64
	Subject, Reply, Queue                string
	Header, Payload, Arg                 string
	HasSubject, HasReply, HasHeaderBlock bool
	Max                                  int
}

func resolve(f *Frame, buf []byte) reading {
	return reading{
		Op: f.Op, SID: f.SID, Max: f.Max,
		Subject: string(f.Subject.Of(buf)), Reply: string(f.Reply.Of(buf)), Queue: string(f.Queue.Of(buf)),
		Header: string(f.Header.Of(buf)), Payload: string(f.Payload.Of(buf)), Arg: string(f.Arg.Of(buf)),
		HasSubject: f.Subject.Len() > 0, HasReply: f.Reply.Len() > 0, HasHeaderBlock: f.Header.Len() > 0,
	}
}

// outcome is the result of parsing a stream.
type outcome struct {
	Readings []reading
	Consumed int
	Failure  *Error // without its snippet, which depends on the bytes at hand
}

// sameFailure compares failures field by field, their kinds by identity.
var sameFailure = cmp.Comparer(func(a, b *Error) bool {
	return a == b || a != nil && b != nil && *a == *b
})

// readCut feeds the stream up to each cut in turn, as socket reads would, and then
// the rest.
func readCut(t testing.TB, p *Parser, stream []byte, cuts []int) outcome {
	t.Helper()
	var out outcome
	for _, cut := range append(slices.Clone(cuts), len(stream)) {
		for out.step(t, p, stream[:cut]) {
		}
	}
	return out
}

// step reads one frame of what has arrived and reports whether there was one. It
// moves the unread bytes first, since callers may.
func (out *outcome) step(t testing.TB, p *Parser, arrived []byte) bool {
	t.Helper()
	if out.Failure != nil {
		return false
	}
	buf := slices.Clone(arrived[out.Consumed:])
	var f Frame
	n, err := p.Next(buf, &f)
	if err != nil {
		var failure *Error
		if !errors.As(err, &failure) {
			t.Fatalf("untyped error %T: %v", err, err)
		}
		out.Failure = new(*failure)
		out.Failure.Snippet = ""
		return false
	}
	checkStep(t, p, buf, n)
	if n == 0 {
		return false
	}
	out.Readings = append(out.Readings, resolve(&f, buf[:n]))
	out.Consumed += n
	return true
}

// checkStep checks what holds after each call of Next without an error.
func checkStep(t testing.TB, p *Parser, buf []byte, n int) {
	t.Helper()
	if n < 0 || n > len(buf) {
		t.Fatalf("consumed %d of %d bytes", n, len(buf))
	}
	if n > 0 && p.resuming {
		t.Fatal("behind a whole frame the parser takes the slow path")
	}
	most := p.limits.ControlLine + p.limits.Payload + 4
	if need := p.Need(); need != 0 && (n != 0 || need <= len(buf) || need > most) {
		t.Fatalf("needs %d bytes after consuming %d of %d; at most %d are allowed", need, n, len(buf), most)
	}
}

// everyByte cuts after each byte of a stream.
func everyByte(stream []byte) []int {
	cuts := make([]int, len(stream))
	for i := range cuts {
		cuts[i] = i
	}
	return cuts
}
