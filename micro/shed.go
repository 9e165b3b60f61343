package micro

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/troupe-go/troupe/api"
)

// shed.go - answers for requests that no handler gets.
//
//	subscription drops ─► noted ─► the endpoint's actor: an error to each requester
//
// A request may be dropped by the goroutine that reads the socket, which must not publish: it
// could wait for itself.

// shedBytes bounds the reply subjects of requesters that wait for an answer, to one or two
// million. Further requesters get none, and are counted.
const shedBytes = 64 << 20

// shed are requesters that are to get an error. The zero value is ready.
type shed struct {
	telling sync.Mutex // held while answering

	mu          sync.Mutex
	overloaded  replies // of requests that found no room
	unavailable replies // of requests that the endpoint ended before
}

// replies are concatenated reply subjects, each preceded by its length.
type replies []byte

func (r replies) add(reply string) replies {
	return append(binary.AppendUvarint(r, uint64(len(reply))), reply...)
}

// all yields the subjects.
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
// whether it will get an answer. reply is copied.
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

// answerShed answers the requests that no handler got. When it returns, all that were noted
// before are answered.
func (e *Endpoint) answerShed() {
	e.shed.telling.Lock()
	defer e.shed.telling.Unlock()
	overloaded, unavailable := e.shed.take()
	e.refuseAll(overloaded, refusalOf(CodeOverloaded, "there is no room for the request"))
	e.refuseAll(unavailable, stopping())
}

func stopping() *ServiceError { return refusalOf(CodeUnavailable, "the endpoint stops") }

// refuseAll sends the same error to many requesters. It fails if the connection is closed or its
// buffer is full.
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
