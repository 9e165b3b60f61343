package api

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/troupe-go/troupe/protocol"
)

// subjectMemo remembers one subject that has passed the checks. Most programs
// publish to the same few subjects again and again, and comparing two strings
// costs a fraction of looking at each byte of one. The zero value is ready; safe
// for concurrent use.
type subjectMemo struct{ last atomic.Pointer[string] }

// memoOneIn is how often a subject that is not remembered takes the place of
// the one that is: often enough to follow a change, too rarely to be seen as an
// allocation or as traffic between processors.
const memoOneIn = 256

// check is protocol.CheckPublishSubject.
func (m *subjectMemo) check(subject string) error {
	if p := m.last.Load(); p != nil && *p == subject {
		return nil
	}
	return m.learn(subject)
}

func (m *subjectMemo) learn(subject string) error {
	if err := protocol.CheckPublishSubject(subject); err != nil {
		return err
	}
	if m.last.Load() == nil || rand.Uint32()%memoOneIn == 0 {
		kept := strings.Clone(subject) // the caller's may be borrowed
		m.last.Store(&kept)
	}
	return nil
}
