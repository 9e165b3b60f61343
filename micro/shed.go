package micro

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/troupe-go/troupe/api"
)

// shed.go - answers for requests that no handler gets.
//
//	subscription drops ─► noted ─► the endpoint's actor: an error for each requester
//
// Who drops may be who reads from the socket, and must not publish: it could wait for itself.

// shedBytes bounds the reply subjects of requesters that wait to be told: a million or two of
// them. Who comes then hears nothing, and is counted.
const shedBytes = 64 << 20

// shed are requesters that are to get an error. The zero value is ready.
type shed struct {
	telling sync.Mutex // held by who tells them

	mu          sync.Mutex
	overloaded  replies // of those for whom there was no room
	unavailable replies // of those for whom the end came first
}

// replies are reply subjects, one behind the other, each with its length in front.
type replies []byte

func (r replies) add(reply string) replies {
	return append(binary.AppendUvarint(r, uint64(len(reply))), reply...)
}

// all yields them.
func (r replies) all(yield func(string) bool) {
	for len(r) > 0 {
		n, begin := binary.Uvarint(r)
		end := begin + int(n)
		if !yield(string(r[begin:end])) {
			return
		}
		r = r[end:]
	}
}

// note adds a requester, and reports whether it is the first one since the last take, and
// whether it will be told. reply is not kept.
func (s *shed) note(reply string, ended bool) (first, noted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.overloaded) + len(s.unavailable)
	switch {
	case n+len(reply) > shedBytes:
		return false, false
	case ended:
		s.unavailable = s.unavailable.add(reply)
	default:
		s.overloaded = s.overloaded.add(reply)
	}
	return n == 0, true
}

// take returns all of them.
func (s *shed) take() (overloaded, unavailable replies) {
	s.mu.Lock()
	defer s.mu.Unlock()
	overloaded, unavailable = s.overloaded, s.unavailable
	s.overloaded, s.unavailable = nil, nil
	return overloaded, unavailable
}

// dropped notes a request that no handler gets. It must not block.
func (e *Endpoint) dropped(m *api.Msg, why error) {
	e.counts.shed.Add(1)
	if m.Reply == "" {
		return
	}
	first, noted := e.shed.note(m.Reply, !errors.Is(why, api.ErrSlowConsumer))
	if first {
		poke(&e.ref)
	}
	if !noted {
		e.counts.untold.Add(1)
	}
}

// answerShed tells requesters that no handler got their request. When it returns all are told
// who were noted before.
func (e *Endpoint) answerShed() {
	e.shed.telling.Lock()
	defer e.shed.telling.Unlock()
	overloaded, unavailable := e.shed.take()
	e.refuseAll(overloaded, refusalOf(CodeOverloaded, "there is no room for the request"))
	e.refuseAll(unavailable, stopping())
}

func stopping() *ServiceError { return refusalOf(CodeUnavailable, "the endpoint stops") }

// refuseAll sends the same error to many. It fails when the connection is closed, or cannot
// hold more: then that is what the requesters will see, too.
func (e *Endpoint) refuseAll(to replies, se *ServiceError) {
	if len(to) == 0 {
		return
	}
	m := &api.Msg{}
	se.write(m, e)
	for reply := range to.all {
		if e.service.nc.PublishMsg(&api.Msg{Subject: reply, Header: m.Header}) != nil {
			e.counts.untold.Add(1)
		}
	}
}
